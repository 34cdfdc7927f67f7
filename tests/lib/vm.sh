# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
#
# Guests that do as they are told (tests/guest/told-init.c) under stock QEMU,
# any number at once, for tests in sh that run inside the test host. Who sources
# this has sourced tap.sh, and sets $work to a folder of its own.
#
#	vm_start NAME [ARGUMENT...]	QEMU, with more arguments; does not wait
#	vm_up NAME			until its init says hello
#	vm_tell NAME COMMAND...		a command for the guest; its answer in $line
#	vm_qmp NAME JSON		a command for QEMU; its answer in $answer
#	vm_off NAME			ends the guest; QEMU must exit with 0
#	vm_gone NAME			waits for QEMU; its status in $status
#	info FILE			GMEM_GET_INFO: sets $populated, $hidden, ...
#
# Where something goes wrong that no test is about, the test ends (bail_out).

# shellcheck source=tests/lib/sysfs.sh
. /share/lib/sysfs.sh

# Of a guest: set them before vm_start.
vm_mib=192
# Debian's, which a host with a kernel of our own has, too.
vm_kernel=$(echo /boot/vmlinuz-*-cloud-amd64)
vm_initrd=/opt/gmemfs/share/gmemfs/told-initrd.cpio

# pci=noearly and cryptomgr.notests: see guest.sh. earlyprintk: a panic shows whenever it comes.
vm_args='console=ttyS0 earlyprintk=ttyS0 quiet panic=-1 pci=noearly cryptomgr.notests'

# Far more than anything takes, as the machine may be busy with other things.
vm_seconds=300

# The cgroup that QEMU runs in, if any.
vm_cgroup=

# "-m" is this after the size: for memory that is plugged later.
vm_more_memory=

vm_told=0
cr=$(printf '\r')

# A guest that is reset before its console works says nothing. KVM does: that it
# shut down (0x7f is SVM's exit code of it, 8 KVM's), where, and after what.
vm_tracing=/sys/kernel/tracing

vm_watch_resets() {
	[ -e "$vm_tracing/trace" ] || mount -t tracefs tracefs "$vm_tracing"
	echo 'exit_reason == 0x7f' >"$vm_tracing/events/kvm/kvm_exit/filter"
	echo 'reason == 8' >"$vm_tracing/events/kvm/kvm_userspace_exit/filter"
	for vm_event in kvm_exit kvm_userspace_exit kvm_inj_exception; do
		echo 1 >"$vm_tracing/events/kvm/$vm_event/enable"
	done
}

vm_die() { # NAME WHY...
	vm_name=$1
	shift
	diag "what KVM did:"
	diag "$(grep -v '^#' "$vm_tracing/trace" | tail -n 20)"
	for vm_log in "$work/$vm_name.console" "$work/$vm_name.stderr"; do
		diag "the end of $vm_log:"
		diag "$(tail -n 20 "$vm_log" | cut -c 1-200)"
	done
	vm_kill_all
	bail_out "$vm_name: $*"
}

vm_kill_all() {
	for vm_pidfile in "$work"/*.pid; do
		[ ! -s "$vm_pidfile" ] ||
			kill -9 "$(cat "$vm_pidfile")" 2>/dev/null || :
	done
}

# What QEMU is told of a guest's main memory: -object and -machine name it m.
vm_memory() { # FILE [MORE]
	echo "memory-backend-file,id=m,share=on,align=2M,size=${vm_mib}M,mem-path=$1${2-}"
}

# In a process of its own.
vm_qemu() { # [ARGUMENT...]
	[ -z "$vm_cgroup" ] || echo 0 >"/sys/fs/cgroup/$vm_cgroup/cgroup.procs"
	exec qemu-system-x86_64 -accel kvm -machine q35,memory-backend=m \
		-cpu host -m "$vm_mib$vm_more_memory" -nodefaults -nographic \
		-no-reboot -kernel "$vm_kernel" -initrd "$vm_initrd" \
		-append "$vm_args" -serial stdio \
		-qmp "unix:$vm_base.qmp,server=on,wait=off" "$@"
}

# The guest's console is a file and, to write to, a pipe that QEMU has open for
# both, so that it never sees its end.
vm_start() { # NAME [ARGUMENT...]
	vm_name=$1
	shift
	vm_base=$work/$vm_name
	rm -f "$vm_base.in" "$vm_base.qmp"
	mkfifo "$vm_base.in"
	: >"$vm_base.console"
	vm_watch_resets
	vm_qemu "$@" <>"$vm_base.in" >"$vm_base.console" 2>"$vm_base.stderr" &
	echo $! >"$vm_base.pid"
}

vm_pid() { # NAME
	cat "$work/$1.pid"
}

vm_lives() { # NAME
	read -r vm_state 2>/dev/null <"/proc/$(vm_pid "$1")/stat" || return 1
	case $vm_state in
	*') Z '*) return 1 ;;
	esac
}

vm_ended() { # NAME WHAT
	vm_exit=0
	wait "$(vm_pid "$1")" || vm_exit=$?
	vm_die "$1" "QEMU ended with status $vm_exit (over 128: a signal) before: $2"
}

# Between two looks, each of which takes an emulated CPU tens of ms: most answers come at once, and a boot takes
# long. Who begins to look sets $vm_paused to "".
vm_pause() {
	case $vm_paused in
	'') vm_paused=0.05 ;;
	0.05) vm_paused=0.1 ;;
	0.1) vm_paused=0.2 ;;
	*) vm_paused=0.5 ;;
	esac
	sleep "$vm_paused"
}

# vm_wait NAME TEXT: until a line with "told-init: TEXT"; sets $line to the rest
#
# All of it: the carriage return comes last.
vm_wait() {
	vm_left=$((vm_seconds * 2))
	vm_paused=
	until line=$(grep -m 1 -e "told-init: $2.*$cr\$" \
		-e 'told-init: FAILED' "$work/$1.console"); do
		vm_lives "$1" || vm_ended "$1" "$2"
		vm_left=$((vm_left - 1))
		[ "$vm_left" -gt 0 ] ||
			vm_die "$1" "waited $vm_seconds s for: $2"
		vm_pause
	done
	case $line in
	*'told-init: FAILED'*) vm_die "$1" 'the guest gave up' ;;
	esac
	line=${line%"$cr"}
	line=${line#*"told-init: $2"}
}

vm_up() { # NAME
	vm_wait "$1" hello
}

# vm_ask NAME COMMAND...: does not wait for the answer; vm_answer does
vm_ask() {
	vm_name=$1
	shift
	vm_told=$((vm_told + 1))
	echo "$vm_told $*" >"$work/$vm_name.in"
}

vm_tell() { # NAME COMMAND...
	vm_ask "$@"
	vm_wait "$1" "$vm_told "
}

# A value of the guest's last answer.
field() { # KEY
	printf '%s\n' "$line" | sed -n "s/.*$1=\([^ ]*\).*/\1/p"
}

