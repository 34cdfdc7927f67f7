// SPDX-License-Identifier: GPL-2.0
/*
 * The guest view: the mapping that a VMM gives to KVM as a memslot.
 *
 * It is a VM_PFNMAP mapping: user accesses and KVM reach every page of the
 * file, but nobody gets a struct page from it. So GUP, O_DIRECT, ptrace, core
 * dumps and splice all refuse it, and none of them can touch a hidden page
 * through the direct map. Only devices get pages, by vfio.c.
 *
 * A mapping has no reference to its pages. The file's invalidate_lock keeps
 * them in place: a fault inserts an entry under it, held shared. Truncate holds
 * it exclusively, unmaps the pages (which tells KVM through its MMU notifier),
 * and only then gives them back.
 *
 * Pages that others have, too (common.c), are mapped read-only. A fault that
 * would write to one starts again with the lock held exclusively, gets the file
 * a page of its own (cow.c), and maps that before it lets go of the lock.
 *
 * A fault on a page that is missing (missing.c) waits for it without any lock,
 * and then starts again.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>

#include <uapi/linux/gmemfs.h>

#include "block.h"
#include "common.h"
#include "compat.h"
#include "cow.h"
#include "earlyvm.h"
#include "faults.h"
#include "gmem_inode.h"
#include "guard.h"
#include "missing.h"
#include "nameless.h"
#include "place.h"
#include "poison.h"
#include "populate.h"
#include "refusal.h"
#include "trace.h"
#include "units.h"
#include "unmap.h"
#include "view.h"

/*
 * After -ENOMEM the fault is tried again, once the OOM killer has had its turn.
 * But that frees no contiguous 2 MiB: so for a file that takes nothing else it
 * is an error, as it is with hugetlbfs. A memory error is reported as such, so
 * that a VMM can report it to its guest.
 */
vm_fault_t gmem_view_error(struct inode *inode, struct page *page)
{
	gmem_refusal_explain(inode, PTR_ERR(page));
	if (PTR_ERR(page) == -ENOMEM &&
	    gmem_i(inode)->flags & GMEM_FLAG_HUGE_ONLY)
		return VM_FAULT_SIGBUS;
	if (PTR_ERR(page) == -EHWPOISON)
		return VM_FAULT_HWPOISON;
	return vmf_error(PTR_ERR(page));
}

static struct gmem_want gmem_view_want(struct vm_fault *vmf)
{
	pgoff_t index = vmf->pgoff >> GMEM_BLOCK_ORDER;

	return (struct gmem_want){
		.place = gmem_place_of_vma(vmf->vma, index),
	};
}

struct page *gmem_view_page(struct vm_fault *vmf, struct inode *inode)
{
	struct gmem_want want = gmem_view_want(vmf);

	return gmem_block_populate(inode, vmf->pgoff, &want);
}

/*
 * Has a userfaultfd the mapping for write protection?
 *
 * A kernel that is older than 6.12.118 may let it have any mapping, in its
 * asynchronous mode. It then leaves markers in the page table where there is no
 * page, and a page table where 2 MiB were. No insertion of ours replaces a
 * marker. So the access would fault again for ever; and if the kernel makes it,
 * no signal ends that.
 */
static bool gmem_view_is_watched(const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_UFFD_WP;
}

/*
 * mmap() has refused this already; but a file that kept its memory in the
 * direct map when it was mapped may do so no more (GMEM_CREATE).
 */
static bool gmem_view_is_early(const struct vm_area_struct *vma)
{
	u64 flags = gmem_i(file_inode(vma->vm_file))->flags;

	return !(flags & GMEM_FLAG_KEEP_DIRECT_MAP) &&
	       gmem_early_vms_has(vma->vm_mm);
}

/**
 * gmem_view_refuses - does no fault in this mapping get memory?
 * @vma: the mapping; the fault holds its lock, so its flags stay
 *
 * The caller holds the file's invalidate_lock, shared at least. GMEM_CREATE
 * changes the file's flags under it, and only before the file has a size.
 */
