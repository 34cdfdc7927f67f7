#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# hostvm/splat tells a kernel's report from its small talk. No host is booted.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
splat=$here/../../hostvm/splat

found() {
	printf '%s\n' "$1" | "$splat" >/dev/null
}

not_found() {
	! found "$1"
}

while read -r line; do
	ok "a report: $line" found "[    1.234567] $line"
done <<'END'
------------[ cut here ]------------
WARNING: CPU: 0 PID: 123 at mm/page_alloc.c:4711 __alloc_pages+0x1/0x2
WARNING: mm/page_alloc.c:4711 at __alloc_pages+0x1/0x2, CPU#1: mount/123
WARNING: possible circular locking dependency detected
WARNING: suspicious RCU usage
BUG: kernel NULL pointer dereference, address: 0000000000000018
BUG: unable to handle page fault for address: ffff8881234ff000
BUG: Bad page state in process qemu  pfn:12345
BUG: Bad rss-counter state mm:00000000 type:MM_SHMEMPAGES val:1
BUG: sleeping function called from invalid context at mm/slab.h:1
BUG: scheduling while atomic: sh/1/0x00000002
BUG: KASAN: slab-use-after-free in gmem_fault+0x1/0x2
BUG: KFENCE: out-of-bounds read in gmem_fault+0x1/0x2
BUG gmem_file (Tainted: G           OE     ): Objects remaining on __kmem_cache_shutdown()
Oops: Oops: 0000 [#1] PREEMPT SMP NOPTI
Oops: general protection fault, probably for non-canonical address 0xdead: 0000 [#1]
general protection fault, probably for non-canonical address 0xdead: 0000 [#1]
kernel BUG at fs/inode.c:123!
Kernel panic - not syncing: Fatal exception
PANIC: double fault, error_code: 0x0
traps: PANIC: double fault, error_code: 0x0
UBSAN: array-index-out-of-bounds in fs/inode.c:1:2
refcount_t: underflow; use-after-free.
list_add corruption. prev->next should be next
unreferenced object 0xffff888100000000 (size 64):
watchdog: BUG: soft lockup - CPU#0 stuck for 61s! [sh:1]
watchdog: Watchdog detected hard LOCKUP on cpu 0
rcu: INFO: rcu_preempt self-detected stall on CPU
rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-.... }
INFO: task gmemctl:123 blocked for more than 120 seconds.
VFS: Busy inodes after unmount of gmemfs (gmemfs)
END

while read -r line; do
	ok "no report: $line" not_found "[    1.234567] $line"
done <<'END'
Command line: console=ttyS0 panic=-1 x="BUG: WARNING: Oops: "
Kernel command line: console=ttyS0 rcupdate.rcu_cpu_stall_timeout=60 x="BUG: "
Unknown kernel command line parameters "x=BUG: Oops: ", will be passed to user space.
Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on
[Firmware Bug]: TSC_DEADLINE disabled due to Errata
kfence: initialized - using 2097152 bytes for 255 objects
gmemfs: loading out-of-tree module taints kernel.
gmemfs: module verification failed: signature and/or required key missing - tainting kernel
traps: victim[12] general protection fault ip:1 sp:2 error:0 in libc.so.6
victim[12]: segfault at 0 ip 1 sp 2 error 4 in victim
prog: DEBUG: all is well
rcu: RCU CPU stall detector is on
Out of memory: Killed process 123 (fio)
clocksource: timekeeping watchdog on CPU1: Marking clocksource 'tsc-early' as unstable
NMI watchdog: Perf NMI watchdog permanently disabled
kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)
END

ok 'with a thread in the time stamp' found '[    1.234567][  T123] BUG: x'
ok 'with a carriage return' found "$(printf '[    1.2] BUG: x\r')"
ok 'without a time stamp' found 'WARNING: x'
not_ok 'an empty log has none' "$splat" /dev/null
status=0
"$splat" /nonexistent 2>/dev/null || status=$?
is "$status" 2 'a log that is not there is neither'

# A data race as KCSAN reports it, with MODULE in brackets, if any, in the second of its stacks.
race() { # [MODULE]
	rule='=================================================================='
	printf '[    1.0] %s\n' "$rule" 'BUG: KCSAN: data-race in read_it / write_it' '' \
		'write to 0xffff888100000000 of 4 bytes by task 12 on cpu 0:' \
		' write_it+0x1d/0x30' '' 'read to 0xffff888100000000 of 4 bytes by task 13 on cpu 1:' \
		" read_it+0x1d/0x30${1:+ [$1]}" '' \
		'Reported by Kernel Concurrency Sanitizer on:' "$rule"
}

# The same, and its first access is by an interrupt, which has interrupted MODULE. HANDLER is the interrupt's own.
interrupt_race() { # HANDLER MODULE
	race | sed -e 's/by task 12/by interrupt/' \
		-e "s/ write_it+0x1d\/0x30/& [$1]\n[    1.0]  asm_sysvec_apic_timer_interrupt+0x1a\/0x20\n[    1.0]  busy+0x1\/0x2 [$2]/"
}

ok 'a data race of ours' found "$(race gmemfs)"
ok "a data race of another module's" not_found "$(race kvm)"
ok "a data race of the kernel's" not_found "$(race)"
ok "ours after one of the kernel's" found "$(race; race gmemfs)"
ok "one of the kernel's after ours" found "$(race gmemfs; race)"
ok 'one of an interrupt that has interrupted us' not_found "$(interrupt_race kvm gmemfs)"
ok '... and one of our interrupt' found "$(interrupt_race gmemfs kvm)"
ok '... with a race of ours after it' found "$(interrupt_race kvm gmemfs; race gmemfs)"
known='data-race in __kvm_gpc_refresh [kvm] / kvm_mmu_notifier_invalidate_range_end [kvm]'
ok "KVM's own, which we have called" not_found "$(race gmemfs | sed "s|data-race.*|$known|")"
ok '... and ours after it' found "$(race gmemfs | sed "s|data-race.*|$known|"; race gmemfs)"
ok "ours at the end of a log that breaks off" found "$(race gmemfs | head -n 9)"
ok "another report inside one of the kernel's" found "$(race | head -n 4; echo 'WARNING: x'; race)"
is "$( (race; race gmemfs) | "$splat" | head -n 1)" \
	'[    1.0] BUG: KCSAN: data-race in read_it / write_it' 'a data race is shown with its first line'
is "$( (race; race gmemfs) | "$splat" | wc -l)" 10 'and from there on'

text=$(
	echo '[    1.0] before'
	echo '[    2.0] BUG: first'
	seq -f '[    3.0] line %g' 60
	echo '[    4.0] BUG: second'
)
report=$(printf '%s\n' "$text" | "$splat")
is "$(printf '%s\n' "$report" | head -n 1)" '[    2.0] BUG: first' 'begins with the first report'
is "$(printf '%s\n' "$report" | wc -l)" 40 'is 40 lines long'
done_testing
