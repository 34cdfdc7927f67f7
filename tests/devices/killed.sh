#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# killed [N]: processes are killed while a disk writes to their memory, which is a file with a name, or without
# one. No page is freed while the disk may write to it, and none stays.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/sysfs.sh
. /share/lib/sysfs.sh
# shellcheck source=tests/devices/devices.sh
. /share/devices/devices.sh

kills=${1:-20}

# Each writes for another while, and has its name removed meanwhile or afterwards.
kill_one() { # NUMBER
	rm -f /run/holder.ready /dev/gmem/memory
	truncate -s 32M /dev/gmem/memory
	$HOLDER /dev/gmem/memory dma >/run/holder.log 2>&1 &
	holder=$!
	until [ -e /run/holder.ready ]; do
		kill -0 "$holder" 2>/dev/null || bail_out "the holder ends: $(cat /run/holder.log)"
		sleep 0.1
	done
	[ $(($1 % 2)) = 0 ] || rm /dev/gmem/memory
	sleep "0.$(($1 % 10))"
	kill -9 "$holder"
	wait "$holder" 2>/dev/null || :
	rm -f /dev/gmem/memory
}

give_away "$NVME"
victim_comes
pinned=0 hidden=0 number=0
while [ "$number" -lt "$kills" ]; do
	number=$((number + 1))
	kill_one "$number"
	[ "$(settled pinned_bytes)" = 0 ] || pinned=$((pinned + 1))
	[ "$(settled hidden_bytes)" = 0 ] || hidden=$((hidden + 1))
done
is "$pinned" 0 "$kills were killed: afterwards nothing is pinned"
is "$hidden" 0 '  nor hidden'
is "$(sysfs device_bytes)" 0 '  no device has anything'
is "$(sysfs quarantined_bytes)" 0 '  nothing is in quarantine'
victim_is_whole 'nobody wrote to memory of others'
done_testing
