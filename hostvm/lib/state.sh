# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Saved hosts. A host comes up the same way each time, up to where it unpacks its second disk: so it is
# booted once to there and saved, and what runs start from is that. A state is two files: the machine
# with its memory, and what it has written to its root.

# Nothing is kept of that size: the file is sparse. The guest has to know it (guest/init), and tells
# by it that it is to be saved.
state_disk_size=$((16 << 30))
# The last block says how much of the disk there is: guest/await.
state_block=4096
state_random=64
# All states together, in KiB. One takes 100 to 200 MB, of the kernel debug 900 MB.
state_budget=$((8 << 20))

# The clock that counts instructions, and the terminal, are another machine. With KVM a boot takes a
# second.
state_wanted() {
	[ "$really_boot" != yes ] && [ "$icount" = no ] && [ "$interactive" = no ] && ! use_kvm &&
		[ "$(stat -c %s "$payload")" -le $((state_disk_size - state_block)) ]
}

# All that a host depends on before it has its second disk. What QEMU is called with, boot.sh says. The
# image is that which is named, not one that was made again; and the processor tells how fast the clock
# is that an emulated one counts.
state_key() {
	{
		echo "$kernel $cpus $mem $nodes ${GMEMFS_COVERAGE:+coverage}"
		kernel_arguments
		stat -c '%n %s %y' "$root_dir/host.ext4"
		grep -m 1 '^model name' /proc/cpuinfo || :
		cat "$hostvm"/lib/boot.sh "$hostvm"/lib/state.sh "$hostvm"/guest/*
	} | sha256sum | cut -c1-32
}

# Sets $state. Fails where this run is to boot: with what keeps a host from being saved, it says it then.
# In the background, so that a signal isn't held up.
state_need() {
	state_wanted || return 1
	state=$cache/states/$kernel-$(state_key)
	state_hold || {
		state_was_wanted || return 1
		cache_locked_briefly states state_make >"$run/state.log" 2>&1 &
		wait $! && state_hold
	}
}

# To save a host takes as long again as to boot it: not for the first run that wants one, which may be
# the only one.
state_was_wanted() {
	state_mark=$cache/wanted/${state##*/}
	if [ -e "$state_mark" ]; then
		touch "$state_mark"
	else
		mkdir -p "$cache/wanted"
		: >"$state_mark"
		return 1
	fi
}

state_hold() {
	[ -e "$state/complete" ] && cache_hold 9 "$state" && [ -e "$state/complete" ]
}

# --- one is made ---

state_make() {
	cache_sweep "$cache/states"
	[ ! -e "$state/complete" ] || return 0
	state_tmp=$state.tmp
	mkdir "$state_tmp"
	state_save || {
		rm -rf "$state_tmp" "$state_mark"
		return 1
	}
	: >"$state_tmp/complete"
	rm -rf "$state"
	mv "$state_tmp" "$state"
	cache_prune_to "$cache/states" "$state_budget"
	find "$cache/wanted" -type f -mtime +30 -delete
}

# What is saved has nothing to report.
state_save() {
	root_tool qemu-img create -q -f qcow2 -F raw -b "$root_dir/host.ext4" "$state_tmp/root.qcow2" || return
	state_machine || return
	splat_status=0
	"$hostvm/splat" "$run/console" >/dev/null || splat_status=$?
	[ "$splat_status" -eq 1 ] || return
	cp "$run/console" "$state_tmp/"
	sync "$state_tmp"/*
}

# A host whose second disk is blank. Orders go to QEMU by a pipe, as a socket's name may be too long.
state_machine() {
	start=make qmp=''
	payload=$run/blank
	truncate -s "$state_disk_size" "$payload"
	mkfifo "$run/orders"
	streams_clear
	qemu_start
	watch_limits >/dev/null 2>&1 &
	watcher=$!
	state_order || kill "$qemu" || :
	qemu_status=0
	wait "$qemu" || qemu_status=$?
	kill "$watcher" || :
	[ "$qemu_status" -eq 0 ] && grep -q '"status": "completed"' "$run/answers"
}

state_order() {
	state_until '^ready ' "$run/status" || return
	! has_report_taint ready || return
	cat >"$run/orders" <<END
{ "execute": "qmp_capabilities" }
{ "execute": "migrate-set-capabilities", "arguments": { "capabilities": [
	{ "capability": "events", "state": true }, { "capability": "mapped-ram", "state": true } ] } }
{ "execute": "migrate-set-parameters", "arguments": { "max-bandwidth": $((1 << 40)) } }
{ "execute": "stop" }
{ "execute": "migrate", "arguments": { "uri": "file:$(json_word "$state_tmp/memory")" } }
END
	state_until '"status": "(completed|failed)"|"error"' "$run/answers" || return
	echo '{ "execute": "quit" }' >"$run/orders"
}

# Until a line is there, or QEMU is not any more.
#   state_until ERE FILE
state_until() {
	until grep -q -E "$1" "$2"; do
		kill -0 "$qemu" || return
		sleep 0.1
	done
}

json_word() {
	printf '%s' "$1" | LC_ALL=C sed 's/[\\"]/\\&/g'
}

# --- one is used ---

# Fails if this run is to boot after all.
state_boot() {
	start=resume
	payload_size=$(stat -c %s "$payload")
	state_fill_disk
	boot_once
	state_failed || return 0
	say 'the saved host did not resume, and is thrown away: booting one'
	state_throw_away
	truncate -s "$payload_size" "$payload"
	return 1
}

state_fill_disk() {
	truncate -s $((state_disk_size - state_block)) "$payload"
	{
		echo "payload $((payload_size / 512)) sectors at $(date +%s)"
		head -c "$state_random" /dev/urandom
	} >>"$payload"
	truncate -s "$state_disk_size" "$payload"
}

# Who reads our output and goes away ends the host, and that is all.
state_failed() {
	[ "$closed" = no ] || return 1
	! grep -q '^resumed' "$run/status" || emulator_failed
}

# Others that use it have it open, or else find that it doesn't resume.
state_throw_away() {
	mv "$state" "$state.gone.$$" 2>/dev/null || return 0
	rm -rf "$state.gone.$$"
}
