# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
#
# What the demos share, inside the test host. Who sources this sets $work to a folder of its own,
# and $color if the output may have colours.
#
#	say TEXT, die TEXT		a message; the same, and the end
#	as_seconds HUNDREDTHS		as text
#	value FILE KEY			KEY=VALUE of a file
#	start_probes, stop_probes	count the kernel's flushes of TLBs
#	flushes				how many there were so far
#	begin_log, check_log		what the kernel logs in between
#	check WHAT CONDITION...		a result, as for test; counts $failures

tracefs=/sys/kernel/tracing
flush_functions='flush_tlb_kernel_range flush_tlb_all cpa_flush'
color=
failures=0

# ---- output ----

paint() { # COLOUR TEXT
	if [ -n "$color" ]; then
		printf '\033[%sm%s\033[0m' "$1" "$2"
	else
		printf '%s' "$2"
	fi
}

say() {
	echo "demo: $*" >&2
}

die() {
	say "$(paint '1;31' FAILED): $*"
	exit 1
}

# ---- numbers ----

as_seconds() { # HUNDREDTHS
	printf '%d.%02d s' $(($1 / 100)) $(($1 % 100))
}

# KEY=VALUE of a file
value() { # FILE KEY
	sed -n "s/^$2=//p" "$1"
}

# ---- counters ----

# The tracepoint tlb:tlb_flush doesn't see flushes of kernel addresses, so this
# uses probes. They are set before the first reading, because setting them
# allocates executable memory, which may itself split the direct map.
start_probes() {
	[ -d "$tracefs/events" ] || mount -t tracefs tracefs "$tracefs"
	for function in $flush_functions; do
		echo "p:gmemfs_demo/$function $function" \
			>>"$tracefs/kprobe_events" 2>/dev/null ||
			die "can't count calls of $function"
	done
	echo 1 >"$tracefs/events/gmemfs_demo/enable"
}

stop_probes() {
	[ -d "$tracefs/events/gmemfs_demo" ] || return 0
	echo 0 >"$tracefs/events/gmemfs_demo/enable"
	for function in $flush_functions; do
		echo "-:gmemfs_demo/$function" >>"$tracefs/kprobe_events"
	done
}

probe_hits() { # FUNCTION
	sed -n "s/^ *$1  *\([0-9]*\) .*/\1/p" "$tracefs/kprobe_profile"
}

# cpa_flush (after a change of the direct map) flushes itself or calls
# flush_tlb_all, so the larger of the two counts has each flush once. No other
# code calls flush_tlb_all while this runs.
flushes() {
	cpa=$(probe_hits cpa_flush)
	all=$(probe_hits flush_tlb_all)
	[ "$cpa" -gt "$all" ] || cpa=$all
	echo $((cpa + $(probe_hits flush_tlb_kernel_range)))
}

# ---- the verdict ----

check() { # WHAT CONDITION...
	what=$1
	shift
	if test "$@"; then return; fi
	failures=$((failures + 1))
	paint '1;31' 'FAILED' && echo ": $what (not so: $*)"
}

begin_log() {
	log_mark="gmemfs-demo $$ begins"
	echo "$log_mark" >/dev/kmsg
}

# What the kernel has logged since the demo began: it must have no complaints.
check_log() {
	# shellcheck disable=SC2154 # who sources this sets it
	dmesg | sed "1,/$log_mark/d" |
		grep -E 'BUG:|WARNING:|Oops|general protection|Call Trace' \
			>"$work/log" || return 0
	failures=$((failures + 1))
	paint '1;31' 'FAILED'
	echo ': the host kernel complained:'
	cat "$work/log"
}
