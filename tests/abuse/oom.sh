#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# More guests than the host has memory for: the OOM killer ends one or more, the
# others keep what they have, and afterwards the host is as before. And a guest
# that grows over the limit of its cgroup takes nobody along.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh

work=/run/oom
mkdir -p "$work/mount"
mib=$((1024 * 1024))
guests='a b c d'

kills() {
	sed -n 's/^oom_kill //p' /proc/vmstat
}

# Each writes its answer, or is killed before.
wait_for_all() { # ID
	vm_left=$((vm_seconds * 5))
	for name in $guests; do
		while vm_lives "$name" &&
			! grep -q "told-init: $1 " "$work/$name.console"; do
			vm_left=$((vm_left - 1))
			[ "$vm_left" -gt 0 ] || vm_die "$name" 'neither filled nor killed'
			sleep 0.2
		done
	done
}

sort_out() {
	survivors='' killed=''
	for name in $guests; do
		if vm_lives "$name"; then
			survivors="$survivors $name"
		else
			vm_gone "$name"
			is "$status" 137 "guest $name is killed"
			killed="$killed $name"
		fi
	done
}

# As an administrator would: it is the VMMs that shall go, the last one first.
start_all() {
	for name in $guests; do
		vm_start "$name" -object "$(vm_memory "$work/mount")"
		echo 300 >"/proc/$(vm_pid "$name")/oom_score_adj"
	done
	echo 900 >"/proc/$(vm_pid d)/oom_score_adj"
	for name in $guests; do
		vm_up "$name"
	done
}

test_host_is_full() {
	start_all
	for name in a b c; do
		vm_tell "$name" keep 16
	done
	is "$(kills)" "$kills_before" 'four guests fit in before they grow'
	vm_told=1000
	for name in $guests; do
		vm_told=1000
		vm_ask "$name" keep 88
	done
	wait_for_all 1001
	diag "hidden: $(($(sysfs hidden_bytes) / mib)) MiB"
	ok "they do not after: the OOM killer ran ($(($(kills) - kills_before)))" \
		test "$(kills)" -gt "$kills_before"
	sort_out
	like "$killed" d 'the first to go is who the administrator said'
	ok "some survive:$survivors" test -n "$survivors"
	vm_told=2000
	for name in $survivors; do
		vm_tell "$name" check
		is "$line" 'intact pages=26624' "guest $name survives, and is intact"
	done
	for name in $survivors; do
		vm_off "$name"
	done
	host_is_back
}

# ---- a limit of one tenant ----

start_in() { # CGROUP MEMORY_MAX
	mkdir "/sys/fs/cgroup/$1"
	echo "$2" >"/sys/fs/cgroup/$1/memory.max"
	vm_cgroup=$1
	vm_start "$1" -object "$(vm_memory "$work/mount")" -object \
		"memory-backend-file,id=s,share=on,align=2M,size=16M,mem-path=$work/mount/$1" \
		-device ivshmem-plain,memdev=s
	vm_cgroup=
}

test_cgroup() {
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control
	start_in one 176M
	start_in two max
	vm_up one
	vm_up two
	vm_tell one share-write 8 1
	vm_tell two keep 32
	sum=$(cksum <"$work/mount/one")
	before=$(kills)
	vm_ask one keep 88
	vm_gone one
	is "$status" 137 'a guest that grows over the limit of its cgroup is killed'
	ok '  by the OOM killer' test "$(kills)" -gt "$before"
	ok '  of that cgroup' grep -q '^oom_kill [1-9]' \
		/sys/fs/cgroup/one/memory.events
	is "$(cksum <"$work/mount/one")" "$sum" \
		'  a file that has a name outlives it, intact'
	vm_tell two check
	is "$line" 'intact pages=8192' '  the other tenant is intact'
	vm_off two
	rm "$work/mount/one" "$work/mount/two"
	host_is_back
}

mount -t gmemfs -o size=0 none "$work/mount"
remember_host
kills_before=$(kills)
diag "$(grep DirectMap /proc/meminfo)"
test_host_is_full
test_cgroup
diag "$(grep DirectMap /proc/meminfo)"
done_testing
