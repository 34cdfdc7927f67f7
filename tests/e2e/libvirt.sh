#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A domain of libvirt on gmemfs, from its definition to its end, with what is in
# docs/qemu.md and nothing else: memory_backing_dir and memoryBacking.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh
# shellcheck source=tests/lib/domain.sh
. /share/lib/domain.sh

work=/run/lv
mount=/run/guests
mib=$((1024 * 1024))
mkdir -p "$work" "$mount"

mount -t gmemfs -o statfs=hugetlbfs gmemfs "$mount"
remember_host
start_libvirt
domain >"$work/lv.xml"
ok 'libvirt takes the definition' virsh define "$work/lv.xml"

start_domain
file=$(domain_file)
like "$file" "^$mount/libvirt/qemu/[0-9]*-lv/pc.ram$" "  its memory is $file"
is "$(stat -c %U "/proc/$(vm_pid lv)")" libvirt-qemu '  QEMU is not root'
vm_tell lv keep 64
info "$file"
ok "  and is hidden: $((hidden / mib)) MiB" test "$hidden" -gt $((64 * mib))
is $((hidden + lent)) "$populated" '  all of it but what is lent'
is "$map_faults_4k" 0 '  mapped by 2 MiB, though libvirt does not say align=2M'
vm_tell lv check
is "$line" 'intact pages=16384' '  contents are intact'
ok 'virsh suspend' virsh suspend lv
ok 'virsh resume' virsh resume lv
vm_tell lv check
is "$line" 'intact pages=16384' '  contents are intact'
vm_tell lv off
domain_off 'powered off by the guest'

start_domain
vm_tell lv keep 32
ok 'virsh destroy' virsh destroy lv
domain_off destroyed
ok 'virsh undefine' virsh undefine lv
stop_libvirt
host_is_back
done_testing
