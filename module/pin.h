/* SPDX-License-Identifier: GPL-2.0 */
/* Memory of a mapping, for a device: pin.c. */
#ifndef GMEMFS_PIN_H
#define GMEMFS_PIN_H

#include <linux/types.h>

struct page;
struct vm_area_struct;

long gmem_pin(struct vm_area_struct *vma, unsigned long addr, unsigned long nr,
	      bool write, struct page **pages);

#endif /* GMEMFS_PIN_H */
