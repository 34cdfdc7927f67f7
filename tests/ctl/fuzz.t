#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A few seconds of inputs, or FUZZ_SECONDS, for gmemctl's parsers: of /proc, of which users
# choose a part, of /proc/kcore and BTF, and of names and numbers. They run without a host.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"

seconds=$((${FUZZ_SECONDS:-16} / 4))
seed=${FUZZ_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}

# libFuzzer, with ASan and UBSan, one after the other. What it has found is printed, to be given to
# the same program as a file.
fuzz() { # NAME...
	"$here/../../hostvm/in-root" --kernel "${KERNEL:-6.12}" sh -ec '
		seconds=$1 seed=$2
		shift 2
		make --silent -C tests/ctl fuzz OUT=/out
		cd /out
		for name; do
			echo "fuzzer: $name"
			status=0
			case $name in kcore) room=24576 ;; *) room=2048 ;; esac
			tests/ctl/fuzz-"$name" -max_total_time="$seconds" -seed="$seed" \
				-timeout=10 -max_len=$room -len_control=0 \
				-print_final_stats=1 -verbosity=0 || status=$?
			echo "status: $status"
		done
		for input in crash-* timeout-* leak-* oom-*; do
			[ ! -e "$input" ] || { echo "$input"; gzip -9 -c "$input" | base64; }
		done' sh "$seconds" "$seed" "$@" 2>&1
}

# said NAME WORD: what one of them said after a word
said() {
	printf '%s\n' "$output" | awk -v name="$1" -v word="$2" '
		$1 == "fuzzer:" { ours = $2 == name }
		ours && $1 == word { print $2 }'
}

# Nothing of what it was to try may have ended it early, or before it began. A machine that is busy
# tries few.
judge() { # NAME WHAT
	is "$(said "$1" status:)" 0 "$2: nothing leads out of bounds, or hangs"
	inputs=$(said "$1" stat::number_of_executed_units:)
	diag "$2: ${inputs:-0} inputs"
	ok "$2: was tried" test "${inputs:-0}" -gt 50
}

diag "seed $seed, $seconds s each"
ok 'the fuzzers are built and run' fuzz proc kcore btf text
output=$tap_output
judge proc '/proc/PID'
judge kcore /proc/kcore
judge btf BTF
judge text 'names and numbers'
[ "$tap_failed" = 0 ] || diag "$output"
done_testing
