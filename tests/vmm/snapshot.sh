#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A guest ends with a snapshot, and others begin from there, at once: with its memory, its disk and
# its devices, and the right time; with random numbers of their own; and none changes what another
# one has, or the template. What isn't a snapshot of this machine is refused. The guard is on, as
# KVM writes to clones only by it.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh
# shellcheck source=tests/vmm/vmm.sh
. /share/vmm/vmm.sh

work=/run/vmm
disk=/var/tmp/disk
mib=8
template=/dev/gmem/template
snap=$work/snap
mkdir -p "$work"

# The VMM's own complaints. A copy instead of a clone is one only where files can be cloned.
complaints() { # NAME
	if [ "$cloning" = yes ]; then
		cat "$work/$1.stderr"
	else
		grep -v 'is copied, which takes time and memory' "$work/$1.stderr" || :
	fi
}

find_out_about_clones() {
	: >/dev/gmem/probe
	cloning=yes
	cp --reflink=always /dev/gmem/probe /dev/gmem/probe2 2>/dev/null || cloning=no
	rm -f /dev/gmem/probe /dev/gmem/probe2
	diag "files can be cloned: $cloning"
}

# ---- a template ----

# What a clone has to have afterwards: memory, a disk, a generator, a balloon.
start_template() { # NAME FILE SNAPSHOT [OPTION...]
	template_name=$1
	vmm_memory=,file=$2
	template_snap=$3
	shift 3
	vm_start "$template_name" --no-reboot --control="$(vmm_socket "$template_name")" \
		--snapshot="$template_snap" --disk="path=$disk.template" "$@"
	vm_up "$template_name"
	for module in virtio_mmio virtio_blk virtio-rng virtio_balloon; do
		vm_tell "$template_name" load $module
	done
	vm_tell "$template_name" keep 32
	vm_tell "$template_name" disk-write $mib 7
	vm_tell "$template_name" forks
	is "$line" forks=0 "$template_name: it isn't a clone"
}

take_snapshot() { # NAME SNAPSHOT
	vmm_control "$1" snapshot
	like "$report" '^{"snapshot_bytes":[0-9]+}$' "$1: --control says that the snapshot is made"
	vm_gone "$1"
	is "$status" 0 "$1: and gmemvm ends"
	is "$(complaints "$1")" '' '  without a complaint'
	is "$(stat -c %a "$2")" 600 '  the snapshot is for its owner only'
	is "$(reported snapshot_bytes)" "$(stat -c %s "$2")" '  and as long as --control said'
	vmm_memory=
}

test_template() {
	"$pattern" write $disk.template $mib 5
	start_template template $template "$snap"
	vm_tell template time
	template_mono=$(field mono_s)
	take_snapshot template "$snap"
	ok 'template: what the guest wrote is on the disk' "$pattern" check $disk.template $mib 7
	info $template
	ok 'template: its memory is in its file' test "$populated" -gt $((32 << 20))
	is "$hidden" "$populated" '  all of it hidden, the page of its clock, too'
}

# ---- clones ----

start_clone() { # NAME [OPTION...]
	clone_name=$1
	shift
	cp $disk.template "$disk.$clone_name"
	vmm_restore=$snap
	vmm_memory=,template=$template
	vm_start "$clone_name" --disk="path=$disk.$clone_name" --control="$(vmm_socket "$clone_name")" "$@"
	vmm_restore=
	vmm_memory=
}

# However long the answer takes on a busy machine: the guest's time is between two of the host's.
check_time() { # NAME
	before=$(date +%s)
	vm_tell "$1" time
	after=$(date +%s)
	real=$(field real_s)
	ok "$1: it has the host's time ($real, $before to $after)" \
		test "$real" -ge $((before - 5)) -a "$real" -le $((after + 5))
	ok '  and its clock was never set back' test "$(field mono_s)" -ge "$template_mono"
}

# The interrupt is there before the guest runs, but its kernel handles it when it has the time.
check_forks() { # NAME FORKS WHAT
	fork_tries=$((vm_seconds * 2))
	while vm_tell "$1" forks && [ "$line" != "forks=$2" ] && [ $fork_tries -gt 0 ]; do
		fork_tries=$((fork_tries - 1))
		sleep 0.5
	done
	is "$line" "forks=$2" "$3"
}

check_random() { # NAME
	check_forks "$1" 1 "$1: the kernel has seen that it is a clone"
	vm_tell "$1" urandom
	echo "$line" >>"$work/numbers"
	vm_tell "$1" random
	echo "$line" >>"$work/numbers"
}

