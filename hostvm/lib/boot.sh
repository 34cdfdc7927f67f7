# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# One run of the host: its second disk, QEMU's command line, the streams that lead out of it, its
# time limits, and the verdict.

# A host that has not started the command by then never will. Emulated on a busy machine, the boot
# takes a few seconds at most.
boot_limit=120
# A saved one is there within a second or two.
resume_limit=60
# QEMU looks at each page, of gigabytes, to save one.
save_limit=300
# After the command, the host only unloads the module, and looks twice for leaks if its kernel can.
finish_limit=60

# --- what goes in ---

#   payload_make COMMAND...
payload_make() {
	payload=$run/payload.tar
	mkdir -p "$run/payload/hostvm"
	payload_command "$@" >"$run/payload/hostvm/command"
	payload_options >"$run/payload/hostvm/options"
	payload_tar --create -C "$run/payload" .
	payload_tar --append -C "$products" --transform='flags=rSh;s|^\.|opt/gmemfs|' .
	payload_shares
}

payload_tar() {
	tar --file="$payload" --format=gnu --owner=0 --group=0 --numeric-owner \
		--warning=no-file-changed --warning=no-file-ignored "$@" || [ $? -eq 1 ] ||
		die 'could not pack the second disk'
}

payload_command() {
	printf 'exec'
	for word in "$@"; do
		printf ' '
		quote "$word"
	done
	echo
}

payload_options() {
	echo "load=$load"
	echo "icount=$icount"
	if [ "$interactive" = yes ]; then
		echo 'interactive=yes'
		printf 'export TERM=%s\n' "$(quote "${TERM:-dumb}")"
		stty size 2>/dev/null | sed -n 's/^\([1-9][0-9]*\) \([1-9][0-9]*\)$/rows=\1 columns=\2/p'
	fi
}

# Lines of $run/shares: the directory's real path, and below it the name it has in the host.
payload_shares() {
	[ -e "$run/shares" ] || return 0
	while read -r share_path && read -r share_name; do
		share_name=$(printf '%s' "$share_name" | sed 's/[\\&|]/\\&/g')
		payload_tar --append -C "$share_path" \
			--transform="flags=rSh;s|^\\.|share/$share_name|" .
	done <"$run/shares"
}

# The common part was packed with the root. Ours is added on every run, so that a change to
# guest/ needs no new root: the kernel accepts archives one after the other.
initramfs_make() {
	mkdir "$run/initramfs.d"
	cp "$hostvm/guest/initramfs-init" "$run/initramfs.d/init"
	cp "$hostvm/guest/init" "$run/initramfs.d/guest-init"
	cp "$hostvm/guest/await" "$run/initramfs.d/guest-await"
	chmod 755 "$run/initramfs.d/init" "$run"/initramfs.d/guest-*
	{ cat "$root_dir/initramfs" && image_cpio "$run/initramfs.d"; } >"$run/initramfs"
}

# --- the machine ---

# A /dev/kvm may be there and still not run a stock kernel: trust it only with the CPU's own flags.
use_kvm() {
	[ "$icount" = no ] && [ -w /dev/kvm ] && grep -q -E '^flags.* (vmx|svm)( |$)' /proc/cpuinfo
}

# Messages from `info` up go to the console: a splat is never below that.
kernel_arguments() {
	printf 'console=ttyS0 loglevel=7 panic=-1 net.ifnames=0'
	use_kvm || kernel_arguments_tcg
	[ "$kernel" != debug ] || kernel_arguments_debug
	[ -z "$devices" ] || printf ' intel_iommu=on'
	[ -z "$append" ] || printf ' %s' "$append"
}

# An emulated CPU stands still while its thread waits for one of a busy machine's. That is no fault of
# the kernel's, which at boot takes a late timer for a broken one, and later for a lockup; the
# soft-lockup limit is twice the figure given here. The crypto self-tests take half a second.
kernel_arguments_tcg() {
	printf ' no_timer_check watchdog_thresh=30 rcupdate.rcu_cpu_stall_timeout=60'
	printf ' cryptomgr.notests'
}

