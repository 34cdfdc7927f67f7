#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The hostile guest under stock QEMU, all of its memory a file: as a plain guest,
# as one of Hyper-V's, and as one of Xen's. QEMU is killed in the middle of it.
# That the host survives is for hostvm to see.
#
# Not with hv-synic: QEMU ends itself when such a guest puts a page of that where
# no memory can be.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/sysfs.sh
. /share/lib/sysfs.sh

seconds=12	# at least; a busy machine needs more
most_seconds=150
file=/dev/gmem/hostile
ticks=/run/ticks
log=/run/qemu.log
guest=/opt/gmemfs/tests/guard/guest.multiboot
tracing=/sys/kernel/tracing

nested_runs() {
	cat /sys/kernel/debug/kvm/nested_run
}

# What its guest's guests do may be beyond KVM, which QEMU then waits about; or the
# guest never comes back from there.
start_anew() {
	idle=0 seen=0
	while sleep 1; do
		echo 'info status'
		sleep 1
		idle=$((idle + 1))
		now=$(cat $ticks 2>/dev/null | wc -c)
		[ "$now" = "$seen" ] || idle=0
		seen=$now
		if [ $idle -ge 8 ] || tail -n 3 $log | grep -q internal-error; then
			printf 'system_reset\ncont\n'
			idle=0
		fi
	done
}

# Until the guest has booted and made its first steps.
wait_ticks() {
	tries=600
	while [ ! -s $ticks ] && [ "$tries" -gt 0 ]; do
		sleep 0.1
		tries=$((tries - 1))
	done
}

# Since the guest's start: how often it ran guests, and was lent pages.
count_all() {
	ticks_now=$(wc -c <$ticks)
	runs=$(($(nested_runs) - runs_before))
	loans=$(($(sysfs loans) - loans_before))
}

did_much() {
	count_all
	[ "$ticks_now" -gt 4 ] && [ "$runs" -gt 4 ] && [ "$loans" -gt 20 ]
}

wait_until_much() {
	sleep $seconds
	tries=$((most_seconds - seconds))
	until did_much || [ "$tries" = 0 ]; do
		sleep 1
		tries=$((tries - 1))
	done
}

test_guest() { # NAME ACCEL CPU
	name=$1
	rm -f $ticks
	loans_before=$(sysfs loans)
	start_anew | qemu-system-x86_64 -accel "$2" -cpu "$3" -smp 2 -m 64M \
		-machine q35,memory-backend=m -nodefaults -display none -monitor stdio \
		-object memory-backend-file,id=m,share=on,align=2M,size=64M,mem-path=$file \
		-kernel $guest -chardev file,id=ticks,path=$ticks \
		-device isa-debugcon,iobase=0x10,chardev=ticks >$log 2>&1 &
	qemu=$!
	wait_ticks
	runs_before=$(nested_runs)
	wait_until_much
	ok "$name: QEMU is still there" kill -0 $qemu
	diag "the end of what it says: $(tail -n 1 $log)"
	count_all
	kill -KILL $qemu || :
	wait $qemu 2>$log || :
	diag "$name: $ticks_now ticks, $runs nested runs, $loans loans"
	ok "$name: the guest did much" test "$ticks_now" -gt 4
	ok "$name: it ran guests of its own" test "$runs" -gt 4
	ok "$name: and was lent pages" test "$loans" -gt 20

	rm -f $file
	for what in hidden_bytes lent_bytes quarantined_bytes; do
		is "$(settled $what)" 0 "$name: $what after QEMU was killed"
	done
}

# The firmware has KVM save and load its state in the guest's memory.
echo 1 >$tracing/events/kvm/kvm_smm_transition/enable
test_guest plain kvm host
ok 'the firmware was in SMM' grep -q kvm_smm_transition $tracing/trace
echo 0 >$tracing/events/kvm/kvm_smm_transition/enable

test_guest Hyper-V kvm host,hv-relaxed,hv-vapic,hv-time,hv-vpindex,hv-runtime
test_guest Xen kvm,xen-version=0x40011,kernel-irqchip=split host
done_testing
