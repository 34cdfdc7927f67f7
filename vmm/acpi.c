// SPDX-License-Identifier: GPL-2.0
/* The ACPI tables. Their fields are those of ACPI 6.5, chapter 5. */
#include <stdio.h>
#include <string.h>

#include "acpi.h"
#include "aml.h"
#include "error.h"
#include "generation.h"
#include "layout.h"
#include "power.h"

#define PACKED	__attribute__((packed))

struct header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} PACKED;

struct address {
	uint8_t space;
	uint8_t bits;
	uint8_t offset;
	uint8_t access;
	uint64_t address;
} PACKED;

#define SPACE_PORTS	1
#define ACCESS_BYTE	1

struct rsdp {
	char signature[8];
	uint8_t checksum;	/* of the fields of revision 0 */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} PACKED;

#define RSDP_OLD_SIZE	20

struct xsdt {
	struct header header;
	uint64_t tables[2];
} PACKED;

struct fadt {
	struct header header;
	uint32_t facs;
	uint32_t dsdt;
	uint8_t without[65];	/* reduced hardware doesn't use these */
	uint16_t boot_flags;
	uint8_t reserved;
	uint32_t flags;
	struct address reset;
	uint8_t reset_value;
	uint16_t arm_flags;
	uint8_t minor_revision;
	uint64_t x_facs;
	uint64_t x_dsdt;
	struct address x_without[8];
	struct address sleep_control;
	struct address sleep_status;
	uint64_t hypervisor;
} PACKED;

_Static_assert(sizeof(struct fadt) == 276, "the FADT of ACPI 6");

#define BOOT_NO_VGA		(1U << 2)
#define BOOT_NO_MSI		(1U << 3)
#define BOOT_NO_CMOS		(1U << 5)
#define FADT_RESET		(1U << 10)
#define FADT_REDUCED_HARDWARE	(1U << 20)

struct madt_cpu {
	uint8_t type;
	uint8_t length;
	uint8_t processor;
	uint8_t apic;
	uint32_t flags;
} PACKED;

struct madt_ioapic {
	uint8_t type;
	uint8_t length;
	uint8_t id;
	uint8_t reserved;
	uint32_t address;
	uint32_t first_interrupt;
} PACKED;

struct madt {
	struct header header;
	uint32_t local_apic;
	uint32_t flags;
	struct madt_ioapic ioapic;
	struct madt_cpu cpus[CPUS_MAX];
} PACKED;

#define MADT_CPU	0
#define MADT_IOAPIC	1
#define CPU_ENABLED	1

/* ---- putting tables into memory ---- */

struct writer {
	const struct guest *guest;
	uint64_t next;
};

static uint8_t checksum(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint8_t sum = 0;

	while (size--)
		sum -= *bytes++;
	return sum;
}

static void begin(struct header *header, const char *signature,
		  uint8_t revision, uint32_t length)
{
	*header = (struct header){
		.length = length, .revision = revision,
		.oem_id = "GMEMFS", .oem_table_id = "GMEMVM  ",
		.oem_revision = 1, .creator_id = "GMEM",
		.creator_revision = 1,
	};
	memcpy(header->signature, signature, sizeof(header->signature));
}

/* Return: the table's address, or 0 if it could not be written */
static uint64_t put(struct writer *writer, const void *data, size_t size)
{
	uint64_t address = writer->next;

	if (size > ACPI_END - address ||
	    guest_write(writer->guest, address, data, size))
		return 0;
	writer->next = (address + size + 15) & -16ULL;
	return address;
}

static uint64_t put_table(struct writer *writer, struct header *header)
{
	header->checksum = 0;
	header->checksum = checksum(header, header->length);
	return put(writer, header, header->length);
}

/* ---- devices ---- */

static void add_serial(struct aml *aml)
{
	aml_open_device(aml, "COM1");
	aml_name_pnp_id(aml, "_HID", "PNP0501");
	aml_name_integer(aml, "_UID", 1);
	aml_open_resources(aml);
	aml_ports(aml, SERIAL_PORT, SERIAL_PORTS);
	aml_interrupt(aml, SERIAL_IRQ);
	aml_close_resources(aml);
	aml_close(aml);
}

static void add_virtio(struct aml *aml, unsigned int i)
{
	char name[5];

	snprintf(name, sizeof(name), "VIO%X", i & 0xf);
	aml_open_device(aml, name);
	aml_name_string(aml, "_HID", "LNRO0005");
	aml_name_integer(aml, "_UID", i);
	/* DMA is cache coherent; on x86 the table has to say so. */
	aml_name_integer(aml, "_CCA", 1);
	aml_open_resources(aml);
	aml_memory(aml, VIRTIO_ADDRESS + i * VIRTIO_STRIDE, VIRTIO_STRIDE);
	aml_interrupt(aml, VIRTIO_IRQ + i);
	aml_close_resources(aml);
	aml_close(aml);
}