# identify_cpu() clears the boot CPU's capabilities before it reads them anew. KASAN takes LA57's for the
# number of levels: an interrupt just then finds an address that only five levels have, and reports it.
kernel_arguments_debug() {
	printf ' no5lvl'
}

# All of the host's memory in MiB, however --mem says it.
mem_mib() {
	case $mem in
	*K) echo $((${mem%K} / 1024)) ;;
	*G) echo $((${mem%G} * 1024)) ;;
	*T) echo $((${mem%T} * 1024 * 1024)) ;;
	*) echo "${mem%M}" ;;
	esac
}

# One argument a line. A node is a socket: the kernel warns of one that spans two.
numa_arguments() {
	node=0
	share=$((cpus / nodes))
	while [ "$node" -lt "$nodes" ]; do
		echo -object
		echo "memory-backend-ram,id=node$node,size=$(($(mem_mib) / nodes))M"
		echo -numa
		echo "node,nodeid=$node,memdev=node$node,cpus=$((node * share))-$(((node + 1) * share - 1))"
		node=$((node + 1))
	done
}

# Emulated, "rep movsb" copies byte by byte. So the CPU doesn't say that it does that fast: then kernel
# and libraries copy and clear in words, which takes a third of the time.
tcg_cpu=max,+svm,-erms,-fsrm,-fsrs,-fzrm

qemu_start() {
	if use_kvm; then
		set -- -accel kvm -cpu host
	elif [ "$icount" = yes ]; then
		# A tick an instruction. An idle CPU doesn't wait for the next timer, time jumps there.
		set -- -accel tcg,thread=single -icount shift=0,sleep=off -cpu "$tcg_cpu"
	else
		set -- -accel tcg,thread=multi -cpu "$tcg_cpu"
	fi
	set -- "$@" -machine "q35$(device_machine)" -smp "$cpus,sockets=$nodes" -m "$mem" -nodefaults -no-user-config -display none \
		-no-reboot
	# If code of a guest takes over QEMU, it should have little of the machine: it can start no program.
	set -- "$@" -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
	if [ "$nodes" -gt 1 ]; then
		for argument in $(numa_arguments); do
			set -- "$@" "$argument"
		done
	fi
	# ROMs: Debian's QEMU looks in these places.
	for roms in "$root/$root_emulator" "$root"; do
		set -- "$@" -L "$roms/usr/share/qemu" -L "$roms/usr/share/seabios" -L "$roms/usr/lib/ipxe/qemu"
	done
	if [ -n "${uefi:-}" ]; then
		cp "$uefi" "$run/variables"
		set -- "$@" -drive "if=pflash,unit=0,format=raw,readonly=on,file=$(qemu_word "$root/usr/share/OVMF/OVMF_CODE_4M.fd")" \
			-drive "if=pflash,unit=1,format=raw,file=$(qemu_word "$run/variables")"
	fi
	set -- "$@" -kernel "$root_dir/vmlinuz" -initrd "$run/initramfs" \
		-append "$(kernel_arguments)" -serial "file:$run/console"
	for argument in $(iommu_arguments); do
		set -- "$@" "$argument"
	done
	set -- "$@" \
		-drive "if=none,id=root,$(root_drive)" \
		-device virtio-blk-pci,drive=root \
		-drive "if=none,id=payload,format=raw,readonly=on,file=$(qemu_word "$payload")" \
		-device virtio-blk-pci,drive=payload
	set -- "$@" -device virtio-serial-pci
	for port in out err status ${GMEMFS_COVERAGE:+coverage}; do
		set -- "$@" -chardev "file,id=$port,path=$(qemu_word "$run/$port")" \
			-device "virtserialport,chardev=$port,name=gmem.$port"
	done
	while read -r argument; do
		[ -z "$argument" ] || set -- "$@" "$argument"
	done <<END
$(device_arguments)
END
	[ "$interactive" = no ] || set -- "$@" -chardev stdio,id=console,signal=off \
		-device virtconsole,chardev=console
	[ -z "$qmp" ] || set -- "$@" -qmp "unix:$(qemu_word "$qmp"),server=on,wait=off"
	case $start in
	make) set -- "$@" -qmp stdio -global migration.store-global-state=off ;;
	resume) set -- "$@" -global migration.mapped-ram=on -incoming "file:$state/memory" ;;
	esac
	# An interactive console is on what the script itself was given.
	exec 3<&0 4>&1
	[ "$interactive" = yes ] || exec 3</dev/null 4>/dev/null
	[ "$start" != make ] || exec 3<>"$run/orders" 4>"$run/answers"
	TMPDIR=$run root_tool_exec qemu-system-x86_64 "$@" <&3 >&4 2>"$run/qemu.err" &
	qemu=$!
	exec 3<&- 4>&-
}

