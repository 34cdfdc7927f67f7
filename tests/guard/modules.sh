#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# kvm.ko comes and goes, and the guard follows; its modes; what happens where
# it can't hook KVM. Runs in a host without the module, with kvm loaded.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/modules.sh
. /share/lib/modules.sh

GMEMFS=/opt/gmemfs/gmemfs.ko
DEBUG=/opt/gmemfs/debug/gmemfs.ko
LEND=/opt/gmemfs/tests/guard/lend
MODE=/sys/module/gmemfs/parameters/guard
MNT=/dev/gmem
KEPT=/run/kept

if grep -q '^kvm_amd' /proc/modules; then kvm=kvm_amd; else kvm=kvm_intel; fi
mkdir -p $MNT $KEPT

# What the module has said since the last call
news() {
	dmesg | sed -n 's/^\[[^]]*\] gmemfs: //p'
	dmesg --clear
}

load() { # PARAMETER...
	dmesg --clear
	insmod $GMEMFS "$@"
	mount -t gmemfs none $MNT
}

unload() {
	umount $MNT
	rmmod gmemfs
}

can_map() { # MOUNT
	truncate -s 2M "$1/map"
	mapped=0
	/opt/gmemfs/tests/guard/mapper "$1/map" || mapped=$?
	rm "$1/map"
	return "$mapped"
}

test_kvm_first() {
	load
	like "$(news)" 'guard: kvm is hooked, lend' 'kvm first: hooked at load'
	ok 'a clock page is lent' $LEND clock
	unload
	ok 'the module unloads with kvm loaded' modprobe -r $kvm
	modprobe $kvm
}

test_kvm_later() {
	modprobe -r $kvm
	load
	is "$(news | grep -c 'kvm is hooked' || true)" 0 \
		'kvm later: nothing to hook yet'
	ok 'a hidden file can be mapped' can_map $MNT
	for round in 1 2; do
		ok "kvm loads, round $round" modprobe $kvm
		like "$(news)" 'guard: kvm is hooked, lend' 'it is hooked'
		ok 'a clock page is lent' $LEND clock
		ok 'kvm unloads' modprobe -r $kvm
	done
	unload
	modprobe $kvm
}

# Unhooked again: nothing of ours is left in kvm's way.
test_unload_first() {
	load
	unload
	is "$(wc -l </sys/kernel/tracing/enabled_functions)" 0 \
		'unloaded, no function is redirected'
	load
	ok 'loaded again, a clock page is lent' $LEND clock
	unload
}

# A VM whose clock page has left its file, and which nobody has told.
test_vm_outlives_us() {
	load
	$LEND outlive >/run/outlive.log &
	vm=$!
	while [ ! -e /run/outlive.ready ]; do sleep 0.1; done
	ok 'the module unloads while a VM remembers a page of its' unload
	load
	kill -USR1 "$vm"
	status=0
	wait "$vm" || status=$?
	is "$status" 0 'the VM goes on'
	ok 'a clock page is lent' $LEND clock
	unload
}

set_mode() {
	printf %s "$1" | tee "$MODE"
}

test_modes() {
	load guard=deny
	is "$(cat $MODE)" deny 'deny'
	like "$(news)" 'guard: kvm is hooked, deny' 'says so'
	ok 'no clock page is lent, and the VM lives' $LEND deny
	ok 'switched to lend' set_mode lend
	ok 'a clock page is lent' $LEND clock
	ok 'switched to deny' set_mode deny
	ok 'none is' $LEND deny
	not_ok 'off is not for later' set_mode off
	like "$tap_output" 'busy' 'EBUSY'
	not_ok 'there is no mode "maybe"' set_mode maybe
	is "$(cat $MODE)" deny 'both have changed nothing'
	unload
	not_ok 'nor can it be loaded with that' insmod $GMEMFS guard=maybe
	like "$(news)" 'bad guard=maybe; give lend, deny or off' 'it says why'
}

test_off() {
	load guard=off
	like "$(news)" 'guard=off: any guest .* can crash this host' \
		'off: it says what that means'
	is "$(cat $MODE)" off 'off'
	ok 'a hidden file can be mapped' can_map $MNT
	not_ok 'lend is not for later' set_mode lend
	like "$tap_output" 'busy' 'EBUSY'
	unload
}

# $1: how it was made impossible
check_unhooked() {
	not_ok "$1: a hidden file can't be mapped" can_map $MNT
	like "$tap_output" 'Operation not permitted' 'EPERM'
	like "$(news)" 'could not be hooked.*direct_map=kept still work' \
		'it says why, and what can be done all the same'
	for _ in 1 2 3 4 5 6; do
		not_ok '  nor later' can_map $MNT
	done
	is "$(news | grep -c 'could not be hooked')" 2 '  and it says so three times in all'
	mount -t gmemfs -o direct_map=kept none $KEPT
	ok 'a file that stays in the direct map can' can_map $KEPT
	umount $KEPT
}

