# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Spare devices (--device): behind an emulated IOMMU, each at an address of its own, for the host to give
# to a guest or to a program. The host's own disks are virtio without an IOMMU's help, and stay as they are.

device_names='nvme e1000e virtio-net'

# Room for what guests write to the spare disk. It is sparse.
device_disk_size=512M

is_device() {
	case " $device_names " in
	*" $1 "*) return 0 ;;
	esac
	return 1
}

# Each is an endpoint of the root complex: so it is alone in its IOMMU group. The network leads to QEMU itself
# and no further: 10.0.2.2 answers.
device_place() {
	case $1 in
	nvme) echo 0x10 ;;
	e1000e) echo 0x11 ;;
	virtio-net) echo 0x12 ;;
	esac
}

# What the machine is like then: with KVM, only a split interrupt controller lets interrupts be remapped.
device_machine() {
	[ -z "$devices" ] || ! use_kvm || printf ',kernel-irqchip=split'
}

# One argument a line, for the IOMMU: it has to come before all devices. Caching mode: the host tells it of each
# new entry, as it tells the IOMMU of a guest that itself has devices of its host's.
iommu_arguments() {
	[ -z "$devices" ] || printf '%s\n' -device intel-iommu,intremap=on,caching-mode=on
}

# One argument a line.
device_arguments() {
	for device in $devices; do
		place=$(device_place "$device")
		case $device in
		nvme)
			printf '%s\n' -drive "if=none,id=spare,format=raw,cache=unsafe,file=$(qemu_word "$run/spare")" \
				-device "nvme,drive=spare,serial=gmemfs-spare,addr=$place"
			;;
		e1000e)
			printf '%s\n' -netdev "user,id=spare-$device,restrict=on" \
				-device "e1000e,netdev=spare-$device,romfile=,addr=$place"
			;;
		virtio-net)
			printf '%s\n' -netdev "user,id=spare-$device,restrict=on" -device \
				"virtio-net-pci,netdev=spare-$device,romfile=,iommu_platform=on,disable-legacy=on,addr=$place"
			;;
		esac
	done
}

device_files() {
	case " $devices " in
	*' nvme '*) truncate -s "$device_disk_size" "$run/spare" ;;
	esac
}