# All runs share the image; what this one writes goes to an unlinked file of its own.
root_drive() {
	case $start in
	boot) echo "format=raw,snapshot=on,file=$(qemu_word "$root_dir/host.ext4")" ;;
	make) echo "format=qcow2,cache=unsafe,file=$(qemu_word "$state_tmp/root.qcow2")" ;;
	resume) echo "format=qcow2,snapshot=on,file=$(qemu_word "$state/root.qcow2")" ;;
	esac
}

# --- the streams ---

streams_clear() {
	for stream in console out err status qemu.err; do
		: >"$run/$stream"
	done
	rm -f "$run/overdue"
}

# QEMU writes plain files, which never block and lose nothing, and `tail` follows them: it ends by
# itself after QEMU's last byte. If whoever reads our output goes away, so does the host.
follow() {
	LC_ALL=C tail --bytes=+1 --follow --sleep-interval=0.1 --pid="$qemu" "$1" 2>/dev/null && return
	kill "$qemu" 2>/dev/null || :
	return 1
}

# --- time ---

# What a host does until then is none of our doing.
nothing_of_ours_ran() {
	! grep -q '^loading' "$run/status"
}

# It would go on like that up to the limit.
stalls() {
	[ "${phase-}" != command ] && nothing_of_ours_ran && grep -q 'rcu: INFO: .*detected .*stall' "$run/console"
}

# Ends a run that takes too long, or whose script was killed. What it finds it leaves in
# $run/overdue. Each look takes some programs: while a command runs, which may take long, there are few.
watch_limits() {
	phase=
	watch_phase "$(run_phase)"
	while sleep "$((halves / 2)).$((halves % 2 * 5))" && kill -0 "$qemu"; do
		left=$((left - halves))
		watch_phase "$(run_phase)"
		if is_overdue || stalls; then
			echo "$phase" >"$run/overdue"
			kill "$qemu"
		elif ! kill -0 "$$"; then
			kill "$qemu"
		fi
	done
}

# Sets what the watch goes by, where the phase is a new one.
watch_phase() { # PHASE
	[ "$1" != "$phase" ] || return 0
	phase=$1
	limit=$(half_seconds "$(phase_limit)")
	left=$limit
	halves=1
	if [ "$phase" = command ] && { [ "$limit" -eq 0 ] || [ "$limit" -ge 60 ]; }; then
		halves=4
	fi
}

is_overdue() {
	[ "$limit" -gt 0 ] && [ "$left" -le 0 ]
}

# A limit in the unit of the watch. A kernel that checks itself needs several times as long.
half_seconds() {
	echo $(($1 * $(kernel_slowness "$kernel") * 2))
}

