#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# An unmodified QEMU gives an NVMe disk and a network card of the host's to a guest on gmemfs. The guest's memory
# stays hidden, by the kernel's own page tables, while the devices read and write it.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh
# shellcheck source=tests/devices/devices.sh
. /share/devices/devices.sh

work=/run/guest
mkdir -p "$work"
mib=$((1024 * 1024))
vm_mib=512
ctl=/opt/gmemfs/bin/gmemctl
tag=70451234987651

splits() {
	awk '$1 == "direct_map_level2_splits" { print $2 }' /proc/vmstat
}

# Maps for the IOMMU while a command runs: how many bytes are at multiples of 2 MiB, and are so many.
iommu_maps_begin() {
	: >/sys/kernel/tracing/trace
	echo 1 >/sys/kernel/tracing/events/iommu/map/enable
}

iommu_large_bytes() {
	echo 0 >/sys/kernel/tracing/events/iommu/map/enable
	perl -ne '
		if (/iova=0x([0-9a-f]+) - .*paddr=0x([0-9a-f]+) size=(\d+)/) {
			my ($iova, $paddr, $size) = (hex $1, hex $2, $3);
			my $block = 2 << 20;
			next if ($iova ^ $paddr) % $block;
			my $skip = -$iova % $block;
			$sum += int(($size - $skip) / $block) * $block if $size > $skip;
		}
		END { print $sum + 0, "\n" }' /sys/kernel/tracing/trace
}

test_start() {
	splits_before=$(splits)
	iommu_maps_begin
	vm_start one -object "$(vm_memory /dev/gmem/one)" -device "vfio-pci,host=$NVME,id=disk" \
		-device "vfio-pci,host=$NETWORK"
	vm_up one
	large=$(iommu_large_bytes)
	info /dev/gmem/one
	is "$populated" $((vm_mib * mib)) "a guest with two devices: all of its memory is populated"
	is $((hidden + lent)) "$populated" '  and hidden, but for what is lent'
	ok '  and the devices have all' devices_have_all "$vm_mib"
	ok "  the IOMMU can have entries of 2 MiB for most of it ($((large / mib)) MiB)" \
		test "$large" -ge $((populated - 16 * mib))
	ok "  splits: one for each page that is lent, at most" \
		test $(($(splits) - splits_before)) -le $((lent / 4096 + 8))
}

test_disk() {
	vm_tell one disk-write 256 5 nvme0n1
	is "$line" 'disk-wrote pages=65536' 'the guest writes 256 MiB to the disk'
	vm_tell one disk-check 256 5 nvme0n1
	is "$line" 'intact pages=65536' '  and reads them back'
}

test_network() {
	for module in failover net_failover virtio_net; do
		vm_tell one load $module
	done
	vm_tell one net 10.0.2.15
	like "$line" '^net' 'the guest uses the network card'
}

# What the guest keeps has a tag that nothing on the host has, and it isn't in what the kernel maps.
test_witness() {
	vm_tell one keep 128 "$tag"
	ok 'gmemctl verify, by page tables' $ctl verify /dev/gmem/one
	kscan --tag "$(printf %x "$tag")" --json >"$work/map" || bail_out 'kscan fails'
	is "$(json_value found)" 0 "  and the kernel maps no page with the guest's data"
	vm_tell one check
	like "$line" '^intact' '  which is intact'
	$ctl map /dev/gmem/one >"$work/map.txt"
	like "$(cat "$work/map.txt")" 'pinned for a device' 'gmemctl map shows what devices have'
}

test_end() {
	vm_off one
	rm /dev/gmem/one
	is "$(settled device_bytes)" 0 'the guest ends: no device has anything'
	is "$(settled pinned_bytes)" 0 '  and nothing is pinned'
	host_is_back
}

give_away "$NVME"
give_away "$NETWORK"
remember_host
test_start
test_disk
test_network
test_witness
test_end
done_testing
