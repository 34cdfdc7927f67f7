#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# short: nothing else maps and unmaps as SEV-ES guests have KVM do
here=$(dirname "$0")
exec "$here/../../hostvm/run" --kernel "${KERNEL:-6.12}" \
	--share "$here" --share "$here/../lib" -- sh /share/guard/atomic.sh