bool gmem_view_refuses(const struct vm_area_struct *vma)
{
	struct inode *inode = file_inode(vma->vm_file);

	lockdep_assert_held(&inode->i_mapping->invalidate_lock);
	return gmem_view_is_watched(vma) || gmem_view_is_early(vma);
}

/**
 * struct gmem_view_fault - a fault on its way
 * @inode: the file
 * @pfn: the first frame that was mapped, or 0
 * @copy: set if the page is common and would be written to: the invalidate_lock
 *	  must be held exclusively
 * @owned: the lock is, and the file has a page of its own there
 * @unmapped: the page is not mapped in any guest view of the file
 * @missing: set to the file's channel, with a reference, if the page is missing
 */
struct gmem_view_fault {
	struct inode *inode;
	unsigned long pfn;
	bool copy;
	bool owned;
	bool unmapped;
	struct gmem_channel *missing;
};

/*
 * The protection that the VMA's flags say. vm_page_prot has less, because there
 * is ->pfn_mkwrite(). With it the kernel lets no entry be writable at first.
 * KVM takes such an entry for read-only memory, and emulates the guest's
 * instruction.
 *
 * The entry is dirty from the start: then mprotect() makes it writable when the
 * VMA is. It does that with no entry that is clean; so entries of common pages
 * are.
 */
static pgprot_t gmem_view_prot(const struct vm_area_struct *vma, bool common)
{
	pgprot_t prot;

	if (common)
		return vm_get_page_prot(vma->vm_flags & ~VM_WRITE);
	prot = vm_get_page_prot(vma->vm_flags);
	return pte_pgprot(pte_mkdirty(__pte(pgprot_val(prot))));
}

/* There is no page for the fault. */
static vm_fault_t gmem_view_no_page(struct gmem_view_fault *f,
				    struct page *page)
{
	if (page != ERR_PTR(GMEM_MISSING))
		return gmem_view_error(f->inode, page);
	f->missing = gmem_channel_get(f->inode);
	return 0;
}

/* An entry is there, but read-only: no insertion would change that. */
static void gmem_view_unmap(struct vm_fault *vmf, struct gmem_view_fault *f)
{
	if (vmf->flags & FAULT_FLAG_MKWRITE && !f->unmapped)
		gmem_unmap_guest(f->inode, (loff_t)vmf->pgoff << PAGE_SHIFT,
				 PAGE_SIZE);
	f->unmapped = true;
}

/*
 * A fault found the entry of the page table empty. Until it inserts, another
 * fault may have inserted a page table, or 2 MiB. Then neither insertion works,
 * and one of the two warns. So both check again, and insert, under the block's
 * lock.
 */
static vm_fault_t gmem_insert_single(struct vm_fault *vmf,
				     struct gmem_block *block,
				     unsigned long pfn, bool common)
{
	vm_fault_t ret = VM_FAULT_NOPAGE;

	mutex_lock(&block->lock);
	if (!pmd_leaf(READ_ONCE(*vmf->pmd)))
		ret = vmf_insert_pfn_prot(vmf->vma, vmf->address, pfn,
					  gmem_view_prot(vmf->vma, common));
	mutex_unlock(&block->lock);
	return ret;
}

/*
 * May a new 2 MiB entry be for a common block? It gets the VMA's vm_page_prot,
 * which isn't writable: see gmem_view_prot().
 */
static bool gmem_pmd_is_read_only(const struct vm_area_struct *vma)
{
	return !(pgprot_val(vma->vm_page_prot) & _PAGE_RW);
}

