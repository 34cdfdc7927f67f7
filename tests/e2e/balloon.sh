#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Memory that a guest of stock QEMU gives back and takes again: virtio-balloon,
# free page reporting, virtio-mem; and memory that it has from the start.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh
# shellcheck source=tests/lib/balloon.sh
. /share/lib/balloon.sh

work=/run/balloon
mkdir -p "$work"
mib=$((1024 * 1024))

# wait_grown NAME KIB: until the guest has at least so much, a minute at most
#
# Memory is plugged when the guest has asked the device for it; it adds that to
# what it uses only afterwards. Not for ok, which would run it in a shell of its
# own: what the guest is told is numbered.
wait_grown() {
	for _ in $(seq 60); do
		vm_tell "$1" memory
		[ "$(field total_kib)" -lt "$2" ] || return 0
		sleep 1
	done
}

# ---- a mount as it is by default: mem-path is the folder, prealloc=on ----

test_plain() {
	vm_start plain -S -object "$(vm_memory /dev/gmem ,prealloc=on)" \
		-device virtio-balloon-pci
	vm_qmp plain '{"execute":"query-status"}'
	like "$answer" prelaunch 'prealloc=on: the guest has not run'
	file=$(vm_file plain)
	info "$file"
	is "$populated" $((vm_mib * mib)) '  and all its memory is there'
	is "$hidden" "$populated" '  and hidden'
	is "$huge" "$populated" '  in 2 MiB blocks'
	is "$(ls /dev/gmem)" '' 'mem-path is a folder: the file has no name in it'

	vm_qmp plain '{"execute":"cont"}'
	vm_up plain
	vm_tell plain keep 32
	vm_tell plain load virtio_balloon
	info "$file"
	before=$populated
	balloon_to plain $((vm_mib - 72))
	info "$file"
	ok "balloon of 72 MiB: populated $((before / mib)), $((populated / mib)) MiB" \
		test "$populated" -le $((before - 64 * mib))
	is $((hidden + lent)) "$populated" '  the rest is hidden'
	is "$(stat -L -c %b "$file")" $((populated / 512)) '  st_blocks says the same'
	ok '  though QEMU complains of madvise() (docs/limits.md)' \
		test "$(complaints plain)" -gt 0
	vm_tell plain check
	is "$line" 'intact pages=8192' '  what the guest kept is intact'

	balloon_to plain "$vm_mib"
	vm_tell plain keep 72
	vm_tell plain check
	is "$line" 'intact pages=26624' \
		'balloon let out: the guest uses that memory again, intact'
	info "$file"
	ok "  populated is $((populated / mib)) MiB again" \
		test "$populated" -ge $((104 * mib))
	vm_off plain
	is "$(settled hidden_bytes)" 0 '  nothing is left of the file'
}

test_virtio_mem_refused() {
	status=0
	timeout 60 qemu-system-x86_64 -accel kvm -machine q35 -m 64,maxmem=1G \
		-nodefaults -nographic -S -object \
		memory-backend-file,id=v,share=on,align=2M,size=64M,reserve=off,mem-path=/dev/gmem/v \
		-device virtio-mem-pci,memdev=v,requested-size=0 \
		</dev/null >"$work/refused" 2>&1 || status=$?
	rm -f /dev/gmem/v
	is "$status" 1 'virtio-mem on such a mount: QEMU refuses'
	like "$(cat "$work/refused")" 'discarding RAM' '  and says what fails'
}

# ---- statfs=hugetlbfs ----

plug() { # MIB
	vm_qmp mem "{\"execute\":\"qom-set\",\"arguments\":{\"path\":\"/machine/peripheral/vm0\",\"property\":\"requested-size\",\"value\":$(($1 * mib))}}"
	ok "virtio-mem of $1 MiB" vm_until mem \
		'{"execute":"query-memory-devices"}' "\"size\": $(($1 * mib)),"
}

test_reporting_and_mem() {
	vm_more_memory=,maxmem=1G
	vm_args="$vm_args memhp_default_state=online_movable swiotlb=noforce"
	vm_start mem -object \
		"memory-backend-file,id=m,share=on,size=${vm_mib}M,mem-path=$mount/m" \
		-device virtio-balloon-pci,free-page-reporting=on -object \
		"memory-backend-file,id=v,share=on,size=128M,reserve=off,mem-path=$mount/v" \
		-device virtio-mem-pci,id=vm0,memdev=v,requested-size=0
	vm_up mem
	vm_tell mem keep 32
	vm_tell mem keep 64
	info "$mount/m"
	before=$populated
	ok 'statfs=hugetlbfs: mapped by 2 MiB without align=2M' \
		test "$map_faults_2m" -ge $((populated / 2 / mib - 4))
	vm_tell mem load virtio_balloon
	vm_tell mem drop
	ok 'free page reporting: what the guest freed is given back' \
		populated_falls "$mount/m" $((before - 48 * mib))
	info "$mount/m"
	diag "  populated: $((before / mib)), $((populated / mib)) MiB"

	vm_tell mem memory
	before=$(field total_kib)
	info "$mount/v"
	is "$populated" 0 'virtio-mem: nothing plugged, nothing populated'
	vm_tell mem load virtio_mem
	plug 128
	wait_grown mem $((before + 120 * 1024))
	ok '  the guest has it' \
		test "$(field total_kib)" -ge $((before + 120 * 1024))
	# More than there is elsewhere: where less would come from is up to the guest.
	vm_tell mem keep $((before / 1024))
	info "$mount/v"
	ok "  and uses it: populated $((populated / mib)) MiB" \
		test "$populated" -ge $((32 * mib))
	is "$hidden" "$populated" '  all of that is hidden'
	vm_tell mem drop
	plug 0
	info "$mount/v"
	is "$populated" 0 '  unplugged: all of it is given back'
	vm_tell mem check
	is "$line" 'intact pages=8192' '  what the guest kept is intact'
	is "$(complaints mem)" 0 '  QEMU has nothing to complain of'
	vm_off mem
	rm "$mount/m" "$mount/v"
}

mount=$work/mount
mkdir "$mount"
mount -t gmemfs -o statfs=hugetlbfs none "$mount"
is "$(stat -f -c '%t %s' "$mount")" '958458f6 2097152' \
	'statfs=hugetlbfs: statfs() says so'

remember_host
test_plain
test_virtio_mem_refused
test_reporting_and_mem
host_is_back
done_testing
