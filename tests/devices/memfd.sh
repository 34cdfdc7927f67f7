#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A VMM that takes memfds for its guest's memory gets files of gmemfs for them by gmemctl run, and its guest a disk.
# The disk has the memory, and its registers are not taken for memory that should be hidden.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh
# shellcheck source=tests/devices/devices.sh
. /share/devices/devices.sh

work=/run/memfd
mkdir -p "$work"
vm_mib=192

# As vm.sh's, but under gmemctl run, which waits for it, and ends as it does.
# shellcheck disable=SC2317 # vm.sh calls it
vm_qemu() { # [ARGUMENT...]
	exec /opt/gmemfs/bin/gmemctl run -- qemu-system-x86_64 -accel kvm -machine q35,memory-backend=m \
		-cpu host -m "$vm_mib" -nodefaults -nographic -no-reboot -kernel "$vm_kernel" \
		-initrd "$vm_initrd" -append "$vm_args" -serial stdio \
		-qmp "unix:$vm_base.qmp,server=on,wait=off" "$@"
}

give_away "$NVME"
remember_host
vm_start one -object "memory-backend-memfd,id=m,size=${vm_mib}M,share=on" -device "vfio-pci,host=$NVME"
vm_up one
ok "a guest whose memory is a memfd under gmemctl run: the disk has all of it" devices_have_all "$vm_mib"
ok '  which is hidden' test "$(sysfs hidden_bytes)" -ge $(((vm_mib - 1) * 1024 * 1024))
vm_tell one disk-write 32 5 nvme0n1
vm_tell one disk-check 32 5 nvme0n1
is "$line" 'intact pages=8192' '  the guest writes to the disk and reads it back'
is "$(grep 'NOT HIDDEN' "$work/one.stderr" || :)" '' '  gmemctl run has nothing to complain of'
vm_off one
is "$(settled device_bytes)" 0 'the guest ends: no device has anything'
is "$(settled pinned_bytes)" 0 '  and nothing is pinned'
host_is_back
done_testing
