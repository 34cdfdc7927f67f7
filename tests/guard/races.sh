#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# kvm.ko and gmemfs.ko load and unload at the same moment, in every order that
# chance makes. Each time KVM must be hooked, once, if both are there. Runs in a
# host without the module.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/modules.sh
. /share/lib/modules.sh

GMEMFS=/opt/gmemfs/gmemfs.ko
LEND=/opt/gmemfs/tests/guard/lend
MNT=/dev/gmem
HOOKS=8
ROUNDS=8

if grep -q '^kvm_amd' /proc/modules; then vendor=kvm_amd; else vendor=kvm_intel; fi
unpack_module kvm
kvm=$unpacked
mkdir -p $MNT

# Functions that lead to somewhere else
hooked() {
	grep -c -F '[kvm]' /sys/kernel/tracing/enabled_functions || :
}

# But not what it depends on, which insmod wants
unload_kvm() {
	rmmod $vendor kvm
}

now_ms() {
	echo $(($(date +%s%N) / 1000000))
}

# How long the two take to load, alone: so far apart may they begin.
measure() {
	begin=$(now_ms)
	insmod $GMEMFS
	insmod "$kvm"
	spread=$((($(now_ms) - begin) / 2))
	rmmod gmemfs kvm
	diag "a module takes $spread ms to load"
}

# A moment that is another one in each round
pause_for() { # ROUND
	ms=$(($1 * spread / ROUNDS))
	sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
}

# A command that may fail, at once or a moment later; in odd rounds it is the
# first.
meanwhile() { # ROUND COMMAND...
	[ $(($1 % 2)) = 1 ] || pause_for "$1"
	shift
	"$@" 2>/dev/null || :
}

# The other of the two
and() { # ROUND COMMAND...
	[ $(($1 % 2)) = 0 ] || pause_for "$1"
	shift
	"$@"
}

kernel_reports() {
	dmesg | grep -E "can't hook|WARNING|BUG|hung|no function" || :
}

# $1: what is done at once; both modules are there in the end
check_hooked() {
	modprobe $vendor
	[ -d /sys/module/gmemfs ] || insmod $GMEMFS
	is "$(hooked)" $HOOKS "$1: each function is hooked once"
	mount -t gmemfs none $MNT
	ok 'a clock page is lent' $LEND clock
	umount $MNT
	rmmod gmemfs
	is "$(hooked)" 0 'and none when the module is gone'
	is "$(kernel_reports)" '' 'the kernel has nothing to report'
	unload_kvm
}

test_both_load() {
	wrong=0
	for round in $(seq $ROUNDS); do
		meanwhile "$round" insmod "$kvm" &
		and "$round" insmod $GMEMFS || wrong=$((wrong + 1))
		wait
		[ "$(hooked)" = $HOOKS ] || wrong=$((wrong + 1))
		rmmod kvm
		[ "$(hooked)" = 0 ] || wrong=$((wrong + 1))
		rmmod gmemfs
	done
	is $wrong 0 "both load at once, $ROUNDS times: hooked each time"
	check_hooked 'after that'
}

# kvm can't go while we look at it; so it may stay.
test_kvm_goes_we_load() {
	wrong=0
	for round in $(seq $ROUNDS); do
		insmod "$kvm"
		meanwhile "$round" rmmod kvm &
		and "$round" insmod $GMEMFS || wrong=$((wrong + 1))
		wait
		want=0
		[ ! -d /sys/module/kvm ] || want=$HOOKS
		[ "$(hooked)" = $want ] || wrong=$((wrong + 1))
		rmmod gmemfs
		[ "$(hooked)" = 0 ] || wrong=$((wrong + 1))
		rmmod kvm 2>/dev/null || :
	done
	is $wrong 0 'kvm unloads as the module loads: hooked if it is there'
	check_hooked 'after that'
}

test_kvm_comes_we_unload() {
	wrong=0
	for round in $(seq $ROUNDS); do
		insmod $GMEMFS
		meanwhile "$round" insmod "$kvm" &
		and "$round" rmmod gmemfs || wrong=$((wrong + 1))
		wait
		[ "$(hooked)" = 0 ] || wrong=$((wrong + 1))
		rmmod kvm
	done
	is $wrong 0 'kvm loads as the module unloads: nothing stays hooked'
	check_hooked 'after that'
}

test_both_unload() {
	wrong=0
	for round in $(seq $ROUNDS); do
		insmod "$kvm"
		insmod $GMEMFS
		meanwhile "$round" rmmod kvm &
		and "$round" rmmod gmemfs || wrong=$((wrong + 1))
		wait
		[ "$(hooked)" = 0 ] || wrong=$((wrong + 1))
		rmmod kvm 2>/dev/null || :
	done
	is $wrong 0 'both unload at once: nothing stays hooked'
	check_hooked 'after that'
}

# A signal ends the wait for kvm, and whatever else loading does.
test_killed() {
	wrong=0
	for round in $(seq $ROUNDS); do
		meanwhile "$round" insmod "$kvm" &
		timeout --foreground -s KILL "0.$((round % 10))" insmod $GMEMFS || :
		wait
		want=0
		[ ! -d /sys/module/gmemfs ] || want=$HOOKS
		[ "$(hooked)" = $want ] || wrong=$((wrong + 1))
		rmmod gmemfs 2>/dev/null || :
		rmmod kvm
	done
	is $wrong 0 'killed as it loads: hooked if it is there'
	check_hooked 'after that'
}

dmesg --clear
unload_kvm
measure
test_both_load
test_kvm_goes_we_load
test_kvm_comes_we_unload
test_both_unload
test_killed
done_testing