/*
 * The device whose driver reads the generation ID, as Microsoft's "Virtual
 * Machine Generation ID" describes it, and the generic event device, whose
 * interrupt says that the ID has changed.
 */
static void add_generation(struct aml *aml)
{
	static const char id[] = "VM_Gen_Counter";

	aml_open_device(aml, "VGEN");
	aml_name_string(aml, "_HID", "GMEM0001");
	aml_name_string(aml, "_CID", id);
	aml_name_string(aml, "_DDN", id);
	aml_name_address(aml, "ADDR", GENERATION_ADDRESS);
	aml_close(aml);

	aml_open_device(aml, "GED_");
	aml_name_string(aml, "_HID", "ACPI0013");
	aml_name_integer(aml, "_UID", 0);
	aml_open_resources(aml);
	aml_interrupt(aml, GENERATION_IRQ);
	aml_close_resources(aml);
	aml_method_notify(aml, "_EVT", "VGEN", GENERATION_CHANGED);
	aml_close(aml);
}

static uint64_t put_dsdt(struct writer *writer, unsigned int nr_virtio)
{
	struct aml aml = {};
	struct header *header = (struct header *)aml.bytes;

	begin(header, "DSDT", 2, 0);
	aml.size = sizeof(*header);
	aml_open_scope(&aml, "\\_SB_");
	add_serial(&aml);
	add_generation(&aml);
	for (unsigned int i = 0; i < nr_virtio; i++)
		add_virtio(&aml, i);
	aml_close(&aml);
	aml_name_package(&aml, "_S5_", SLEEP_TYPE_OFF);
	if (aml.overflow)
		return 0;
	header->length = aml.size;
	return put_table(writer, header);
}

/* ---- the other tables ---- */

static struct address port_address(uint64_t port)
{
	return (struct address){
		.space = SPACE_PORTS, .bits = 8, .access = ACCESS_BYTE,
		.address = port,
	};
}

static uint64_t put_fadt(struct writer *writer, uint64_t dsdt)
{
	struct fadt fadt = {
		.dsdt = dsdt, .x_dsdt = dsdt,
		.boot_flags = BOOT_NO_VGA | BOOT_NO_MSI | BOOT_NO_CMOS,
		.flags = FADT_RESET | FADT_REDUCED_HARDWARE,
		.reset = port_address(I8042_PORT), .reset_value = I8042_RESET,
		.minor_revision = 5,
		.sleep_control = port_address(SLEEP_PORT),
		.sleep_status = port_address(SLEEP_PORT + 1),
	};

	begin(&fadt.header, "FACP", 6, sizeof(fadt));
	return put_table(writer, &fadt.header);
}

static uint64_t put_madt(struct writer *writer, unsigned int cpus)
{
	struct madt madt = {
		.local_apic = LOCAL_APIC_ADDRESS,
		.ioapic = {
			.type = MADT_IOAPIC, .length = sizeof(madt.ioapic),
			.id = IOAPIC_ID, .address = IOAPIC_ADDRESS,
		},
	};
	size_t unused = (CPUS_MAX - cpus) * sizeof(madt.cpus[0]);

	for (unsigned int i = 0; i < cpus; i++)
		madt.cpus[i] = (struct madt_cpu){
			.type = MADT_CPU, .length = sizeof(madt.cpus[0]),
			.processor = i, .apic = i, .flags = CPU_ENABLED,
		};
	begin(&madt.header, "APIC", 5, sizeof(madt) - unused);
	return put_table(writer, &madt.header);
}

static uint64_t put_xsdt(struct writer *writer, uint64_t fadt, uint64_t madt)
{
	struct xsdt xsdt = { .tables = { fadt, madt } };

	begin(&xsdt.header, "XSDT", 1, sizeof(xsdt));
	return put_table(writer, &xsdt.header);
}

static uint64_t put_rsdp(struct writer *writer, uint64_t xsdt)
{
	struct rsdp rsdp = {
		.oem_id = "GMEMFS", .revision = 2, .length = sizeof(rsdp),
		.xsdt = xsdt,
	};

	memcpy(rsdp.signature, "RSD PTR ", sizeof(rsdp.signature));
	rsdp.checksum = checksum(&rsdp, RSDP_OLD_SIZE);
	rsdp.extended_checksum = checksum(&rsdp, sizeof(rsdp));
	return put(writer, &rsdp, sizeof(rsdp));
}

int acpi_put(const struct guest *guest, unsigned int cpus,
	     unsigned int nr_virtio, uint64_t *address)
{
	struct writer writer = { .guest = guest, .next = ACPI_ADDRESS };
	uint64_t dsdt = put_dsdt(&writer, nr_virtio);
	uint64_t fadt = put_fadt(&writer, dsdt);
	uint64_t madt = put_madt(&writer, cpus);
	uint64_t xsdt = put_xsdt(&writer, fadt, madt);

	*address = put_rsdp(&writer, xsdt);
	if (!dsdt || !fadt || !madt || !xsdt || !*address)
		return fail("no room for the ACPI tables");
	return 0;
}
