#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Half a minute of inputs, or FUZZ_SECONDS, for the parsers of what a guest, or who gives
# one, has written, for snapshots, the control socket's and the options'. They run without a host:
# nothing in them needs one.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"

seconds=$((${FUZZ_SECONDS:-30} / 6))
seed=${FUZZ_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}

# libFuzzer, with ASan and UBSan. What it has found is printed, to be given to the
# same program as a file.
fuzz() { # NAME
	"$here/../../hostvm/in-root" --kernel "${KERNEL:-6.12}" sh -ec '
		make --silent -C tests/vmm "/out/tests/vmm/fuzz-$1" OUT=/out
		cd /out
		tests/vmm/fuzz-"$1" -max_total_time="$2" -seed="$3" -timeout=10 \
			-max_len=16384 -len_control=0 -close_fd_mask=1 -print_final_stats=1 \
			-verbosity=0 && exit
		for input in crash-* timeout-* leak-* oom-*; do
			[ ! -e "$input" ] || gzip -9 -c "$input" | base64
		done
		exit 1' sh "$1" "$seconds" "$seed"
}

# Nothing of what it was to try may have ended it early, or before it began. A machine that is busy
# tries few: a device's input takes several threads.
test_fuzz() { # NAME WHAT
	ok "$2: nothing leads out of bounds, or hangs" fuzz "$1"
	inputs=$(printf '%s\n' "$tap_output" |
		sed -n 's/^stat::number_of_executed_units: *//p')
	diag "$2: ${inputs:-0} inputs"
	ok "$2: was tried" test "${inputs:-0}" -gt 50
}

diag "seed $seed, $seconds s each"
test_fuzz queue virtqueues
test_fuzz boot kernels
test_fuzz device devices
test_fuzz control 'the control socket'
test_fuzz options options
test_fuzz snapshot snapshots
done_testing
