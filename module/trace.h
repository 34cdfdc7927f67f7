/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints: /sys/kernel/tracing/events/gmemfs/
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM gmemfs

#if !defined(GMEMFS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define GMEMFS_TRACE_H

#include <linux/fs.h>
#include <linux/tracepoint.h>

DECLARE_EVENT_CLASS(gmem_directmap,
	TP_PROTO(unsigned long pfn, unsigned int nr, int ret),
	TP_ARGS(pfn, nr, ret),
	TP_STRUCT__entry(
		__field(unsigned long, pfn)
		__field(unsigned int, nr)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->pfn = pfn;
		__entry->nr = nr;
		__entry->ret = ret;
	),
	TP_printk("pfn=0x%lx nr=%u ret=%d",
		  __entry->pfn, __entry->nr, __entry->ret)
);

/* Pages left the direct map if ret is 0; otherwise that failed. */
DEFINE_EVENT(gmem_directmap, gmem_hide,
	TP_PROTO(unsigned long pfn, unsigned int nr, int ret),
	TP_ARGS(pfn, nr, ret)
);

/* Pages came back to the direct map if ret is 0; otherwise that failed. */
DEFINE_EVENT(gmem_directmap, gmem_expose,
	TP_PROTO(unsigned long pfn, unsigned int nr, int ret),
	TP_ARGS(pfn, nr, ret)
);

DECLARE_EVENT_CLASS(gmem_loan,
	TP_PROTO(const struct inode *inode, unsigned long pfn,
		 unsigned int borrowers),
	TP_ARGS(inode, pfn, borrowers),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(unsigned long, ino)
		__field(unsigned long, pfn)
		__field(unsigned int, borrowers)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->pfn = pfn;
		__entry->borrowers = borrowers;
	),
	TP_printk("dev=%d:%d ino=%lu pfn=0x%lx borrowers=%u",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->pfn, __entry->borrowers)
);

/* KVM borrowed a page: it is in the direct map. */
DEFINE_EVENT(gmem_loan, gmem_lend,
	TP_PROTO(const struct inode *inode, unsigned long pfn,
		 unsigned int borrowers),
	TP_ARGS(inode, pfn, borrowers)
);

/* The last borrower has returned a page, and no loan exposes it any more. */
DEFINE_EVENT(gmem_loan, gmem_return,
	TP_PROTO(const struct inode *inode, unsigned long pfn,
		 unsigned int borrowers),
	TP_ARGS(inode, pfn, borrowers)
);

/*
 * A fault in a guest view was handled: pfn is the first of 1 << order frames,
 * or 0 if there was none; ret is the vm_fault_t.
 */
TRACE_EVENT(gmem_fault,
	TP_PROTO(const struct inode *inode, pgoff_t pgoff, unsigned int order,
		 unsigned long pfn, unsigned int ret),
	TP_ARGS(inode, pgoff, order, pfn, ret),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(unsigned long, ino)
		__field(unsigned long, pgoff)
		__field(unsigned int, order)
		__field(unsigned long, pfn)
		__field(unsigned int, ret)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->pgoff = pgoff;
		__entry->order = order;
		__entry->pfn = pfn;
		__entry->ret = ret;
	),
	TP_printk("dev=%d:%d ino=%lu pgoff=0x%lx order=%u pfn=0x%lx ret=0x%x",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->pgoff, __entry->order, __entry->pfn, __entry->ret)
);

/*
 * A device got pages of a file: nr contiguous frames from pfn on, which are
 * pinned until VFIO lets go of them.
 */
TRACE_EVENT(gmem_pin,
	TP_PROTO(const struct inode *inode, pgoff_t pgoff, unsigned long pfn,
		 unsigned int nr),
	TP_ARGS(inode, pgoff, pfn, nr),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(unsigned long, ino)
		__field(unsigned long, pgoff)
		__field(unsigned long, pfn)
		__field(unsigned int, nr)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->pgoff = pgoff;
		__entry->pfn = pfn;
		__entry->nr = nr;
	),
	TP_printk("dev=%d:%d ino=%lu pgoff=0x%lx pfn=0x%lx nr=%u",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->pgoff, __entry->pfn, __entry->nr)
);

#endif /* GMEMFS_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
