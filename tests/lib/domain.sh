# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# One domain of libvirt on gmemfs, named lv, for tests in sh that run inside the test host. Who sources this has
# sourced tap.sh and vm.sh, and sets $work to a folder of its own, and $mount to where gmemfs is mounted.
#
#	start_libvirt			with memory_backing_dir, which it sets if nobody has
#	stop_libvirt
#	domain				its definition, on stdout
#	start_domain			boots it; its console is vm.sh's
#	follow_domain			the same console, after libvirt has started QEMU again
#	domain_file			the memory of its first node
#	domain_off WHAT			waits until it is shut off, and checks that nothing is left

# Of a domain: set them before domain.
domain_memory=		# elements beside <memory>
domain_cpu=		# elements in <cpu>
domain_devices=		# elements in <devices>

domain_reader=

# As it starts, libvirt runs each emulator that it finds, twice, to learn all that it can do. That takes an
# emulated CPU very long, and no domain here is of the other one, which is for CPUs of 32 bits.
start_libvirt() {
	rm -f /usr/bin/qemu-system-i386
	# This host has neither udev nor systemd, which would do that.
	chgrp kvm /dev/kvm
	chmod 660 /dev/kvm
	vm_initrd=/boot/told-initrd.cpio
	cp /opt/gmemfs/share/gmemfs/told-initrd.cpio "$vm_initrd"
	: >"$work/lv.stderr"
	grep -q '^memory_backing_dir' /etc/libvirt/qemu.conf ||
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
	  $domain_memory
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
	  <cpu mode='host-passthrough'>$domain_cpu</cpu>
	  <on_reboot>destroy</on_reboot>
	  <devices>
	    <controller type='usb' model='none'/>
	    $domain_devices
	    <serial type='pty'/>
	    <console type='pty'/>
	  </devices>
	</domain>
	END
}

# Its console is a terminal, which loses what nobody reads.
follow_domain() {
	[ -z "$domain_reader" ] || kill "$domain_reader" 2>/dev/null || :
	rm -f "$work/lv.in"
	tty=$(virsh ttyconsole lv)
	ln -s "$tty" "$work/lv.in"
	cat <"$tty" >"$work/lv.console" 2>/dev/null &
	domain_reader=$!
	cp /run/libvirt/qemu/lv.pid "$work/lv.pid"
}

# So read, and then let it run.
start_domain() {
	ok 'libvirt starts it' virsh start lv --paused
	follow_domain
	ok '  and lets it run' virsh resume lv
	vm_up lv
}

domain_file() {
	find "$mount/libvirt" -type f \( -name pc.ram -o -name ram-node0 \)
}

# QEMU's process ends before libvirt knows, and has removed the file.
domain_is_off() {
	! vm_lives lv && [ "$(virsh domstate lv)" = 'shut off' ] &&
		[ -z "$(find "$mount" -type f)" ]
}

domain_off() { # WHAT
	for _ in $(seq 300); do
		! domain_is_off || break
		sleep 0.2
	done
	rm -f "$work/lv.pid"
	is "$(virsh domstate lv)" 'shut off' "$1: the domain is shut off"
	is "$(find "$mount" -type f)" '' '  libvirt has removed the file'
	is "$(settled hidden_bytes)" 0 '  nothing is hidden'
}
