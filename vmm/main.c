// SPDX-License-Identifier: GPL-2.0
/*
 * gmemvm: a small VMM on libgmem, for reference: how a guest's memory is kept
 * out of the host kernel's direct map, and what a VMM has to do for it.
 */
#include "machine.h"
#include "options.h"
#include "status.h"

static int status_of(enum vm_end end)
{
	switch (end) {
	case VM_POWERED_OFF:
	case VM_QUIT:
		return STATUS_OK;
	case VM_RESET:
		return STATUS_RESET;
	default:
		return STATUS_FAILED;
	}
}

int main(int argc, char **argv)
{
	struct options options;
	int status = parse_options(&options, argc, argv);
	enum vm_end end;

	if (status != OPTIONS_RUN)
		return status;
	do
		end = machine_run(&options);
	while (end == VM_RESET && !options.no_reboot);
	return status_of(end);
}