static vm_fault_t gmem_insert_block(struct vm_fault *vmf,
				    struct gmem_block *block,
				    unsigned long pfn, bool common)
{
	vm_fault_t ret = VM_FAULT_FALLBACK;
	pmd_t pmd;

	if (common && !gmem_pmd_is_read_only(vmf->vma))
		return ret;
	mutex_lock(&block->lock);
	pmd = READ_ONCE(*vmf->pmd);
	/* Not a block with holes: a touched hole must fault. */
	if (!block->nr_holes && (pmd_none(pmd) || pmd_leaf(pmd)))
		ret = gmem_insert_pfn_pmd(vmf, pfn, !common);
	mutex_unlock(&block->lock);
	return ret;
}

static vm_fault_t gmem_fault_single(struct vm_fault *vmf,
				    struct gmem_view_fault *f)
{
	unsigned int slot = vmf->pgoff % GMEM_BLOCK_PAGES;
	struct inode *inode = f->inode;
	struct gmem_block *block;
	struct page *page;
	vm_fault_t ret;
	bool common;

	if (gmem_beyond_end(inode, vmf->pgoff))
		return VM_FAULT_SIGBUS;

	page = gmem_view_page(vmf, inode);
	if (IS_ERR(page))
		return gmem_view_no_page(f, page);

	block = gmem_block_find(inode, vmf->pgoff);
	common = gmem_is_common(inode, block, slot, page);
	if (common && vmf->flags & FAULT_FLAG_WRITE) {
		f->copy = true;
		return 0;
	}
	gmem_view_unmap(vmf, f);
	f->pfn = page_to_pfn(page);
	ret = gmem_insert_single(vmf, block, f->pfn, common);
	if (ret == VM_FAULT_NOPAGE)
		atomic_long_inc(&gmem_i(inode)->faults_4k);
	return ret;
}

/* Are all 2 MiB around the fault in the VMA, aligned as in the file? */
static bool gmem_vma_fits_block(struct vm_fault *vmf)
{
	unsigned long start = vmf->address & PMD_MASK;
	pgoff_t slot = (vmf->address - start) >> PAGE_SHIFT;

	return start >= vmf->vma->vm_start &&
	       start + PMD_SIZE <= vmf->vma->vm_end &&
	       vmf->pgoff % GMEM_BLOCK_PAGES == slot;
}

/*
 * A write to a common block. If only a page of it is copied, that is for the
 * fault of a page.
 */
static vm_fault_t gmem_fault_copy(struct vm_fault *vmf,
				  struct gmem_block *block,
				  struct gmem_view_fault *f)
{
	f->copy = !f->owned &&
		  gmem_owns_blockwise(f->inode, block,
				      vmf->pgoff % GMEM_BLOCK_PAGES);
	return VM_FAULT_FALLBACK;
}

static vm_fault_t gmem_fault_block(struct vm_fault *vmf,
				   struct gmem_view_fault *f)
{
	pgoff_t first = round_down(vmf->pgoff, GMEM_BLOCK_PAGES);
	struct inode *inode = f->inode;
	struct gmem_block *block;
	struct page *page;
	vm_fault_t ret;

	if (gmem_beyond_end(inode, first + GMEM_BLOCK_PAGES - 1) ||
	    !gmem_vma_fits_block(vmf))
		return VM_FAULT_FALLBACK;

	page = gmem_view_page(vmf, inode);
	if (page == ERR_PTR(-EHWPOISON))
		return VM_FAULT_FALLBACK;
	if (IS_ERR(page))
		return gmem_view_no_page(f, page);

	block = gmem_block_find(inode, first);
	/* A page with a memory error is left out; the rest: by 4 KiB. */
	if (!block->huge || gmem_any_poisoned(block->huge, GMEM_BLOCK_PAGES))
		return VM_FAULT_FALLBACK;

	if (block->common && vmf->flags & FAULT_FLAG_WRITE)
		return gmem_fault_copy(vmf, block, f);

	f->pfn = page_to_pfn(block->huge);
	ret = gmem_insert_block(vmf, block, f->pfn, block->common);
	if (ret == VM_FAULT_NOPAGE)
		atomic_long_inc(&gmem_i(inode)->faults_2m);
	return ret;
}

