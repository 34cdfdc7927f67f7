#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# short: the kernel's own order of things when two modules load at once
here=$(dirname "$0")
exec "$here/../../hostvm/run" --kernel "${KERNEL:-6.12}" --timeout 1200 --no-load \
	--share "$here" --share "$here/../lib" -- sh /share/guard/races.sh
