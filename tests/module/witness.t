#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# short: what is hidden is
exec "$(dirname "$0")/../../hostvm/run" --kernel "${KERNEL:-6.12}" -- \
	/opt/gmemfs/tests/module/witness
