#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
here=$(dirname "$0")
exec "$here/../../hostvm/run" --kernel "${KERNEL:-6.12}" \
	--share "$here" --share "$here/../lib" -- sh /share/guard/modes.sh
