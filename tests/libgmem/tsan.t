#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The stress test under TSan, for which addresses must not be too random.
exec "$(dirname "$0")/../../hostvm/run" --kernel "${KERNEL:-6.12}" -- \
	setarch --addr-no-randomize /opt/gmemfs/tests/libgmem/tsan/stress 4