static vm_fault_t gmem_fault_locked(struct vm_fault *vmf, unsigned int order,
				    struct gmem_view_fault *f)
{
	if (gmem_view_refuses(vmf->vma))
		return VM_FAULT_SIGBUS;
	return order ? gmem_fault_block(vmf, f) : gmem_fault_single(vmf, f);
}

/*
 * The page is common, and will be written to. Nobody clones the file while the
 * lock is held: so its own page is mapped.
 */
static vm_fault_t gmem_fault_owning(struct vm_fault *vmf, unsigned int order,
				    struct gmem_view_fault *f)
{
	struct address_space *mapping = f->inode->i_mapping;
	struct gmem_want want = gmem_view_want(vmf);
	vm_fault_t ret;
	int own;

	filemap_invalidate_lock(mapping);
	own = gmem_own_page(f->inode, vmf->pgoff, &want);
	f->owned = true;
	f->unmapped = own > 0;
	if (own >= 0)
		ret = gmem_fault_locked(vmf, order, f);
	else
		ret = gmem_view_error(f->inode, ERR_PTR(own));
	filemap_invalidate_unlock(mapping);
	return ret;
}

static vm_fault_t gmem_view_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	struct gmem_view_fault f = { .inode = inode };
	vm_fault_t ret;

	if (order && order != GMEM_BLOCK_ORDER)
		return VM_FAULT_FALLBACK;

	filemap_invalidate_lock_shared(inode->i_mapping);
	ret = gmem_fault_locked(vmf, order, &f);
	filemap_invalidate_unlock_shared(inode->i_mapping);
	if (f.copy)
		ret = gmem_fault_owning(vmf, order, &f);

	trace_gmem_fault(inode, vmf->pgoff, order, f.pfn,
			 (__force unsigned int)ret);
	/* Afterwards the mapping, and the file, may be gone. */
	return f.missing ? gmem_faults_wait(vmf, f.missing) : ret;
}

/*
 * Also ->pfn_mkwrite(), for an entry that is read-only: of a common page, or of
 * one that was common. The kernel must not make it writable itself: the file
 * may have been cloned meanwhile. So it is always replaced under the lock.
 */
static vm_fault_t gmem_view_fault(struct vm_fault *vmf)
{
	return gmem_view_huge_fault(vmf, 0);
}

/*
 * Called for a child's mapping before fork() copies the page table, and for
 * each new VMA that a mapping gets (a split, mremap()). MADV_KEEPONFORK may
 * have cleared the flag.
 */
static void gmem_view_open(struct vm_area_struct *vma)
{
	vm_flags_set(vma, VM_WIPEONFORK);
}

/*
 * All vm_ops of guest views have ->pfn_mkwrite(). Without it, the kernel takes
 * the VMA's protection for that of each entry: mprotect() would make entries of
 * common pages writable.
 */
static const struct vm_operations_struct gmem_view_ops = {
	.open		= gmem_view_open,
	.fault		= gmem_view_fault,
	.huge_fault	= gmem_view_huge_fault,
	.pfn_mkwrite	= gmem_view_fault,
};

/* A child must not have what its parent has privately: see below. */
static vm_fault_t gmem_refused_fault(struct vm_fault *vmf)
{
	return VM_FAULT_SIGBUS;
}

static vm_fault_t gmem_refused_huge_fault(struct vm_fault *vmf,
					  unsigned int order)
{
	return VM_FAULT_SIGBUS;
}

static const struct vm_operations_struct gmem_refused_ops = {
	.open		= gmem_view_open,
	.fault		= gmem_refused_fault,
	.huge_fault	= gmem_refused_huge_fault,
	.pfn_mkwrite	= gmem_refused_fault,
};

/*
 * fork() opens a child's mapping, but none with VM_DONTCOPY. On a kernel older
 * than 6.12.118, another process may also split one, by a userfaultfd. With the
 * flag the new part is as good as the old one; without it, it looks like a
 * child's, and is refused.
 */
