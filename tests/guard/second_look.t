#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# On the debug build, whose parameters make steps fail.
# shellcheck disable=SC2016 # $ is for the host's shell
exec "$(dirname "$0")/../../hostvm/run" --kernel "${KERNEL:-6.12}" --no-load -- \
	sh -ec 'insmod /opt/gmemfs/debug/gmemfs.ko
		mkdir -p /dev/gmem
		mount -t gmemfs none /dev/gmem
		exec /opt/gmemfs/tests/guard/second_look'
