#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A guest with kvm-clock whose state is saved and loaded again, and that is
# migrated while it runs: its clocks go on from where they were, as if no time
# had passed, and never backwards; its memory is intact; and no more is lent
# than it needs.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/guest.sh
. /opt/gmemfs/share/gmemfs/guest.sh

work=/run/clock	# in memory: an emulated disk is slow
away=8000	# ms that the guest is to miss
mkdir -p "$work"
mount -o remount,size=2G /run
guest_cpus=2
guest_mib=160

say() {
	diag "$*"
}

die() {
	guest_clean_up
	bail_out "$*"
}

# Milliseconds since the host's boot.
host_ms() {
	now
	host_ms=$((${now#0} * 10))
}

# ---- QEMU's monitor, by a pipe ----

start_with_monitor() { # NAME QEMU-ARGUMENT...
	name=$1
	shift
	rm -f "$work/monitor.in" "$work/monitor.out"
	mkfifo "$work/monitor.in" "$work/monitor.out"
	guest_more="-monitor pipe:$work/monitor $*"
	cat "$work/monitor.out" >"$work/monitor.log" &
	start_guest "$name"
	exec 5<>"$work/monitor.in"
	said=0
}

# Returns when QEMU has done it. The sum isn't in what QEMU echoes.
monitor() { # COMMAND
	said=$((said + 1))
	printf '%s\nprint /d 770000+%d\n' "$1" "$said" >&5
	tries=1200
	until grep -q $((770000 + said)) "$work/monitor.log"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || die "QEMU doesn't answer: $1"
		sleep 0.1
	done
}

# ---- what is true before and after ----

check_lent() { # WHEN
	gmeminfo "$gmem_file" >"$work/info"
	# shellcheck source=/dev/null
	. "$work/info"
	# shellcheck disable=SC2154 # from there
	ok "$1: a page is lent, one a vCPU at most" \
		test "$lent" -gt 0 -a "$lent" -le $((guest_cpus * 4096))
	# shellcheck disable=SC2154
	is $((hidden + lent)) "$populated" "$1: the rest is hidden"
}

# The clocks have gone on by what the guest can have run, and by no more.
check_clocks() { # WHEN MOST
	ok "$1: the monotonic clock goes on ($((mono - mono0)) ms of $2)" \
		test "$mono" -ge "$mono0" -a $((mono - mono0)) -le "$2"
	ok "$1: so does the wall clock ($((real - real0)) ms)" \
		test "$real" -ge "$real0" -a $((real - real0)) -le "$2"
	ok "$1: the guest still reads them" test "$readings" -gt "$readings0"
	is "$backwards" 0 "$1: they never went backwards"
}

remember() {
	mono0=$mono real0=$real readings0=$readings
	host_ms
	from=$host_ms
}

test_saved() {
	guest_time
	remember
	monitor 'savevm one'
	host_ms
	ran=$((host_ms - from))
	sleep $((away / 1000))
	guest_time
	ok "the guest ran on meanwhile" test $((mono - mono0)) -ge $away

	host_ms
	from=$host_ms
	monitor 'loadvm one'
	guest_time
	host_ms
	check_clocks loaded $((ran + host_ms - from + 100))
	check_lent loaded
}

# To a file, while the guest runs, and from there into another QEMU's memory.
test_migrated() {
	guest_time
	remember
	monitor "migrate file:$work/state"
	# It answers when the devices' state is still to be written.
	until grep -Eq 'status: (completed|failed|cancelled)' "$work/monitor.log"; do
		monitor 'info migrate'
	done
	like "$(cat "$work/monitor.log")" 'Migration status: completed' \
		'migrated, while it ran'
	host_ms
	ran=$((host_ms - from))
	monitor 'info status'
	sleep $((away / 1000))
	echo quit >&5
	wait_exit
	exec 5>&-
	rm -f "$gmem_file"

	gmem_file=/dev/gmem/guest1
	host_ms
	from=$host_ms
	start_with_monitor incoming -incoming "file:$work/state"
	until grep -q 'VM status: running' "$work/monitor.log"; do
		monitor 'info status'
	done
	guest_time
	host_ms
	check_clocks migrated $((ran + host_ms - from + 100))
	check_lent migrated
}

qemu-img create -q -f qcow2 "$work/disk" 1G
start_with_monitor source -drive "if=none,id=disk,format=qcow2,cache=unsafe,file=$work/disk"
wait_guest hello booted
is "$(field clocksource "$line")" kvm-clock 'the guest has kvm-clock'
wait_guest tag= 'filled its memory'
check_lent booted
test_saved
test_migrated
end_guest incoming
is "$verdict" intact 'after all that, its memory is as it left it'
for name in hidden_bytes lent_bytes quarantined_bytes; do
	is "$(cat "/sys/fs/gmemfs/$name")" 0 "$name afterwards"
done
done_testing
