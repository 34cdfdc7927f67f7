# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
#
# What tests of abuse share. Each begins with bystander_comes and ends with
# bystander_is_whole: it has a file with data and did nothing wrong. That the kernel
# prints nothing is for hostvm to see, and host_is_back looks for lost memory.
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh

work=/run/abuse
# shellcheck disable=SC2034 # for who sources this
tests=/opt/gmemfs/tests
bystander=/dev/gmem/bystander

bystander_comes() {
	mkdir -p "$work"
	remember_host
	head -c 32M /dev/urandom >"$work/data"
	cp "$work/data" "$bystander"
}

# The command must pass, while DISTURB is called again and again.
during() { # WHAT DISTURB COMMAND [ARGUMENT]...
	what=$1 disturb=$2
	shift 2
	"$@" >"$work/log" 2>&1 &
	while kill -0 $! 2>/dev/null; do
		"$disturb"
	done
	status=0
	wait $! || status=$?
	is "$status" 0 "$what"
	diag "$(grep -e '^# guests:' -e ' steps, ' "$work/log")"
	[ "$tap_last" -eq 0 ] || diag "$(grep -A 4 '^not ok' "$work/log")"
}

bystander_is_whole() {
	ok 'who did nothing wrong has its data' cmp "$work/data" "$bystander"
	rm "$bystander" "$work/data"
	host_is_back
}