# How far the host has come. It writes the status itself, and may write on and on: the first words count.
run_phase() {
	head -c 65536 "$run/status" | awk -v start="$start" '
		/^(exit|failed) / { ended = 1 }
		/^started/ { started = 1 }
		/^resumed/ { resumed = 1 }
		/^ready/ { ready = 1 }
		END {
			if (ended) print "finish"
			else if (started) print "command"
			else if (start == "resume" && !resumed) print "resume"
			else if (start == "make" && ready) print "save"
			else print "boot"
		}'
}

# In seconds; 0 is no limit.
phase_limit() {
	case $phase in
	resume) echo "$resume_limit" ;;
	boot) echo "$boot_limit" ;;
	save) echo "$save_limit" ;;
	command) echo "$timeout" ;;
	*) echo "$finish_limit" ;;
	esac
}

# --- the run ---

#   boot COMMAND...
boot() {
	payload_make "$@"
	initramfs_make
	! state_need || ! state_boot || return 0
	start=boot
	boots=1
	boot_once
	while emulator_failed && [ "$boots" -lt "$boots_at_most" ]; do
		say "the emulator $failure while the host booted: once more"
		boots=$((boots + 1))
		boot_once
	done
}

boot_once() {
	streams_clear
	qemu_start
	follow "$run/out" &
	follow_out=$!
	follow "$run/err" >&2 &
	follow_err=$!
	watch_limits >/dev/null 2>&1 &
	watcher=$!
	qemu_status=0
	wait "$qemu" || qemu_status=$?
	qemu=
	closed=no
	wait "$follow_out" || closed=yes
	wait "$follow_err" || closed=yes
	kill "$watcher" 2>/dev/null || :
	wait "$watcher" 2>/dev/null || :
	[ -z "$qmp" ] || rm -f "$qmp"
}

# Multi-threaded emulation has flaws. With QEMU 10, one boot in some 40 dies of an assertion in
# iotlb_to_section(), while the kernel sizes PCI BARs: 134 is what a shell reports for SIGABRT. And
# seldom, on a busy machine, a CPU's timer doesn't wake it any more, and what waits for the next tick
# waits forever. QEMU 11 has not shown these two, but it is the emulator only where there is one to get:
# see the recipe. With either, a CPU may go on with code that another one has replaced, and die of the
# int3 that was there for a moment. That can't be told from a fault of ours once something of ours runs.
boots_at_most=3

# Sets $failure.
emulator_failed() {
	if [ "$qemu_status" -eq 134 ] && [ "$(run_phase)" = boot ]; then
		failure=crashed
	elif [ -s "$run/overdue" ] && nothing_of_ours_ran; then
		failure='lost a timer'
	elif [ "$(run_phase)" = boot ] && nothing_of_ours_ran && grep -q 'Oops: int3' "$run/console"; then
		failure='ran code that had been replaced'
	else
		return 1
	fi
}

# However this script ends, its host ends with it.
boot_stop() {
	[ -n "${qemu:-}" ] || return 0
	kill -9 "$qemu" 2>/dev/null || :
	wait "$qemu" 2>/dev/null || :
	[ -z "$qmp" ] || rm -f "$qmp"
}

# --- the verdict ---

# The host writes what comes out of its ports, so no shell may evaluate it: in $(( )) a name is a variable,
# which can be set there, and bash even runs commands.
status_word() {
	sed -n "s/^$1 *//p" "$run/status" | tail -n 1
}

# The same if it is a number, as init writes them; otherwise nothing.
status_number() {
	status_word "$1" | LC_ALL=C grep -x -E '0|[1-9][0-9]{0,8}' || :
}

# Taints of a report: W 512 (a warning), D 128 (an oops), L 16384 (a lockup), B 32 (a bad page). Ours
# is an unsigned module from outside the kernel's tree, which taints as well and means nothing. A host
# that says something else than a number isn't trusted either. Sets $taint.
has_report_taint() { # WORD
	taint=$(status_number "$1")
	if [ -z "$taint" ]; then
		taint='it says no number'
		grep -q "^$1" "$run/status"
		return
	fi
	[ $((taint & (512 | 128 | 16384 | 32))) -ne 0 ]
}

