#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
here=$(dirname "$0")
exec "$here/../../hostvm/run" --timeout 1200 --kernel "${KERNEL:-6.12}" \
	--share "$here" --share "$here/../lib" -- sh /share/ctl/hostile.sh