ftrace_off() {
	sysctl -qw kernel.ftrace_enabled=0
}

ftrace_on() {
	sysctl -qw kernel.ftrace_enabled=1
}

# Linux 7.3 doesn't know how to any more, whoever asks.
test_no_hooks() {
	if ftrace_off 2>/run/ftrace.err; then
		load
		check_unhooked 'ftrace is off'
		unload
		load guard=off
		ok 'with guard=off it can' can_map $MNT
		unload
		ftrace_on
	else
		like "$(cat /run/ftrace.err)" 'not supported' \
			"this kernel can't switch ftrace off"
		is "$(cat /proc/sys/kernel/ftrace_enabled)" 1 'it is on'
	fi
	load
	not_ok 'ftrace does not go off under us' ftrace_off
	ok 'a clock page is lent' $LEND clock
	unload
}

load_debug() {
	dmesg --clear
	insmod $DEBUG
	mount -t gmemfs none $MNT
}

# From now on functions are missing, or not.
missing() { # HOW_MANY
	echo "$1" >/sys/module/gmemfs/parameters/fail_symbol
}

test_missing_function() {
	modprobe -r $kvm
	load_debug
	missing -1
	modprobe $kvm
	check_unhooked 'a function is missing'
	unload
}

# Some comparison with the kernel's BTF fails: kvm isn't hooked, and the log
# names what differs. One after the other, until there is none left to fail. The guard compares when kvm.ko
# itself loads, so the module of the CPU's vendor stays away.
test_layout() {
	if [ ! -e /sys/kernel/btf/vmlinux ]; then
		skip 1 'this kernel has no BTF to compare with'
		return
	fi
	modprobe -r $kvm
	load_debug
	nth=0
	: >/run/differ
	unpack_module kvm
	load_needed kvm
	until [ $nth = 60 ] || grep -q 'kvm is hooked' /run/differ; do
		nth=$((nth + 1))
		echo $nth >/sys/module/gmemfs/parameters/fail_layout
		insmod "$unpacked"
		news >>/run/differ
		rmmod kvm
	done
	like "$(cat /run/differ)" 'kvm is hooked' \
		"hooked, after each of $((nth - 1)) comparisons has failed"
	for member in 'refresh_lock in struct gfn_to_pfn_cache' \
		'valid in struct gfn_to_pfn_cache' \
		'pfn in struct kvm_host_map'; do
		like "$(cat /run/differ)" "$member of this kernel isn't" \
			"refused, and said: $member"
	done
	case $(uname -r) in
	6.12.*) ;;
	*)
		like "$(cat /run/differ)" 'pin in struct kvm_follow_pfn' \
			'what only KVM has a header for, too'
		;;
	esac
	echo 1 >/sys/module/gmemfs/parameters/fail_layout
	modprobe $kvm
	check_unhooked 'a layout differs'
	unload
}

# Hidden memory is about and kvm can't be hooked: then kvm does not load.
test_kvm_refused() {
	modprobe -r $kvm
	load_debug
	/opt/gmemfs/tests/module/holder $MNT &
	holder=$!
	while [ ! -e /run/holder.ready ]; do sleep 0.1; done
	rm /run/holder.ready
	missing -1
	not_ok 'memory is hidden, a function is missing: kvm does not load' \
		modprobe $kvm
	like "$(news)" "kvm can't be loaded: .* memory is hidden" 'it says why'
	ok 'without kvm, hidden files can be mapped' can_map $MNT
	missing 0
	ok 'nothing is missing: it loads' modprobe $kvm
	like "$(news)" 'guard: kvm is hooked' 'hooked'
	kill "$holder"
	wait "$holder" || true
	ok 'a clock page is lent' $LEND clock
	unload
}

# Nothing is hidden, so kvm loads though it can't be hooked. Then nothing may become hidden.
test_shared_before() {
	modprobe -r $kvm
	load_debug
	missing -1
	ok 'kvm comes and can not be hooked: what is shared stays so' \
		/opt/gmemfs/tests/guard/unhooked "modprobe $kvm"
	diag "$tap_output"
	missing 0
	modprobe -r $kvm
	ok 'kvm is gone, and comes again' modprobe $kvm
	ok 'a clock page is lent' $LEND clock
	unload
}

# A call that KVM is in when it is hooked, isn't hooked.
test_vm_before() {
	dmesg --clear
	ok 'gmemfs comes while there is a VM' /opt/gmemfs/tests/guard/early \
		"insmod $GMEMFS && mount -t gmemfs none $MNT"
	diag "$tap_output"
	like "$(news)" 'it had a VM when gmemfs was loaded' 'it says why'
	ok 'a VM of another process has its clock page' $LEND clock
	unload
}

test_kvm_first
test_vm_before
test_kvm_later
test_unload_first
test_vm_outlives_us
test_modes
test_off
test_no_hooks
test_missing_function
test_layout
test_kvm_refused
test_shared_before
done_testing
