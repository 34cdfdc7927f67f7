// SPDX-License-Identifier: GPL-2.0
/* The VM generation ID: drawn, put into memory, and announced. */
#include <string.h>
#include <sys/random.h>

#include "error.h"
#include "generation.h"
#include "layout.h"

int generation_renew(const struct guest *guest)
{
	uint8_t id[GENERATION_SIZE];
	int ret;

	if (getrandom(id, sizeof(id), 0) != sizeof(id))
		return fail_errno("can't draw a generation ID");
	ret = guest_write(guest, GENERATION_ADDRESS, id, sizeof(id));
	if (ret)
		return fail("can't write the generation ID: %s",
			    strerror(-ret));
	return 0;
}

int generation_get(const struct guest *guest, uint8_t *id)
{
	return guest_read(guest, GENERATION_ADDRESS, id, GENERATION_SIZE);
}

/* The guest's interrupt controller remembers the edge. */
void generation_tell(struct vm *vm)
{
	vm_set_irq(vm, GENERATION_IRQ, 1);
	vm_set_irq(vm, GENERATION_IRQ, 0);
}
