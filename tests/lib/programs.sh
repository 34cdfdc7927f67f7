# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
#
# programs.sh LINES: inside a test host without the module, runs programs that are a test each, one
# after the other, each with the module freshly loaded, and tells of each as of one test, with its own
# lines indented before. The lines are those of table_programs().
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh

said=/run/programs.said
exit_status=/run/programs.status
tracing=/sys/kernel/tracing

# See hostvm/guest/init.
check_frames() {
	[ ! -e /sys/module/gmemfs/parameters/frame_check ] ||
		echo 1 >/sys/module/gmemfs/parameters/frame_check
}

# What has just been killed may take a moment to let go.
unload() {
	check_frames || return 1
	umount -a -t gmemfs
	for _ in $(seq 60); do
		grep -q '^gmemfs ' /proc/modules || return 0
		! rmmod gmemfs || return 0
		sleep 1
	done
	return 1
}

load() { # BUILD
	mkdir -p /dev/gmem
	case $1 in
	release) insmod /opt/gmemfs/gmemfs.ko ;;
	debug) insmod /opt/gmemfs/debug/gmemfs.ko ;;
	esac
	mount -t gmemfs none /dev/gmem
}

# Programs leave it to their host's end. An event with a trigger can't be removed.
reset_tracing() {
	echo 0 >"$tracing"/events/enable
	for trigger in "$tracing"/events/gmem/*/trigger; do
		[ ! -e "$trigger" ] || echo '!stacktrace' 2>/dev/null >"$trigger" || :
	done
	: >"$tracing"/set_event_pid
	: >"$tracing"/kprobe_events
	: >"$tracing"/trace
}

# As in a fresh host: without what others have mounted, or made in /run.
alone() { # COMMAND...
	unshare --mount sh -ec 'mount -t tmpfs none /run; exec "$@"' sh "$@"
}

# prove takes "Bail out!" for an end of all tests, wherever on a line.
tell() { # PROGRAM [ARGUMENT]...
	{
		status=0
		alone "$@" 2>&1 || status=$?
		echo "$status" >$exit_status
	} | tee $said | sed -u 's/^Bail out!/# &/; s/^/    /'
}

run() { # FILE BUILD PROGRAM [ARGUMENT]...
	name=$1 build=$2
	shift 2
	echo "# Subtest: $name, begun at $(cut -d. -f1 /proc/uptime) s"
	tap_capture fresh "$build"
	if [ "$tap_status" -ne 0 ]; then
		fail "$name: the module is loaded afresh" "$tap_output"
		return
	fi
	tell "$@"
	status=$(cat $exit_status)
	if [ "$status" -eq 77 ]; then
		skip 1 "$name: $(grep -m 1 -i skip $said)"
		return
	fi
	is "$status" 0 "$name"
	[ "$tap_last" -eq 0 ] || diag "$(grep -A 6 '^not ok\|^Bail out' $said)"
}

renew() { # BUILD
	unload && reset_tracing && load "$1"
}

# As in a fresh host, the kernel makes RCU's grace periods short meanwhile, and not while the test runs: see
# hurry_rcu in hostvm/guest/init.
fresh() { # BUILD
	echo 1 >/sys/kernel/rcu_expedited
	renewed=0
	renew "$1" || renewed=$?
	echo 0 >/sys/kernel/rcu_expedited
	return "$renewed"
}

while read -r line; do
	# shellcheck disable=SC2086 # words
	run $line </dev/null
done <<END
$1
END
ok 'the module unloads' unload
done_testing
