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

work=/run/lv
mount=/run/guests
mib=$((1024 * 1024))
mkdir -p "$work" "$mount"
vm_initrd=/boot/told-initrd.cpio
cp /opt/gmemfs/share/gmemfs/told-initrd.cpio "$vm_initrd"

# This host has neither udev nor systemd, which would do that.
start_libvirt() {
	chgrp kvm /dev/kvm
	chmod 660 /dev/kvm
	echo "memory_backing_dir = \"$mount\"" >>/etc/libvirt/qemu.conf
	virtlogd --daemon
	libvirtd --daemon
	for _ in $(seq 100); do
		! virsh version >"$work/version" 2>&1 || return 0
		sleep 0.5
	done
	bail_out "libvirtd does not answer: $(cat "$work/version")"
}

# The two take a while to end, and have tens of MiB until then.
stop_libvirt() {
	daemons="$(cat /run/libvirtd.pid) $(cat /run/virtlogd.pid)"
	# shellcheck disable=SC2086 # two words
	kill $daemons
	for daemon in $daemons; do
		wait_for gone_process "$daemon"
	done
}

# A process that ended and that init hasn't reaped has no memory any more.
gone_process() { # PID
	! grep -q '^State:[[:space:]]*[^Z[:space:]]' "/proc/$1/status"
}

domain() {
	cat <<-END
	<domain type='kvm'>
	  <name>lv</name>
	  <memory unit='MiB'>$vm_mib</memory>
	  <memoryBacking>
	    <source type='file'/>
	    <access mode='shared'/>
	  </memoryBacking>
	  <vcpu>1</vcpu>
	  <os>
	    <type arch='x86_64' machine='q35'>hvm</type>
	    <kernel>$vm_kernel</kernel>
	    <initrd>$vm_initrd</initrd>
	    <cmdline>$vm_args</cmdline>
	  </os>
	  <features><acpi/></features>
	  <cpu mode='host-passthrough'/>
	  <on_reboot>destroy</on_reboot>
	  <devices>
	    <controller type='usb' model='none'/>
	    <serial type='pty'/>
	    <console type='pty'/>
	  </devices>
	</domain>
	END
}

# Its console is a terminal, which loses what nobody reads. So read, and then let
# it run.
start_domain() {
	rm -f "$work/lv.in"
	ok 'libvirt starts it' virsh start lv --paused
	tty=$(virsh ttyconsole lv)
	ln -s "$tty" "$work/lv.in"
	cat <"$tty" >"$work/lv.console" 2>/dev/null &
	cp /run/libvirt/qemu/lv.pid "$work/lv.pid"
	ok '  and lets it run' virsh resume lv
	vm_up lv
}

# QEMU's process ends before libvirt knows, and has removed the file.
is_off() {
	! vm_lives lv && [ "$(virsh domstate lv)" = 'shut off' ] &&
		[ -z "$(find "$mount" -type f)" ]
}

gone() {
	for _ in $(seq 300); do
		! is_off || break
		sleep 0.2
	done
	rm -f "$work/lv.pid"
	is "$(virsh domstate lv)" 'shut off' "$1: the domain is shut off"
	is "$(find "$mount" -type f)" '' '  libvirt has removed the file'
	is "$(settled hidden_bytes)" 0 '  nothing is hidden'
}

mount -t gmemfs -o statfs=hugetlbfs gmemfs "$mount"
: >"$work/lv.stderr"
remember_host
start_libvirt
domain >"$work/lv.xml"
ok 'libvirt takes the definition' virsh define "$work/lv.xml"

start_domain
file=$(find "$mount" -type f)
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
gone 'powered off by the guest'

start_domain
vm_tell lv keep 32
ok 'virsh destroy' virsh destroy lv
gone destroyed
ok 'virsh undefine' virsh undefine lv
stop_libvirt
host_is_back
done_testing