check_clone() { # NAME
	vm_tell "$1" check
	is "$line" 'intact pages=8192' "$1: has the template's memory"
	check_random "$1"
	check_time "$1"
	vm_tell "$1" memory
	is "$(field clocksource)" kvm-clock '  and kvm-clock'
	vm_tell "$1" disk-check $mib 7
	is "$line" "intact pages=$((mib * 256))" "$1: reads what the template wrote"
	info "$(vm_file "$1")"
	ok "$1: all but its clocks is hidden" test $((populated - hidden)) -le $((vmm_cpus * 4096))
}

# Each writes something else, to its memory and its disk.
use_clone() { # NAME SEED
	vm_tell "$1" keep 16
	vm_tell "$1" disk-write $mib "$2"
}

end_clone() { # NAME SEED
	vm_tell "$1" check
	is "$line" 'intact pages=12288' "$1: its memory is its own"
	vm_off "$1"
	is "$(complaints "$1")" '' "$1: gmemvm has no complaint"
	ok "$1: its disk has what it wrote" "$pattern" check "$disk.$1" $mib "$2"
}

test_clones() { # NAME...
	: >"$work/numbers"
	# In one process, for vm_file.
	for clone in "$@"; do start_clone "$clone" --no-reboot; done
	for clone in "$@"; do check_clone "$clone"; done
	is "$(sort "$work/numbers" | uniq -d)" '' 'clones: no two random numbers are one'
	seed=20
	for clone in "$@"; do
		seed=$((seed + 1))
		use_clone "$clone" $seed
	done
	seed=20
	for clone in "$@"; do
		seed=$((seed + 1))
		end_clone "$clone" $seed
	done
}

# By the balloon and a reset, which a clone has no kernel for.
test_devices() {
	start_clone devices
	vm_tell devices check
	vmm_control devices 'balloon 32M'
	balloon_tries=$((vm_seconds * 2))
	while vmm_control devices && [ "$(reported actual_pages)" != 8192 ] &&
		[ $balloon_tries -gt 0 ]; do
		balloon_tries=$((balloon_tries - 1))
		sleep 0.5
	done
	is "$(reported actual_pages)" 8192 'devices: a clone gives memory back'
	vm_ask devices reset
	vm_gone devices
	is "$status" 3 'devices: a reset ends a clone with status 3'
}

# A clone with a name has a snapshot of its own, in place of an older one.
test_generations() {
	cp "$snap" "$work/second.snap"
	cp $disk.template $disk.first
	vmm_restore=$snap
	vmm_memory=,template=$template,file=/dev/gmem/second
	vm_start first --disk="path=$disk.first" --control="$(vmm_socket first)" \
		--snapshot="$work/second.snap"
	vmm_restore=
	vm_tell first keep 16
	take_snapshot first "$work/second.snap"
	not_ok 'generations: the older snapshot is replaced' cmp -s "$snap" "$work/second.snap"
	refused 'isn.t the memory of this snapshot' "$work/second.snap" ,template=$template \
		--disk="path=$disk.first"
	vmm_restore=$work/second.snap
	vmm_memory=,template=/dev/gmem/second
	vm_start second --disk="path=$disk.first"
	vmm_restore=
	vmm_memory=
	vm_tell second check
	is "$line" 'intact pages=12288' 'generations: a clone of a clone has the memory of both'
	check_forks second 2 '  and has seen that twice'
	vm_off second
	rm /dev/gmem/second
}

# ---- what fails ----

refused() { # ERE SNAPSHOT MEMORY [OPTION...]
	refused_why=$1
	refused_snap=$2
	refused_memory=$3
	shift 3
	status=0
	"$vmm" --restore="$refused_snap" --memory="size=${vm_mib}M$refused_memory" "$@" \
		</dev/null >"$work/refused.out" 2>"$work/refused.err" || status=$?
	is "$status" 1 "refused: $refused_why"
	like "$(cat "$work/refused.err")" "^gmemvm: .*$refused_why" '  and why'
}

# Another byte there, with the checksum as it was.
change() { # OFFSET
	cp "$snap" "$work/changed"
	byte=$(od -An -tu1 -j "$1" -N 1 "$snap")
	# shellcheck disable=SC2059 # it is the byte
	printf "\\$(printf %03o $((255 - byte)))" |
		dd of="$work/changed" bs=1 seek="$1" conv=notrunc status=none
}

test_damaged() {
	size=$(stat -c %s "$snap")
	set -- --disk="path=$disk.template"
	head -c $((size - 8)) "$snap" >"$work/short"
	refused 'copy it again' "$work/short" ,template=$template "$@"
	head -c 20 "$snap" >"$work/short"
	refused 'cut off' "$work/short" ,template=$template "$@"
	change 0
	refused 'not a snapshot' "$work/changed" ,template=$template "$@"
	change 8
	refused 'has version [0-9]+, and this gmemvm reads version 1: make' "$work/changed" \
		,template=$template "$@"
	for at in 30 100 $((size / 2)) $((size - 9)); do
		change $at
		refused 'damaged: copy it again' "$work/changed" ,template=$template "$@"
	done
}

