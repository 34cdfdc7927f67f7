#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Attempts to unload the module, and to unmount, while it is in use.
set -eu
# shellcheck source=tests/abuse/abuse.sh
. /share/abuse/abuse.sh

attempts=0 successes=0

# Both must fail as long as a file is open.
try() {
	attempts=$((attempts + 1))
	! rmmod gmemfs 2>/dev/null || successes=$((successes + 1))
	! umount /dev/gmem 2>/dev/null || successes=$((successes + 1))
}

bystander_comes
exec 9<$bystander
during 'hostile guests run' try "$tests/guard/hostile" 60
is "$successes" 0 "and the module stays"
ok "  after $attempts attempts" test "$attempts" -gt 100
exec 9<&-

bystander_is_whole
done_testing
