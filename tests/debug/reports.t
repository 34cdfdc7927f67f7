#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Whatever the checkers of the kernels debug and kcsan report fails the run. A host for each
# mistake, as after the first report some of them are silent.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"

host() {
	"$here/../../hostvm/run" --kernel "$KERNEL" --no-load "$@"
}

report_of() { # MISTAKE ERE
	tap_capture host -- sh -c "insmod /opt/gmemfs/tests/provoke.ko mistake=$1; true"
	is "$tap_status" 99 "$1: the run fails"
	like "$tap_output" "$2" "$1: by the report that is meant for it"
}

test_debug() {
	ok 'a host that makes no mistake passes' host -- true
	report_of free 'BUG: KASAN: slab-use-after-free in use_after_free'
	report_of bounds 'BUG: KASAN: slab-out-of-bounds in use_beyond_end'
	report_of lock 'WARNING: possible circular locking dependency detected'
	report_of sleep 'BUG: sleeping function called from invalid context'
	report_of shift 'UBSAN: shift-out-of-bounds'
	report_of list 'list_del corruption'
	report_of leak 'unreferenced object 0x'
}

# The kernel's own races don't fail a run, ours do.
test_kcsan() {
	ok 'it looks for races, and a host without ours passes' \
		host -- sh -c 'sleep 2; awk "/^enabled: 1/ { on = 1 } /^setup_watchpoints:/ { set = \$2 }
			END { exit !(on && set) }" /sys/kernel/debug/kcsan'
	report_of race 'BUG: KCSAN: data-race in .*count_in_t'
}

case ${KERNEL:-6.12} in
debug | kcsan) "test_$KERNEL" ;;
*) skip_all 'only these kernels have such checkers: make test-debug, make test-races' ;;
esac
done_testing
