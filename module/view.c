// SPDX-License-Identifier: GPL-2.0
/*
 * The guest view: the mapping that a VMM gives to KVM as a memslot.
 *
 * It is a VM_PFNMAP mapping: user accesses and KVM reach every page of the
 * file, but nobody gets a struct page from it. So GUP, O_DIRECT, ptrace, core
 * dumps and splice all refuse it, and none of them can touch a hidden page
 * through the direct map.
 *
 * A mapping has no reference to its pages. The file's invalidate_lock keeps
 * them in place: a fault inserts an entry under it, held shared. Truncate holds
 * it exclusively, unmaps the pages (which tells KVM through its MMU notifier),
 * and only then gives them back.
 */
#include <linux/fs.h>
#include <linux/mm.h>

#include <uapi/linux/gmemfs.h>

#include "block.h"
#include "compat.h"
#include "earlyvm.h"
#include "gmem_inode.h"
#include "guard.h"
#include "place.h"
#include "poison.h"
#include "populate.h"
#include "trace.h"
#include "units.h"
#include "view.h"

/*
 * After -ENOMEM the fault is tried again, once the OOM killer has had its turn.
 * But that frees no contiguous 2 MiB: so for a file that takes nothing else it
 * is an error, as it is with hugetlbfs. A memory error is reported as such, so
 * that a VMM can report it to its guest.
 */
vm_fault_t gmem_view_error(struct inode *inode, struct page *page)
{
	if (PTR_ERR(page) == -ENOMEM &&
	    gmem_i(inode)->flags & GMEM_FLAG_HUGE_ONLY)
		return VM_FAULT_SIGBUS;
	if (PTR_ERR(page) == -EHWPOISON)
		return VM_FAULT_HWPOISON;
	return vmf_error(PTR_ERR(page));
}

struct page *gmem_view_page(struct vm_fault *vmf, struct inode *inode)
{
	pgoff_t index = vmf->pgoff >> GMEM_BLOCK_ORDER;
	struct gmem_want want = {
		.place = gmem_place_of_vma(vmf->vma, index),
	};

	return gmem_block_populate(inode, vmf->pgoff, &want);
}

