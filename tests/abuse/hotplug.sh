#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A CPU goes and comes back, again and again, while memory is converted, filled and
# given back, and hostile guests run.
set -eu
# shellcheck source=tests/abuse/abuse.sh
. /share/abuse/abuse.sh

cpu=/sys/devices/system/cpu/cpu1/online

cycles=0

cycle() {
	echo 0 >"$cpu"
	sleep "0.$((cycles % 4))"
	echo 1 >"$cpu"
	cycles=$((cycles + 1))
}

bystander_comes
during 'memory comes, goes and is converted, while a CPU comes and goes' cycle \
	"$tests/fuzz/model" 60
before=$cycles
ok '  which it did several times' test "$before" -gt 10
during 'hostile guests run, while a CPU comes and goes' cycle "$tests/guard/hostile" 60
ok '  which it did several times' test "$((cycles - before))" -gt 10
diag "$cycles times in all"
is "$(cat "$cpu")" 1 'and is there'

bystander_is_whole
done_testing
