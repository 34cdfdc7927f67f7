#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# KVM unmaps with preemption off; and what KVM has mapped keeps the module from
# being unloaded. Runs in a host with the module.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh

ATOMIC=/opt/gmemfs/tests/guard/atomic

unload() {
	rmmod gmemfs
}

insmod /opt/gmemfs/tests/guard/unmapper.ko
ok 'unmapped with preemption off, pages are hidden later' $ATOMIC
diag "$tap_output"
ok 'KVM has a page of a file that is gone' $ATOMIC hold
umount /dev/gmem
not_ok "the module isn't unloaded as long" unload
like "$tap_output" 'in use' 'it is in use'
ok 'KVM unmaps it' rmmod unmapper
ok 'and the module goes, with what was just returned' unload
done_testing
