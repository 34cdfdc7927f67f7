#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# short: all other tests on debugging kernels rely on what this one shows
here=$(dirname "$0")
exec "$here/../../hostvm/run" --kernel "${KERNEL:-6.12}" --no-load --allow-splat \
	--share "$here" --share "$here/../lib" -- sh /share/module/frame_check.sh
