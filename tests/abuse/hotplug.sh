#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A CPU goes and comes back, again and again, while memory is converted, filled and
# given back, and hostile guests run.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh
# shellcheck source=tests/abuse/abuse.sh
. /share/abuse/abuse.sh

work=/run/abuse
tests=/opt/gmemfs/tests
cpu=/sys/devices/system/cpu/cpu1/online

cycles=0

cycle_while() { # PID
	while kill -0 "$1" 2>/dev/null; do
		echo 0 >"$cpu"
		sleep "0.$((cycles % 4))"
		echo 1 >"$cpu"
		cycles=$((cycles + 1))
	done
}

during() { # WHAT COMMAND...
	what=$1
	shift
	"$@" >"$work/log" 2>&1 &
	cycle_while $!
	status=0
	wait $! || status=$?
	is "$status" 0 "$what, while a CPU comes and goes"
	diag "$cycles cycles so far; $(grep -A 4 '^not ok' "$work/log")"
}

bystander_comes
during 'conversion' "$tests/module/convert"
during 'blocks come and go' "$tests/module/rounds"
during 'hostile guests' "$tests/guard/hostile" 60
ok 'the CPU went away several times' test "$cycles" -gt 10
is "$(cat "$cpu")" 1 'and is there'

bystander_is_whole
done_testing
