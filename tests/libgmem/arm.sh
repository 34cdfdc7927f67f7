#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# In the host's root: builds the library for Arm, and runs a test of it.
set -eu
gcc=aarch64-linux-gnu-gcc

# On stderr: stdout is for the test.
make --silent -C lib products OUT=/out/arm CC=$gcc AR=aarch64-linux-gnu-ar >&2
$gcc -O2 -g -Wall -Wextra -Werror -std=gnu11 -D_GNU_SOURCE -static \
	-Wl,--wrap=pkey_alloc,--wrap=pkey_mprotect,--wrap=ioctl,--wrap=getauxval -pthread \
	-I/out/arm/include -o /out/arm/test tests/libgmem/arm.c \
	/out/arm/lib/libgmem.a
exec qemu-aarch64 -cpu max /out/arm/test
