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

attempts=0

# Both must fail as long as that process is there. It ends with 0 if all is well.
try_while() { # PID
	while kill -0 "$1" 2>/dev/null; do
		if rmmod gmemfs 2>/dev/null || umount /dev/gmem 2>/dev/null; then
			return 1
		fi
		attempts=$((attempts + 1))
	done
	wait "$1"
}

bystander_comes
exec 9<$bystander
"$guard/hostile" 60 >"$work/hostile.log" 2>&1 &
ok 'hostile guests run, and the module stays' try_while $!
diag "$attempts attempts; $(grep '^# guests:' "$work/hostile.log")"
ok '  of many attempts' test $attempts -gt 100
exec 9<&-

bystander_is_whole
done_testing
