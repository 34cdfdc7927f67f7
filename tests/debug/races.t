#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A data race in a module of ours, reported by KCSAN, fails the run; the kernel's own don't.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"

[ "${KERNEL:-6.12}" = kcsan ] ||
	skip_all 'only the kernel kcsan looks for data races: make test-races'

host() {
	"$here/../../hostvm/run" --kernel kcsan --no-load "$@"
}

ok 'it looks for them, and a host without ours passes' \
	host -- sh -c 'sleep 2; awk "/^enabled: 1/ { on = 1 } /^setup_watchpoints:/ { set = \$2 }
		END { exit !(on && set) }" /sys/kernel/debug/kcsan'
tap_capture host -- sh -c 'insmod /opt/gmemfs/tests/provoke.ko mistake=race; true'
is "$tap_status" 99 'a host with one of ours does not pass'
like "$tap_output" 'BUG: KCSAN: data-race in .*count_in_t' 'by the report of that'
done_testing
