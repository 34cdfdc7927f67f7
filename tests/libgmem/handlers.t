#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
exec "$(dirname "$0")/../../hostvm/run" --kernel "${KERNEL:-6.12}" -- \
	/opt/gmemfs/tests/libgmem/handlers
