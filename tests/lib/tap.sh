# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
#
# A test in POSIX sh that speaks TAP, the Test Anything Protocol. Source it:
#
#	. "$(dirname "$0")/../lib/tap.sh"
#	plan 4					# or leave it out
#	ok 'mounts' mount -t gmemfs none /mnt	# passes if the command does
#	not_ok 'refuses' mount -o size=-1 ...	# passes if the command fails
#	is "$got" "$want" 'reads back'
#	skip 1 'needs two CPUs'
#	done_testing				# exits
#
# A failed test says why on lines that begin with '#', with the output of its
# command. One that took 20 s or more says how long. done_testing exits 0 if
# all passed, 1 if some failed or the plan was not kept; skip_all exits 77.
#
# Works under set -eu: a failed test ends nothing. `ok` and the like answer
# true always, so use $tap_last (0 or 1) to act on the last one.

tap_planned=0
tap_run=0
tap_failed=0
tap_last=0
tap_finished=0
tap_since=

tap_at_exit() {
	if [ "$tap_finished" = 0 ]; then
		echo "# ended before done_testing, after $tap_run tests"
		exit 1
	fi
}
trap tap_at_exit EXIT

# plan TESTS: say beforehand how many there will be
plan() {
	tap_planned=$1
	echo "1..$1"
}

# diag TEXT...: a line, or several, for the reader
diag() {
	printf '%s\n' "$*" | sed 's/^/# /'
}

# How long has the test taken since the one before?
tap_clock() {
	{ read -r tap_now _ </proc/uptime; } 2>/dev/null || return 0
	tap_now=${tap_now%.*}
	if [ -n "$tap_since" ] && [ $((tap_now - tap_since)) -ge 20 ]; then
		echo "# after $((tap_now - tap_since)) s"
	fi
	tap_since=$tap_now
}
tap_clock

tap_result() { # 0|1 NAME
	# shellcheck disable=SC2034 # for the test that sources this
	tap_last=$1
	tap_run=$((tap_run + 1))
	if [ "$1" = 0 ]; then
		echo "ok $tap_run - $2"
	else
		tap_failed=$((tap_failed + 1))
		echo "not ok $tap_run - $2"
	fi
	tap_clock
}

pass() { # NAME
	tap_result 0 "$1"
}

fail() { # NAME [WHY...]
	tap_result 1 "$1"
	shift
	if [ $# -gt 0 ]; then diag "  $*"; fi
}

# tap_capture COMMAND...: sets tap_status and tap_output
#
# The command runs in a subshell: what it sets is lost, on purpose.
tap_capture() {
	tap_status=0
	tap_output=$("$@" 2>&1) || tap_status=$?
}

tap_explain() { # COMMAND...
	diag "  ran: $*"
	diag "  exit status $tap_status"
	if [ -n "$tap_output" ]; then diag "$tap_output"; fi
}

# ok NAME COMMAND...: the command must succeed
ok() {
	tap_name=$1
	shift
	tap_capture "$@"
	if [ "$tap_status" = 0 ]; then
		tap_result 0 "$tap_name"
	else
		tap_result 1 "$tap_name"
		tap_explain "$@"
	fi
}

# not_ok NAME COMMAND...: the command must fail, but not die or be missing
not_ok() {
	tap_name=$1
	shift
	tap_capture "$@"
	if [ "$tap_status" -gt 0 ] && [ "$tap_status" -lt 126 ]; then
		tap_result 0 "$tap_name"
	else
		tap_result 1 "$tap_name"
		tap_explain "$@"
	fi
}

# is GOT WANT NAME
is() {
	if [ "$1" = "$2" ]; then
		tap_result 0 "$3"
		return
	fi
	tap_result 1 "$3"
	diag "  got  $1"
	diag "  want $2"
}

# like TEXT ERE NAME: some line of the text matches
like() {
	if printf '%s\n' "$1" | grep -Eq -e "$2"; then
		tap_result 0 "$3"
		return
	fi
	tap_result 1 "$3"
	diag "  no line matches: $2"
	diag "$1"
}

# skip TESTS WHY...: these cannot run here
skip() {
	tap_skip=$1
	shift
	while [ "$tap_skip" -gt 0 ]; do
		tap_skip=$((tap_skip - 1))
		tap_run=$((tap_run + 1))
		echo "ok $tap_run # SKIP $*"
	done
}

# skip_all WHY...: nothing in this file can run here; before any test
skip_all() {
	echo "1..0 # SKIP $*"
	tap_finished=1
	exit 77
}

# bail_out WHY...: no further test makes sense, here or anywhere
bail_out() {
	echo "Bail out! $*"
	tap_finished=1
	exit 1
}

# wait_for COMMAND...: until it succeeds; for a minute or so, then there is no point in going on
wait_for() {
	tap_tries=600
	until "$@" >/dev/null 2>&1; do
		tap_tries=$((tap_tries - 1))
		[ "$tap_tries" -gt 0 ] || bail_out "never: $*"
		sleep 0.1
	done
}

# done_testing: print the plan if there was none, and exit
done_testing() {
	tap_finished=1
	if [ "$tap_planned" = 0 ]; then
		echo "1..$tap_run"
	elif [ "$tap_planned" != "$tap_run" ]; then
		echo "# planned $tap_planned tests but ran $tap_run"
		exit 1
	fi
	if [ "$tap_failed" != 0 ]; then
		echo "# $tap_failed of $tap_run tests failed"
		exit 1
	fi
	[ "$tap_run" != 0 ] || exit 1
	exit 0
}
