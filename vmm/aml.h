/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A writer of AML, the byte code of ACPI's tables (ACPI 6.5, chapter 20). It
 * has only what is needed for devices with an id, some addresses and an
 * interrupt, and for an event.
 */
#ifndef AML_H
#define AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AML_MAX		4096
#define AML_DEPTH	4

/* If more is written than fits, @overflow is set, and @bytes isn't overrun. */
struct aml {
	uint8_t bytes[AML_MAX];
	size_t size;
	size_t open[AML_DEPTH];	/* where the open packages begin */
	unsigned int depth;
	bool overflow;
};

void aml_bytes(struct aml *aml, const void *bytes, size_t size);

/* Names have 4 characters; a scope's may have a backslash before. */
void aml_open_scope(struct aml *aml, const char *name);
void aml_open_device(struct aml *aml, const char *name);
void aml_close(struct aml *aml);

void aml_name_string(struct aml *aml, const char *name, const char *value);
void aml_name_integer(struct aml *aml, const char *name, uint32_t value);

/* Encodes an id like PNP0501 as an integer. */
void aml_name_pnp_id(struct aml *aml, const char *name, const char *id);

/* A package with one integer. */
void aml_name_package(struct aml *aml, const char *name, uint8_t value);

/* A package with the low and the high half of an address. */
void aml_name_address(struct aml *aml, const char *name, uint64_t address);

/* A method with one argument, which notifies a device and does no more. */
void aml_method_notify(struct aml *aml, const char *name, const char *device,
		       uint8_t value);

/* A device's resources: open, any of the next three, close. */
void aml_open_resources(struct aml *aml);
void aml_memory(struct aml *aml, uint32_t address, uint32_t size);
void aml_ports(struct aml *aml, uint16_t first, uint8_t count);
void aml_interrupt(struct aml *aml, uint32_t number);
void aml_close_resources(struct aml *aml);

#endif