bool gmem_view_beyond_end(struct inode *inode, pgoff_t pgoff)
{
	return pgoff >= DIV_ROUND_UP(i_size_read(inode), PAGE_SIZE);
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
 */
bool gmem_view_refuses(const struct vm_area_struct *vma)
{
	return gmem_view_is_watched(vma) || gmem_view_is_early(vma);
}

/*
 * The protection that the VMA's flags say. vm_page_prot has less while the
 * kernel wants to know which pages are written to (soft-dirty, after a write to
 * clear_refs): then it lets no entry be writable at first. KVM takes such an
 * entry for read-only memory, and emulates the guest's instruction.
 */
static pgprot_t gmem_view_prot(const struct vm_area_struct *vma)
{
	return vm_get_page_prot(vma->vm_flags);
}

/*
 * A fault found the entry of the page table empty. Until it inserts, another
 * fault may have inserted a page table, or 2 MiB. Then neither insertion works,
 * and one of the two warns. So both check again, and insert, under the block's
 * lock.
 */
static vm_fault_t gmem_insert_single(struct vm_fault *vmf, struct inode *inode,
				     unsigned long pfn)
{
	struct gmem_block *block = gmem_block_find(inode, vmf->pgoff);
	vm_fault_t ret = VM_FAULT_NOPAGE;

	mutex_lock(&block->lock);
	if (!pmd_leaf(READ_ONCE(*vmf->pmd)))
		ret = vmf_insert_pfn_prot(vmf->vma, vmf->address, pfn,
					  gmem_view_prot(vmf->vma));
	mutex_unlock(&block->lock);
	return ret;
}

static vm_fault_t gmem_insert_block(struct vm_fault *vmf,
				    struct gmem_block *block,
				    unsigned long pfn)
{
	vm_fault_t ret = VM_FAULT_FALLBACK;
	pmd_t pmd;

	mutex_lock(&block->lock);
	pmd = READ_ONCE(*vmf->pmd);
	/* Not a block with holes: a touched hole must fault. */
	if (!block->nr_holes && (pmd_none(pmd) || pmd_leaf(pmd)))
		ret = gmem_insert_pfn_pmd(vmf, pfn,
					  vmf->flags & FAULT_FLAG_WRITE);
	mutex_unlock(&block->lock);
	return ret;
}

static vm_fault_t gmem_fault_single(struct vm_fault *vmf, struct inode *inode,
				    unsigned long *pfn)
{
	struct page *page;
	vm_fault_t ret;

	if (gmem_view_beyond_end(inode, vmf->pgoff))
		return VM_FAULT_SIGBUS;

	page = gmem_view_page(vmf, inode);
	if (IS_ERR(page))
		return gmem_view_error(inode, page);

	*pfn = page_to_pfn(page);
	ret = gmem_insert_single(vmf, inode, *pfn);
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

static vm_fault_t gmem_fault_block(struct vm_fault *vmf, struct inode *inode,
				   unsigned long *pfn)
{
	pgoff_t first = round_down(vmf->pgoff, GMEM_BLOCK_PAGES);
	struct gmem_block *block;
	struct page *page;
	vm_fault_t ret;

	if (gmem_view_beyond_end(inode, first + GMEM_BLOCK_PAGES - 1) ||
	    !gmem_vma_fits_block(vmf))
		return VM_FAULT_FALLBACK;

	page = gmem_view_page(vmf, inode);
	if (page == ERR_PTR(-EHWPOISON))
		return VM_FAULT_FALLBACK;
	if (IS_ERR(page))
		return gmem_view_error(inode, page);

	block = gmem_block_find(inode, first);
	/* A page with a memory error is left out; the rest: by 4 KiB. */
	if (!block->huge || gmem_any_poisoned(block->huge, GMEM_BLOCK_PAGES))
		return VM_FAULT_FALLBACK;

	*pfn = page_to_pfn(block->huge);
	ret = gmem_insert_block(vmf, block, *pfn);
	if (ret == VM_FAULT_NOPAGE)
		atomic_long_inc(&gmem_i(inode)->faults_2m);
	return ret;
}

static vm_fault_t gmem_view_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	unsigned long pfn = 0;
	vm_fault_t ret;

	if (gmem_view_refuses(vmf->vma))
		return VM_FAULT_SIGBUS;
	if (order && order != GMEM_BLOCK_ORDER)
		return VM_FAULT_FALLBACK;

	filemap_invalidate_lock_shared(inode->i_mapping);
	if (order)
		ret = gmem_fault_block(vmf, inode, &pfn);
	else
		ret = gmem_fault_single(vmf, inode, &pfn);
	filemap_invalidate_unlock_shared(inode->i_mapping);

	trace_gmem_fault(inode, vmf->pgoff, order, pfn,
			 (__force unsigned int)ret);
	return ret;
}

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

static const struct vm_operations_struct gmem_view_ops = {
	.open		= gmem_view_open,
	.fault		= gmem_view_fault,
	.huge_fault	= gmem_view_huge_fault,
};

/*
 * Only MAP_SHARED: a private mapping would be copied on write, and the copies
 * would be ordinary memory, in the direct map.
 *
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

	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (!(flags & GMEM_FLAG_KEEP_DIRECT_MAP)) {
		ret = gmem_guard_allows_mapping();
		if (ret)
			return ret;
	}

	file_accessed(file);
	vm_flags_set(vma, VM_PFNMAP | VM_DONTDUMP | VM_WIPEONFORK);
	if (!(flags & GMEM_FLAG_NO_HUGE))
		vm_flags_set(vma, VM_HUGEPAGE);
	vma->vm_ops = &gmem_view_ops;
	return 0;
}
