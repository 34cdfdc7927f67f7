#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# No host: the emulator runs the program by itself.
exec "$(dirname "$0")/../../hostvm/in-root" tests/libgmem/arm.sh