# For who set GMEMFS_COVERAGE to a directory: of each run which lines ran how often, beside what the
# compiler knows of them. tests/coverage reads it.
coverage_keep() {
	[ -n "${GMEMFS_COVERAGE:-}" ] && [ -s "$run/coverage" ] || return 0
	coverage_dir=$GMEMFS_COVERAGE/$products_key
	mkdir -p "$coverage_dir"
	cp -r "$products/coverage" "$coverage_dir/notes.$$"
	mv -T "$coverage_dir/notes.$$" "$coverage_dir/notes" 2>/dev/null || rm -rf "$coverage_dir/notes.$$"
	cp "$run/coverage" "$coverage_dir/${run##*/}.tar"
}

# Ends the script with the run's exit status.
conclude() {
	coverage_keep
	command_status=$(status_number exit)
	overdue=$(cat "$run/overdue" 2>/dev/null || :)
	if [ -n "$overdue" ] && stalls; then
		conclude_bad 125 'the host stalled while it booted'
	fi
	[ "$allow_splat" = yes ] || conclude_splat
	if [ "$overdue" = command ]; then
		conclude_bad 124 "timed out after $(($(half_seconds "$timeout") / 2)) s"
	elif grep -q '^done' "$run/status" && [ -n "$command_status" ]; then
		conclude_with "$command_status"
	elif grep -q '^exit' "$run/status" && [ -z "$command_status" ]; then
		conclude_bad 125 "the host tells the command's status by no number"
	elif grep -q '^failed ' "$run/status"; then
		conclude_bad 125 "the host did not come up: $(status_word failed | printable)"
	elif [ "$closed" = yes ]; then
		# What a shell reports for a command that SIGPIPE ended.
		conclude_with 141
	elif [ -n "$command_status" ]; then
		conclude_bad 125 "the host did not end well after the command, whose status was $command_status"
	elif [ "$(run_phase)" = command ]; then
		conclude_bad 125 'the host died while the command was running'
	elif [ -n "$overdue" ]; then
		conclude_bad 125 "the host did not boot within $(($(half_seconds "$boot_limit") / 2)) s"
	else
		conclude_bad 125 'the host did not boot'
	fi
}

# An int3 in the kernel's own text, which no module places there: the emulator may have run code that had
# been replaced. Who runs the tests sets GMEMFS_STALE_CODE to the name of a file that tells.
tell_stale_code() {
	head -n 1 "$run/splat" | grep -q 'Oops: int3' &&
		grep -m 1 'RIP: 0010:' "$run/splat" | grep -q -v ' \[[a-z_0-9]*\]' || return 0
	say 'it may be the emulator, which ran code that had been replaced: see hostvm/README.md'
	[ -z "${GMEMFS_STALE_CODE-}" ] || : >"$GMEMFS_STALE_CODE"
}

conclude_splat() {
	splat_status=0
	"$hostvm/splat" "$run/console" >"$run/splat" || splat_status=$?
	if [ "$splat_status" -eq 0 ]; then
		printable <"$run/splat" >&2
		tell_stale_code
		conclude_bad 99 'the kernel reported a bug'
	elif [ "$splat_status" -ne 1 ]; then
		conclude_bad 125 'the console could not be searched'
	elif has_report_taint tainted; then
		conclude_bad 99 "the kernel is tainted ($taint), yet its console has no report"
	fi
}

#   conclude_bad STATUS MESSAGE
conclude_bad() {
	say "$2"
	if [ "$1" -eq 125 ]; then
		printable <"$run/qemu.err" >&2
		tail -n 15 "$run/console" | printable >&2
	fi
	log_keep
	conclude_with "$1"
}

conclude_with() {
	# shellcheck disable=SC2034 # for the script's exit trap
	concluded=yes
	exit "$1"
}
