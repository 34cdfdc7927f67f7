#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# guard= is switched between lend and deny while a hostile guest has KVM lend
# and return pages all the time. Runs in a host with the module.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh

HOSTILE=/opt/gmemfs/tests/guard/hostile
MODE=/sys/module/gmemfs/parameters/guard

switch_modes() {
	while sleep 0.1; do
		echo deny >$MODE
		sleep 0.02
		echo lend >$MODE
	done
}

switch_modes &
switcher=$!
ok 'the host survives, and nothing stays lent' $HOSTILE 15
diag "$tap_output"
kill $switcher
wait $switcher || :
echo deny >$MODE
ok 'denied, nothing of ours is lent' /opt/gmemfs/tests/guard/lend deny
echo lend >$MODE
ok 'allowed, it is' /opt/gmemfs/tests/guard/lend clock
done_testing
