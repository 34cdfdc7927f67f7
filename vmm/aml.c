// SPDX-License-Identifier: GPL-2.0
/* A writer of AML: packages, names, resources. */
#include <stdlib.h>
#include <string.h>

#include "aml.h"

#define OP_NAME		0x08
#define OP_BYTE		0x0a
#define OP_DWORD	0x0c
#define OP_STRING	0x0d
#define OP_SCOPE	0x10
#define OP_BUFFER	0x11
#define OP_PACKAGE	0x12
#define OP_METHOD	0x14
#define OP_EXTENDED	0x5b
#define OP_DEVICE	0x82
#define OP_NOTIFY	0x86

/* Each package length takes this many bytes: it is simple, and allowed. */
#define LENGTH_BYTES	3

void aml_bytes(struct aml *aml, const void *bytes, size_t size)
{
	if (size > AML_MAX - aml->size) {
		aml->overflow = true;
		return;
	}
	memcpy(aml->bytes + aml->size, bytes, size);
	aml->size += size;
}

static void byte(struct aml *aml, uint8_t value)
{
	aml_bytes(aml, &value, sizeof(value));
}

static void word(struct aml *aml, uint16_t value)
{
	aml_bytes(aml, &value, sizeof(value));
}

static void dword(struct aml *aml, uint32_t value)
{
	aml_bytes(aml, &value, sizeof(value));
}

/* ---- packages: objects that begin with their length ---- */

static void open_package(struct aml *aml)
{
	static const uint8_t room[LENGTH_BYTES];

	if (aml->depth == AML_DEPTH) {
		aml->overflow = true;
		return;
	}
	aml->open[aml->depth++] = aml->size;
	aml_bytes(aml, room, sizeof(room));
}

void aml_close(struct aml *aml)
{
	size_t start, length;
	uint8_t *at;

	if (!aml->depth || aml->overflow) {
		aml->overflow = true;
		return;
	}
	start = aml->open[--aml->depth];
	length = aml->size - start;
	at = aml->bytes + start;
	at[0] = (LENGTH_BYTES - 1) << 6 | (length & 0xf);
	at[1] = length >> 4;
	at[2] = length >> 12;
}

void aml_open_scope(struct aml *aml, const char *name)
{
	byte(aml, OP_SCOPE);
	open_package(aml);
	aml_bytes(aml, name, strlen(name));
}

void aml_open_device(struct aml *aml, const char *name)
{
	byte(aml, OP_EXTENDED);
	byte(aml, OP_DEVICE);
	open_package(aml);
	aml_bytes(aml, name, strlen(name));
}

/* ---- names ---- */

static void name_of(struct aml *aml, const char *name)
{
	byte(aml, OP_NAME);
	aml_bytes(aml, name, strlen(name));
}

void aml_name_string(struct aml *aml, const char *name, const char *value)
{
	name_of(aml, name);
	byte(aml, OP_STRING);
	aml_bytes(aml, value, strlen(value) + 1);
}

void aml_name_integer(struct aml *aml, const char *name, uint32_t value)
{
	name_of(aml, name);
	byte(aml, OP_DWORD);
	dword(aml, value);
}

/* Three letters of 5 bits and four hexadecimal digits, high byte first. */
void aml_name_pnp_id(struct aml *aml, const char *name, const char *id)
{
	uint16_t letters = (id[0] & 0x1f) << 10 | (id[1] & 0x1f) << 5 |
			   (id[2] & 0x1f);
	uint16_t digits = strtoul(id + 3, NULL, 16);

	name_of(aml, name);
	byte(aml, OP_DWORD);
	byte(aml, letters >> 8);
	byte(aml, letters);
	byte(aml, digits >> 8);
	byte(aml, digits);
}

void aml_name_package(struct aml *aml, const char *name, uint8_t value)
{
	name_of(aml, name);
	byte(aml, OP_PACKAGE);
	open_package(aml);
	byte(aml, 1);
	byte(aml, OP_BYTE);
	byte(aml, value);
	aml_close(aml);
}

void aml_name_address(struct aml *aml, const char *name, uint64_t address)
{
	name_of(aml, name);
	byte(aml, OP_PACKAGE);
	open_package(aml);
	byte(aml, 2);
	byte(aml, OP_DWORD);
	dword(aml, address);
	byte(aml, OP_DWORD);
	dword(aml, address >> 32);
	aml_close(aml);
}

/* ---- methods ---- */

#define METHOD_ONE_ARGUMENT	1

void aml_method_notify(struct aml *aml, const char *name, const char *device,
		       uint8_t value)
{
	byte(aml, OP_METHOD);
	open_package(aml);
	aml_bytes(aml, name, strlen(name));
	byte(aml, METHOD_ONE_ARGUMENT);
	byte(aml, OP_NOTIFY);
	aml_bytes(aml, device, strlen(device));
	byte(aml, OP_BYTE);
	byte(aml, value);
	aml_close(aml);
}

/* ---- resources: descriptors in a buffer that begins with its size ---- */

#define RESOURCE_PORTS		0x47
#define PORTS_16_BITS		1
#define RESOURCE_MEMORY		0x86
#define MEMORY_WRITABLE		1
#define RESOURCE_INTERRUPT	0x89
#define INTERRUPT_CONSUMER	1
#define INTERRUPT_EDGE		2
#define RESOURCE_END		0x79

void aml_open_resources(struct aml *aml)
{
	name_of(aml, "_CRS");
	byte(aml, OP_BUFFER);
	open_package(aml);
	byte(aml, OP_DWORD);
	dword(aml, 0);
}

void aml_memory(struct aml *aml, uint32_t address, uint32_t size)
{
	byte(aml, RESOURCE_MEMORY);
	word(aml, 9);
	byte(aml, MEMORY_WRITABLE);
	dword(aml, address);
	dword(aml, size);
}

void aml_ports(struct aml *aml, uint16_t first, uint8_t count)
{
	byte(aml, RESOURCE_PORTS);
	byte(aml, PORTS_16_BITS);
	word(aml, first);
	word(aml, first);
	byte(aml, 1);
	byte(aml, count);
}

void aml_interrupt(struct aml *aml, uint32_t number)
{
	byte(aml, RESOURCE_INTERRUPT);
	word(aml, 6);
	byte(aml, INTERRUPT_CONSUMER | INTERRUPT_EDGE);
	byte(aml, 1);
	dword(aml, number);
}

/* The end tag's checksum may be 0, which matches any contents. */
void aml_close_resources(struct aml *aml)
{
	size_t start;
	uint32_t size;

	byte(aml, RESOURCE_END);
	byte(aml, 0);
	if (!aml->depth || aml->overflow) {
		aml->overflow = true;
		return;
	}
	start = aml->open[aml->depth - 1] + LENGTH_BYTES + 1;
	size = aml->size - start - sizeof(size);
	memcpy(aml->bytes + start, &size, sizeof(size));
	aml_close(aml);
}
