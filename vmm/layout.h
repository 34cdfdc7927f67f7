/* SPDX-License-Identifier: GPL-2.0 */
/* The guest's layout: addresses, ports and interrupts of all that it finds. */
#ifndef LAYOUT_H
#define LAYOUT_H

#define MIB			(1ULL << 20)
#define GIB			(1ULL << 30)

/* Memory. The part that doesn't fit below the devices begins at 4 GiB. */
#define LOW_MEMORY_END		(3 * GIB)
#define HIGH_MEMORY_START	(4 * GIB)

/*
 * What the guest's kernel finds when it starts. Memory ends at BASE_MEMORY_END,
 * below 640 KiB, and begins again at EXTENDED_MEMORY_START. The ACPI tables,
 * the generation ID and the reset vector are between the two.
 */
#define GDT_ADDRESS		0x1000
#define PAGE_TABLES_ADDRESS	0x2000
#define ZERO_PAGE_ADDRESS	0x8000
#define BOOT_STACK_ADDRESS	0x10000
#define COMMAND_LINE_ADDRESS	0x20000
#define BASE_MEMORY_END		0x9fc00
#define ACPI_ADDRESS		0xe0000
#define ACPI_END		GENERATION_ADDRESS
#define GENERATION_ADDRESS	0xfe000	/* a page of its own */
#define RESET_VECTOR		0xffff0
#define EXTENDED_MEMORY_START	0x100000

/* Devices on the memory bus. */
#define VIRTIO_ADDRESS		0xd0000000ULL
#define VIRTIO_STRIDE		0x1000
#define IOAPIC_ADDRESS		0xfec00000
#define LOCAL_APIC_ADDRESS	0xfee00000

/* Pages that KVM reserves for its own use on Intel's CPUs. */
#define KVM_IDENTITY_MAP_ADDRESS	0xfffbc000ULL
#define KVM_TSS_ADDRESS			0xfffbd000ULL

/* Ports. */
#define I8042_PORT		0x64
#define I8042_RESET		0xfe
#define SERIAL_PORT		0x3f8
#define SERIAL_PORTS		8
#define SLEEP_PORT		0x600
#define SLEEP_PORTS		2

/* Interrupts: inputs of the I/O APIC. */
#define SERIAL_IRQ		4
#define GENERATION_IRQ		5
#define VIRTIO_IRQ		12
#define VIRTIO_MAX		12

#define CPUS_MAX		8
#define IOAPIC_ID		CPUS_MAX

#endif
