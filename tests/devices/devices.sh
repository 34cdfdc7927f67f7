# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
#
# The host's spare devices (hostvm/lib/devices.sh), for the scripts of this suite.

# shellcheck disable=SC2034 # for the tests that source this
NVME=0000:00:10.0
# shellcheck disable=SC2034
NETWORK=0000:00:12.0
HOLDER=/opt/gmemfs/tests/devices/holder

# need_device ADDRESS: the host has it, and can give it away
need_device() {
	[ -e "/sys/bus/pci/devices/$1/iommu_group" ] || skip_all "the host has no $1 behind an IOMMU"
	modprobe vfio-pci || skip_all 'this kernel has no vfio-pci'
}

# driver_of ADDRESS: its name, or nothing
driver_of() {
	[ ! -e "/sys/bus/pci/devices/$1/driver" ] || basename "$(readlink "/sys/bus/pci/devices/$1/driver")"
}

# give_away ADDRESS: the host's driver loses the device, vfio-pci gets it
give_away() {
	need_device "$1"
	device=/sys/bus/pci/devices/$1
	echo vfio-pci >"$device/driver_override"
	[ ! -e "$device/driver" ] || echo "$1" >"$device/driver/unbind"
	echo "$1" >/sys/bus/pci/drivers_probe
	[ "$(driver_of "$1")" = vfio-pci ] || bail_out "vfio-pci doesn't take $1"
}

# interrupts ADDRESS: how many it has sent since who has it by VFIO set them up
interrupts() {
	awk -v device="($1)" '
		index($0, device) { for (i = 2; $i ~ /^[0-9]+$/; i++) sum += $i }
		END { print sum + 0 }' /proc/interrupts
}

has_sent_interrupts() { # ADDRESS COUNT
	[ "$(interrupts "$1")" -ge "$2" ]
}

# A disk that is read sends an interrupt for each 512 KiB at least.
wait_until_busy() { # ADDRESS
	wait_for has_sent_interrupts "$1" $(($(interrupts "$1") + 20))
}

# ---- a disk that comes and goes in a guest of vm.sh's, at its root port "rootport" ----

plug_disk() { # NAME
	vm_qmp "$1" "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"vfio-pci\",\"host\":\"$NVME\",\"id\":\"disk\",\"bus\":\"rootport\"}}"
}

# The guest's kernel lets go of the disk when it likes. It may not have seen yet that there is one: so it is asked
# again, which QEMU refuses while the guest thinks about it.
disk_is_unplugged() { # NAME
	unplugged_tries=600
	while [ "$unplugged_tries" -gt 0 ]; do
		[ $((unplugged_tries % 50)) != 0 ] ||
			qmp "$work/$1.qmp" '{"execute":"device_del","arguments":{"id":"disk"}}' >/dev/null 2>&1 || :
		vm_qmp "$1" '{"execute":"qom-list","arguments":{"path":"/machine/peripheral"}}'
		case $answer in
		*'"disk"'*) sleep 0.2 ;;
		*) return 0 ;;
		esac
		unplugged_tries=$((unplugged_tries - 1))
	done
	return 1
}

# All of a guest's memory, but for addresses below 1 MiB where it has none.
devices_have_all() { # MIB
	[ "$(sysfs device_bytes)" -ge $((($1 - 1) * 1024 * 1024)) ]
}

# ---- a bystander ----

# Ordinary memory, which nobody else may write to: between these two.
victim_comes() {
	$HOLDER none victim &
	victim=$!
}

victim_is_whole() { # NAME
	kill -TERM "$victim"
	victim_status=0
	wait "$victim" || victim_status=$?
	is "$victim_status" 0 "$1"
}
