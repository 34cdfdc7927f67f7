#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# VFIO's driver for IOMMUs comes and goes, before and after gmemfs, and the hooks follow. Where it can't be
# hooked, or isn't to be, devices get no memory of gmemfs. Runs in a host without the module.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/devices/devices.sh
. /share/devices/devices.sh

TYPE1=vfio_iommu_type1
MNT=/dev/gmem
MODE=/sys/module/gmemfs/parameters/vfio
mkdir -p $MNT

news() {
	dmesg | sed -n 's/^\[[^]]*\] gmemfs: //p'
	dmesg --clear
}

load() { # [PARAMETER...]
	dmesg --clear
	insmod /opt/gmemfs/gmemfs.ko "$@"
	mount -t gmemfs none $MNT
	truncate -s 4M $MNT/memory
}

unload() {
	umount $MNT
	rmmod gmemfs
}

state() {
	cat /sys/fs/gmemfs/vfio
}

# The device's driver needs it no more than its container does.
type1_goes() {
	modprobe -r $TYPE1
}

works() {
	$HOLDER $MNT/memory try
}

test_type1_first() {
	modprobe $TYPE1
	load
	is "$(state)" hooked 'the driver first: hooked'
	like "$(news)" "vfio: $TYPE1 is hooked" '  the log says so'
	ok '  a device gets memory' works
	unload
	is "$(grep -c -e vaddr_get_pfns -e vfio_ /sys/kernel/tracing/enabled_functions || true)" 0 \
		'  unloaded: no function of it is redirected'
	ok '  and the driver unloads' type1_goes
}

test_type1_later() {
	load
	is "$(state)" absent 'the driver later: there is nothing to hook'
	for round in 1 2; do
		ok "  it loads, round $round" modprobe $TYPE1
		is "$(state)" hooked '  hooked'
		ok '  a device gets memory' works
		ok '  it unloads' type1_goes
		is "$(state)" absent '  and is gone'
	done
	unload
}

test_off() {
	modprobe $TYPE1
	load vfio=off
	is "$(state)" off 'vfio=off: it is left alone'
	not_ok '  no device gets memory' works
	ok '  switched on' sh -c "echo pin >$MODE"
	is "$(state)" hooked '  hooked'
	ok '  a device gets memory' works
	ok '  switched off' sh -c "echo off >$MODE"
	is "$(state)" off '  it is off'
	not_ok '  no device gets memory' works
	type1_goes
	is "$(state)" off '  unloaded, it is off still'
	modprobe $TYPE1
	is "$(state)" off '  and loaded again'
	unload
	type1_goes
	not_ok 'there is no vfio=maybe' insmod /opt/gmemfs/gmemfs.ko vfio=maybe
	like "$(news)" 'bad vfio=maybe; give pin or off' '  it says why'
}

# On kernels whose ftrace can be switched off.
test_no_ftrace() {
	modprobe $TYPE1
	if ! sysctl -q kernel.ftrace_enabled=0 2>/dev/null || [ "$(sysctl -n kernel.ftrace_enabled)" != 0 ]; then
		skip 4 "this kernel's ftrace can't be switched off"
		sysctl -q kernel.ftrace_enabled=1 || :
		type1_goes
		return
	fi
	# The guard isn't what this is about: without it, kvm may stay unhooked.
	load guard=off
	is "$(state)" unhooked 'ftrace is off: not hooked'
	like "$(news)" "devices get no memory of gmemfs, because $TYPE1 could not be hooked" '  the log says what follows'
	not_ok '  no device gets memory' works
	sysctl -q kernel.ftrace_enabled=1
	unload
	load
	is "$(state)" hooked '  ftrace is on, and gmemfs loaded again: hooked'
	unload
	type1_goes
}

# Both load and unload, at once.
test_races() {
	for round in 1 2 3 4 5; do
		modprobe $TYPE1 &
		load
		wait $! || bail_out 'the driver does not load'
		races_state=$(state)
		races_works=no
		! works || races_works=yes
		is "$races_state $races_works" 'hooked yes' "both load at once, round $round"
		modprobe -r $TYPE1 &
		unload
		wait $! || bail_out 'the driver does not unload'
	done
}

give_away "$NVME"
modprobe -r $TYPE1
test_type1_first
test_type1_later
test_off
test_no_ftrace
test_races
done_testing
