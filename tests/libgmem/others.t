#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
here=$(dirname "$0")
exec "$here/../../hostvm/run" --kernel "${KERNEL:-6.12}" --no-load --timeout 1200 \
	--append oops=panic --append panic=-1 \
	--share "$here" --share "$here/../lib" -- /share/libgmem/others.sh
