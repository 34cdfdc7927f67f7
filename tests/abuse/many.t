#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
here=$(dirname "$0")
exec "$here/../../hostvm/run" --kernel "${KERNEL:-6.12}" --timeout 1200 \
	--share "$here" --share "$here/../lib" -- sh /share/abuse/many.sh
