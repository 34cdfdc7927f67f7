# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
#
# A nested guest with a secret (tests/guest/secret-init.c) under stock QEMU, for
# scripts that run inside the test host. Who sources this has the functions say
# and die, and sets $work to a folder of its own.
#
#	start_guest NAME		boots it
#	boot_guest NAME			boots it, and waits until it has
#	wait_guest WORD WHAT		until the guest prints WORD; in $line
#	guest_time			its clocks; in $mono, $real, $backwards
#	end_guest NAME			it checks its memory and powers off
#	guest_clean_up			at exit

# Of a guest: set them before start_guest.
guest_mib=192
guest_cpus=1
guest_memory=gmemfs
guest_more=
gmem_file=/dev/gmem/guest0
# Debian's, which a host with a kernel of our own has, too.
guest_kernel=$(echo /boot/vmlinuz-*-cloud-amd64)
guest_initrd=/opt/gmemfs/share/gmemfs/secret-initrd.cpio

# Each exit of a nested guest under emulation costs a fraction of a millisecond:
# pci=noearly saves 16,000 of them, which the kernel needs to find no AGP bridge
# on 256 buses. Nor does the guest's kernel test its ciphers, as the host's
# doesn't (hostvm/lib/boot.sh).
guest_args='console=ttyS0 quiet panic=-1 pci=noearly cryptomgr.notests'

# Far more than it takes, as the machine may be busy with other things: for all
# of a guest's life.
guest_seconds=270

timeout_pid=
cr=$(printf '\r')

# Hundredths of a second since boot, without a fork.
now() {
	read -r uptime _ </proc/uptime
	now=${uptime%.*}${uptime#*.}
}

# What QEMU is told about the guest's memory: all the difference there is.
memory_object() {
	case $guest_memory in
	memfd)
		echo "memory-backend-memfd,id=m,share=on,size=${guest_mib}M"
		;;
	gmemfs)
		echo "memory-backend-file,id=m,share=on,align=2M,size=${guest_mib}M,mem-path=$gmem_file"
		;;
	esac
}

# The guest's console is QEMU's stdin and stdout: descriptors 3 and 4. The first
# is open for reading too, so that QEMU never sees its end.
start_guest() { # NAME
	guest_name=$1
	console=$work/$1.console
	rm -f "$work/stdin" "$work/stdout" "$work/pid" "$gmem_file"
	mkfifo "$work/stdin" "$work/stdout"
	exec 3<>"$work/stdin"
	now
	guest_start=$now
	# shellcheck disable=SC2086 # $guest_more is words
	timeout -k 5 "$guest_seconds" \
		qemu-system-x86_64 -accel kvm -machine q35,memory-backend=m \
		-cpu host -smp "$guest_cpus" -m "${guest_mib}M" \
		-object "$(memory_object)" \
		-nodefaults -nographic -serial stdio -no-reboot \
		-kernel "$guest_kernel" -initrd "$guest_initrd" \
		-append "$guest_args" -pidfile "$work/pid" $guest_more \
		<&3 >"$work/stdout" 2>"$work/$1.stderr" 3>&- &
	timeout_pid=$!
	exec 4<"$work/stdout"
}

field() { # KEY LINE
	printf '%s\n' "$2" | sed -n "s/.*$1=\([^ ]*\).*/\1/p"
}

guest_gave_up() { # WHY
	tail -n 20 "$console" >"$work/tail"
	say 'the end of its console:'
	sed 's/^/        /' "$work/tail" "$work/$guest_name.stderr" >&2
	die "$1"
}

# Sets $status: QEMU's. Call it when QEMU is ending or has ended.
reap_qemu() {
	status=0
	wait "$timeout_pid" || status=$?
	timeout_pid=
	exec 3>&- 4<&-
}

# read_guest WORD: until a line that begins with WORD; sets $line. Fails when QEMU has ended, sets $status then.
#
# Reading blocks until QEMU ends, and timeout sees to it that it does.
read_guest() {
	while IFS= read -r text <&4; do
		text=${text%"$cr"}
		printf '%s\n' "$text" >>"$console"
		line=${text##*secret-init: }
		case $text in
		*"secret-init: $1"*) return ;;
		*'secret-init: FAILED'*) guest_gave_up "the guest says: $line" ;;
		*'secret-init: '*) say "$guest_name: guest $line" ;;
		esac
	done
	reap_qemu
	return 1
}

# wait_guest WORD WHAT: as read_guest, but a guest that has not got there is an error
wait_guest() {
	! read_guest "$1" || return 0
	[ "$status" != 124 ] ||
		guest_gave_up "the guest has not $2 within $guest_seconds s"
	guest_gave_up "QEMU ended (status $status) before the guest $2"
}

# In a host that is emulated, about one in 30 guests that have more vCPUs than the host has CPUs dies of a
# triple fault while it boots, whatever its memory is (docs/limits.md). So such a guest may die once. It
# has put nothing into its memory yet.
boot_guest() { # NAME
	start_guest "$1"
	if [ "$guest_cpus" -gt "$(nproc)" ]; then
		! read_guest hello || return 0
		say "$1: QEMU ended (status $status) before the guest booted: once more. Its console:"
		tail -n 5 "$console" | sed 's/^/        /' >&2
		start_guest "$1"
	fi
	wait_guest hello booted
}

wait_exit() {
	cat <&4 >>"$console"
	reap_qemu
	[ "$status" != 124 ] ||
		guest_gave_up "the guest has not powered off within $guest_seconds s"
	[ "$status" = 0 ] || guest_gave_up "QEMU's exit status is $status"
}

# In ms; with $readings, how often the guest looked whether they run $backwards.
guest_time() {
	echo time >&3
	wait_guest time 'told the time'
	mono=$(field mono_ms "$line")
	real=$(field real_ms "$line")
	readings=$(field readings "$line")
	backwards=$(field backwards "$line")
}

# Sets $verdict: "intact", or what the guest says of its memory.
end_guest() { # NAME
	echo verify >&3
	wait_guest checked 'checked its memory'
	verdict=$(printf '%s\n' "$line" | cut -d ' ' -f 2)
	say "$1: guest $line"
	wait_exit
	rm -f "$gmem_file"
}

guest_clean_up() {
	[ -z "$timeout_pid" ] || kill "$timeout_pid" 2>/dev/null || :
	rm -f "$gmem_file" || :
}
