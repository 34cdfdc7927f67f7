#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# As on a CPU without protection keys.
exec "$(dirname "$0")/../../hostvm/run" --kernel "${KERNEL:-6.12}" \
	--append nopku -- /opt/gmemfs/tests/libgmem/windows
