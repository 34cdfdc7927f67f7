#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The hostile guest without the guard kills the host: so hostile.t can fail.
set -eu
here=$(dirname "$0")
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"

# The first oops ends the host, since what it leaves behind hangs or not.
# shellcheck disable=SC2016 # $ is for the host's shell
tap_capture "$here/../../hostvm/run" --kernel "${KERNEL:-6.12}" --no-load \
	--append oops=panic --append panic=-1 --timeout 300 -- \
	sh -ec 'insmod /opt/gmemfs/gmemfs.ko guard=off
		mkdir -p /dev/gmem
		mount -t gmemfs none /dev/gmem
		exec /opt/gmemfs/tests/guard/hostile 30 1'

is "$tap_status" 99 'the kernel reports a bug'
like "$tap_output" 'BUG: unable to handle page fault for address: ff' \
	'it is an access to memory that is not mapped'
like "$tap_output" 'RIP: .*\[kvm(_amd|_intel)?\]|kvm_' 'from within KVM'
done_testing
