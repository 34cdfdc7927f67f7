#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Load, unload, reload; what keeps the module loaded; what keeps it from
# loading; hibernation. Runs in a host without the module.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh

RELEASE=/opt/gmemfs/gmemfs.ko
DEBUG=/opt/gmemfs/debug/gmemfs.ko
MNT=/dev/gmem

# The last things that gmemfs said, without the time: one of the direct map, two of the guard where KVM
# has no BTF.
last_log() {
	dmesg | sed -n 's/^\[[^]]*\] gmemfs: //p' | tail -n 3
}

mount_it() {
	mkdir -p $MNT
	mount -t gmemfs none $MNT
}

# Somebody with a hidden block mapped, until release
hold() {
	/opt/gmemfs/tests/module/holder "$MNT" &
	holder=$!
	while [ ! -e /run/holder.ready ]; do sleep 0.1; done
	rm /run/holder.ready
}

release() {
	kill "$holder"
	wait "$holder" 2>/dev/null || true
}

test_load_and_unload() {
	for round in 1 2 3; do
		ok "load, round $round" insmod $RELEASE
		like "$(last_log)" '^direct map: ' 'says how it edits the direct map'
		ok 'mount' mount_it
		not_ok 'a mounted file system keeps it loaded' rmmod gmemfs
		ok 'umount' umount $MNT
		ok 'unload' rmmod gmemfs
		is "$(grep -c gmemfs /proc/filesystems || true)" 0 \
			'and it is gone'
	done
}

test_in_use() {
	insmod $RELEASE
	mount_it
	hold
	not_ok 'umount with a file in use' umount $MNT
	umount -l $MNT
	not_ok 'unload with a file in use, but no mount' rmmod gmemfs
	is "$(cat /sys/fs/gmemfs/hidden_bytes)" 2097152 'its memory is hidden'
	release
	is "$(cat /sys/fs/gmemfs/hidden_bytes)" 0 'and not once it is gone'
	ok 'then it unloads' rmmod gmemfs
}

# set_direct_map_valid_noflush() is in newer kernels only, where 2 MiB are hidden by that.
without_function() { # N
	case $1 in
	3 | 4 | 6) like "$(last_log)" '^direct map: set_memory_np; each edit flushes' \
		'  each edit flushes' ;;
	5) like "$(last_log)" '^direct map: set_memory_np$' '  each edit of 2 MiB does' ;;
	esac
}

# Each of the functions that the module looks up is missing in turn.
test_missing_functions() {
	for n in 1 2; do
		not_ok "load without function $n" insmod $DEBUG fail_symbol=$n
		like "$(dmesg | tail -n 3)" 'no function set_memory_n?p' \
			'the log says which it is'
		is "$(grep -c '^gmemfs' /proc/modules || true)" 0 'not loaded'
	done
	# It can do without the others.
	for n in 3 4 5 6; do
		ok "load without function $n" insmod $DEBUG fail_symbol=$n
		without_function $n
		mount_it
		ok '  pages are hidden and exposed all the same' \
			/opt/gmemfs/tests/module/convert
		umount $MNT
		rmmod gmemfs
	done
	not_ok 'load where hiding does not work' insmod $DEBUG fail_hide=1
	is "$(grep -c '^gmemfs' /proc/modules || true)" 0 'not loaded'
	ok 'the debug build loads' insmod $DEBUG
	rmmod gmemfs
}

test_pool() {
	ok 'load with pool=3m' insmod $RELEASE pool=3m
	is "$(cat /sys/fs/gmemfs/pool/low_bytes)" 4194304 \
		'whole blocks, on all nodes together'
	rmmod gmemfs
	for bad in '' x 3q -1 1000000g 17179869184g 18446744073709551615; do
		not_ok "load with pool=$bad" insmod $RELEASE "pool=$bad"
		like "$tap_output" 'Invalid|out of range' '  is no number, or too much'
		like "$(last_log)" "bad pool=$bad; give bytes" '  and the log says why'
		is "$(grep -c '^gmemfs' /proc/modules || true)" 0 '  not loaded'
	done
}

# tee, because it tells the error; dash's echo says "I/O error" for all.
hibernate() {
	echo disk | tee /sys/power/state
}

# As far as who wants the image of a running kernel goes: all but the devices. Of
# what would come, Linux 7.3 brings back no virtio console.
prepare_hibernation() {
	: </dev/snapshot
}

test_hibernation() {
	if ! grep -qw disk /sys/power/state; then
		skip 4 'this kernel does not offer hibernation'
		return
	fi
	insmod $RELEASE
	mount_it
	hold
	not_ok 'hibernation with hidden memory' hibernate
	like "$tap_output" 'busy' 'EBUSY'
	like "$(last_log)" 'hibernation refused: 2 MiB' 'and the log says why'
	release
	ok 'hibernation with nothing hidden goes past us' prepare_hibernation
	hold
	is "$(cat /sys/fs/gmemfs/hidden_bytes)" 2097152 \
		'hiding works again afterwards'
	release
	umount $MNT
	rmmod gmemfs
}

test_load_and_unload
test_in_use
test_missing_functions
test_pool
test_hibernation
done_testing
