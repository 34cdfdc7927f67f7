#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The host is suspended to idle again and again, while memory is converted and hostile
# guests run. suspend.t presses the power button, which wakes it.
set -eu
# shellcheck source=tests/abuse/abuse.sh
. /share/abuse/abuse.sh

suspended=0 attempts=0

# A press of the button just before leaves a wakeup pending, and then it fails.
suspend_once() {
	attempts=$((attempts + 1))
	! echo freeze 2>/dev/null >/sys/power/state || suspended=$((suspended + 1))
	sleep 1
}

modprobe button
bystander_comes
during 'memory comes, goes and is converted' suspend_once "$tests/fuzz/model" 60
before=$suspended
ok '  while the host was suspended several times' test "$before" -gt 4
during 'hostile guests run' suspend_once "$tests/guard/hostile" 60
ok '  while the host was suspended several times' test "$((suspended - before))" -gt 4
diag "$suspended times in all, of $attempts attempts"

bystander_is_whole
done_testing
