#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Attempts to unload the module, and to unmount, while it is in use.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh
# shellcheck source=tests/abuse/abuse.sh
. /share/abuse/abuse.sh

work=/run/abuse
guard=/opt/gmemfs/tests/guard

attempts=0 successes=0

# Both must fail as long as that process is there.
try_while() { # PID
	while kill -0 "$1" 2>/dev/null; do
		if rmmod gmemfs 2>/dev/null || umount /dev/gmem 2>/dev/null; then
			successes=$((successes + 1))
			break
		fi
		attempts=$((attempts + 1))
	done
}

bystander_comes
exec 9<$bystander
"$guard/hostile" 60 >"$work/log" 2>&1 &
try_while $!
status=0
wait $! || status=$?
is "$status" 0 'hostile guests run'
diag "$(grep -e '^# guests:' -e '^not ok' "$work/log")"
is "$successes" 0 "and the module stays"
ok "  after $attempts attempts" test "$attempts" -gt 100
exec 9<&-

bystander_is_whole
done_testing
