# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
#
# programs.sh PROGRAM... [--debug PROGRAM...]
#
# Inside the test host: runs tests that are a program each, one after the other, and
# tells of each as of one test, with its own lines indented before. After --debug it's
# with the debug build of the module, whose parameters make steps fail.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh

programs=/opt/gmemfs/tests
said=/run/programs.said
exit_status=/run/programs.status
tracing=/sys/kernel/tracing

# Programs leave it to their host's end.
reset_tracing() {
	echo 0 >$tracing/events/enable
	: >$tracing/set_event_pid
	: >$tracing/kprobe_events
	: >$tracing/trace
}

# As in a fresh host: without what others have mounted, or made in /run.
alone() { # COMMAND...
	unshare --mount sh -ec 'mount -t tmpfs none /run; exec "$@"' sh "$@"
}

# prove takes "Bail out!" for an end of all tests, wherever on a line.
run() { # PROGRAM
	echo "# Subtest: $1"
	reset_tracing
	{
		status=0
		alone "$programs/$1" 2>&1 || status=$?
		echo "$status" >$exit_status
	} | tee $said | sed -u 's/^Bail out!/# &/; s/^/    /'
	status=$(cat $exit_status)
	if [ "$status" -eq 77 ]; then
		skip 1 "$1: $(grep -m 1 -i skip $said)"
		return
	fi
	is "$status" 0 "$1"
	[ "$tap_last" -eq 0 ] || diag "$(grep -A 6 '^not ok\|^Bail out' $said)"
}

load_debug() {
	umount /dev/gmem
	rmmod gmemfs
	insmod /opt/gmemfs/debug/gmemfs.ko
	mount -t gmemfs none /dev/gmem
}

for argument; do
	case $argument in
	--debug) ok 'the debug build is loaded' load_debug ;;
	*) run "$argument" ;;
	esac
done
done_testing
