#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Without the guard: only the library stands between the guest and the host. The
# first oops ends that, since what it leaves behind hangs or not.
# shellcheck disable=SC2016 # $ is for the host's shell
exec "$(dirname "$0")/../../hostvm/run" --kernel "${KERNEL:-6.12}" --no-load \
	--append oops=panic --append panic=-1 -- \
	sh -ec 'insmod /opt/gmemfs/gmemfs.ko guard=off
		mkdir -p /dev/gmem
		mount -t gmemfs none /dev/gmem
		exec /opt/gmemfs/tests/libgmem/clocks 30'