static void gmem_private_open(struct vm_area_struct *vma)
{
	gmem_view_open(vma);
	if (vma->vm_mm != current->mm && !(vma->vm_flags & VM_DONTCOPY))
		vma->vm_ops = &gmem_refused_ops;
}

static const struct vm_operations_struct gmem_private_ops = {
	.open		= gmem_private_open,
	.fault		= gmem_view_fault,
	.huge_fault	= gmem_view_huge_fault,
	.pfn_mkwrite	= gmem_view_fault,
};

/* gmem_view_is - is this a guest view? None that is refused to a child is */
bool gmem_view_is(const struct vm_area_struct *vma)
{
	return vma->vm_ops == &gmem_view_ops ||
	       vma->vm_ops == &gmem_private_ops;
}

/**
 * gmem_view_fault_in - do the fault that an access by this task would do
 * @addr: an address
 * @write: is it a write?
 *
 * Return: 0; -ENOENT if there is no guest view that may be accessed so; or what
 * fixup_user_fault() returns.
 */
int gmem_view_fault_in(unsigned long addr, bool write)
{
	vm_flags_t needed = write ? VM_WRITE : VM_READ;
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	bool unlocked;
	int ret = -ENOENT;

	mmap_read_lock(mm);
	vma = vma_lookup(mm, addr);
	if (vma && gmem_view_is(vma) && vma->vm_flags & needed)
		ret = fixup_user_fault(mm, addr, write ? FAULT_FLAG_WRITE : 0,
				       &unlocked);
	mmap_read_unlock(mm);
	return ret;
}

/*
 * The kernel would copy a page of a private mapping on write into ordinary
 * memory, in the direct map. So the mapping becomes a shared mapping of a clone
 * that only it has.
 *
 * The kernel has decided by now how the mapping counts as memory of the
 * process, and goes by its flags when it ends: VM_ACCOUNT stays.
 *
 * Programs are mapped like that, too, and no file here is one: EINVAL.
 *
 * A child would share what it writes with its parent. So it doesn't get the
 * mapping. madvise(MADV_DOFORK) could change that: then it gets SIGBUS.
 */
static int gmem_private_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct file *clone;

	if (vma->vm_flags & VM_EXEC)
		return -EINVAL;
	clone = gmem_nameless_clone(file, vma->vm_pgoff, vma_pages(vma));
	if (IS_ERR(clone))
		return PTR_ERR(clone);
	vma_set_file(vma, clone);
	fput(clone);	/* the mapping has a reference of its own */
	vm_flags_set(vma, VM_SHARED | VM_MAYSHARE | VM_DONTCOPY);
	vma->vm_ops = &gmem_private_ops;
	return 0;
}

/*
 * VM_WIPEONFORK: a child has the mapping, but takes its own faults. fork()
 * copies a special 2 MiB entry without checking it again under its lock
 * (copy_huge_pmd()). If truncate removed the entry meanwhile, the child would
 * map memory that somebody else owns by then. So a child's mapping always has
 * the flag: see gmem_view_open().
 *
 * VM_HUGEPAGE: so a host whose THP policy is "madvise" gets 2 MiB entries, too.
 * madvise(MADV_NOHUGEPAGE) clears it again.
 */
int gmem_view_mmap(struct file *file, struct vm_area_struct *vma)
{
	u64 flags = gmem_i(file_inode(file))->flags;
	int ret;

	if (!(flags & GMEM_FLAG_KEEP_DIRECT_MAP)) {
		ret = gmem_guard_allows_mapping(file_inode(file));
		if (ret)
			return ret;
	}

	file_accessed(file);
	vm_flags_set(vma, VM_PFNMAP | VM_DONTDUMP | VM_WIPEONFORK);
	if (!(flags & GMEM_FLAG_NO_HUGE))
		vm_flags_set(vma, VM_HUGEPAGE);
	vma->vm_ops = &gmem_view_ops;
	return vma->vm_flags & VM_MAYSHARE ? 0 : gmem_private_mmap(file, vma);
}