vm_qmp() { # NAME JSON
	answer=$(qmp "$work/$1.qmp" "$2") ||
		vm_die "$1" "QEMU refuses $2: $answer"
}

# A command of QEMU's monitor that is silent when it works: savevm and the like.
vm_monitor() { # NAME COMMAND
	vm_qmp "$1" "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":\"$2\"}}"
	case $answer in
	'{"return": ""}'*) ;;
	*) vm_die "$1" "QEMU's monitor: $2: $answer" ;;
	esac
}

# A number in QEMU's last answer.
qmp_number() { # KEY
	printf '%s\n' "$answer" | sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p"
}

# vm_until NAME JSON ERE: asks QEMU until its answer matches. Answers false if it
# never does.
vm_until() {
	vm_left=$((vm_seconds * 2))
	vm_paused=
	while :; do
		vm_qmp "$1" "$2"
		! printf '%s\n' "$answer" | grep -Eq -e "$3" || return 0
		vm_left=$((vm_left - 1))
		[ "$vm_left" -gt 0 ] || return 1
		vm_pause
	done
}

vm_gone() { # NAME
	status=0
	wait "$(vm_pid "$1")" || status=$?
	rm -f "$work/$1.pid"
}

vm_off() { # NAME
	vm_tell "$1" off
	vm_gone "$1"
	[ "$status" = 0 ] || vm_die "$1" "QEMU's exit status is $status"
}

# ---- gmemfs ----

info() { # FILE
	populated='' hidden='' lent='' cloned='' huge='' map_faults_2m='' map_faults_4k=''
	gmeminfo "$1" >"$work/info" || bail_out "gmeminfo $1 fails"
	# shellcheck source=/dev/null
	. "$work/info"
}

# The descriptor by which a guest's QEMU has a file of gmemfs without a name.
vm_file() { # NAME
	for vm_fd in "/proc/$(vm_pid "$1")/fd"/*; do
		case $(readlink "$vm_fd") in
		/dev/gmem/*)
			echo "$vm_fd"
			return
			;;
		esac
	done
	bail_out "$1: QEMU has no file of gmemfs open"
}

# DirectMap2M and the kernel's splits change with each page that is lent, for
# good. What is absent from the direct map is what counts; kscan asks the kernel's
# page tables.
absent() {
	kscan --map --json >"$work/map"
	echo $(($(json_value direct_map_bytes) - $(json_value direct_map_mapped)))
}

json_value() { # KEY
	sed -n "s/^ *\"$1\": *\([0-9]*\).*/\1/p" "$work/map"
}

# MemFree with what lies on per-CPU lists, in KiB, after what can be dropped was.
free_kib() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	echo 1 >/proc/sys/vm/compact_memory
	awk '$1 == "MemFree:" { kib += $2 } $1 == "count:" { kib += $2 * 4 } END { print kib }' \
		/proc/meminfo /proc/zoneinfo
}

# Before the first guest, and when the last is gone.
remember_host() {
	absent_before=$(absent)
	free_before=$(free_kib)
}

# 16 MiB is for what the host's kernel itself keeps by now: less than a guest is. What is late on a
# busy machine is no leak: RCU and the kernel's workers get 20 s.
free_is_back() {
	for _ in $(seq 20); do
		free_after=$(free_kib)
		[ "$free_after" -lt $((free_before - 16384)) ] || return 0
		sleep 1
	done
	return 1
}

host_is_back() {
	for vm_counter in hidden_bytes lent_bytes quarantined_bytes; do
		is "$(settled $vm_counter)" 0 "afterwards: $vm_counter"
	done
	is "$(absent)" "$absent_before" \
		'afterwards: the direct map is whole again, by the page tables'
	is "$(json_value direct_map_misplaced)" 0 '  and each entry maps its own memory'
	free_is_back || :
	ok "afterwards: memory is free again ($free_before, $free_after KiB)" \
		test "$free_after" -ge $((free_before - 16384))
}