test_other_machine() {
	one=--disk=path=$disk.template
	refused 'give --memory=size=192M' "$snap" ,size=256M,template=$template "$one"
	refused 'without an I/O pool: leave out shared-io' "$snap" ,shared-io=8M,template=$template "$one"
	refused 'give --cpus=1' "$snap" ,template=$template "$one" --cpus=2
	refused 'guest with 1 disks' "$snap" ,template=$template
	refused 'guest with 1 disks' "$snap" ,template=$template "$one" "$one"
	refused 'without a network: give no --net' "$snap" ,template=$template "$one" --net=tap=t
	refused 'had other features' "$snap" ,template=$template "$one,readonly=on"
	refused 'had other features' "$snap" ,template=$template,file=/dev/gmem/named \
		"$one,readonly=on"
	not_ok '  and no clone with a name is left behind' test -e /dev/gmem/named
	truncate -s 16M $disk.other
	refused 'as large as the disk' "$snap" ,template=$template --disk=path=$disk.other
	truncate -s 192M /dev/gmem/other
	refused 'isn.t the memory of this snapshot' "$snap" ,template=/dev/gmem/other "$one"
	truncate -s 100M /dev/gmem/other
	refused 'isn.t the memory of this snapshot' "$snap" ,template=/dev/gmem/other "$one"
	refused 'File exists' "$snap" ,template=$template,file=/dev/gmem/other "$one"
	ok '  and that file is still there' test -e /dev/gmem/other
	refused 'mount -t gmemfs' "$snap" ,template=$disk.template "$one"
	rm /dev/gmem/other
}

# A guest that has no room for its snapshot goes on, and so does one that has no file for it. The
# memory of a guest that runs is no template, and no other guest's memory.
test_no_snapshot() {
	mkdir "$work/small"
	mount -t tmpfs -o size=8k none "$work/small"
	start_template full /dev/gmem/full "$work/small/snap"
	vmm_control full snapshot
	like "$report" '"error":"snapshot: it could not be made' 'full: no snapshot'
	like "$(cat "$work/full.stderr")" 'No space left on device' '  for lack of room'
	is "$(stat -c %s "$work/small/snap")" 0 '  and nothing of it is left'
	vm_tell full check
	is "$line" 'intact pages=8192' 'full: the guest runs on'
	vm_tell full disk-check $mib 7
	is "$line" "intact pages=$((mib * 256))" '  and its disk, too'
	refused 'is the memory of a guest that runs' "$snap" ,template=/dev/gmem/full \
		--disk="path=$disk.template"
	refused 'is that of another guest' "$snap" ,template=$template,file=/dev/gmem/third \
		--control="$work/third" --snapshot="$work/small/snap" \
		--disk="path=$disk.template"
	umount -l "$work/small"
	vm_off full
	# What one guest has shared, the next one to have the file doesn't share.
	/opt/gmemfs/bin/gmemctl convert /dev/gmem/full 64M 16M shared >/dev/null
	vmm_memory=,file=/dev/gmem/full
	vm_start none --no-reboot --control="$(vmm_socket none)"
	vmm_memory=
	vm_up none
	vmm_control none
	is "$(reported shared)" 4096 'none: only the page of its clock is shared'
	vmm_control none snapshot
	like "$report" 'must be started with --snapshot=FILE' 'none: no file for it'
	vm_off none
	rm /dev/gmem/full
}

test_replaced() {
	status=0
	"$vmm" --kernel="$vm_kernel" --memory=file=/dev/gmem/x --control="$work/x" \
		--snapshot="$disk.template" </dev/null 2>"$work/refused.err" || status=$?
	is "$status" 1 'replaced: a file that is no snapshot is refused'
	like "$(cat "$work/refused.err")" 'give the name of a new file' '  and why'
	ok '  and is as it was' "$pattern" check $disk.template $mib 7
	status=0
	"$vmm" --kernel="$vm_kernel" --memory=file=/dev/gmem/x --control="$work/x" \
		--snapshot=/dev/gmem/x </dev/null 2>"$work/refused.err" || status=$?
	is "$status" 1 'replaced: so is the file that has the memory'
	like "$(cat "$work/refused.err")" 'is the memory of a guest' '  and why'
	rm /dev/gmem/x
}

check_after() {
	rm -f $template
	is "$(settled hidden_bytes)" 0 'afterwards nothing is hidden'
	is "$(settled quarantined_bytes)" 0 '  nor in quarantine'
}

vmm_load lend
find_out_about_clones
truncate -s ${mib}M $disk.template
test_template
test_damaged
test_other_machine
test_clones one two three
# From the same template, as nothing has changed it.
test_clones four
test_devices
test_generations
test_replaced
test_no_snapshot
check_after
vmm_cpus=2
test_template
test_clones five six
check_after
done_testing
