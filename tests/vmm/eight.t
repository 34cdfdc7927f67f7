#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# An oops ends it: what is left behind after one hangs or not.
#
# long: eight vCPUs on a host of two CPUs
here=$(dirname "$0")
exec "$here/../../hostvm/run" --kernel "${KERNEL:-6.12}" --no-load \
	--append oops=panic --append panic=-1 \
	--share "$here" --share "$here/../lib" -- sh /share/vmm/boot.sh eight
