#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# In the host's root: bench/report on figures made up here: medians of ratios, aims met
# and not, and what can't be measured. And what bench/run makes of hosts that fail, and
# answers to a wrong command line.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
cd "$here/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"; tap_at_exit' EXIT

# 10 units of memfd take 1000 in each round, gmemfs' as given.
#   rounds KEY=VALUE... of gmemfs-cold, one word a round, the first to warm up
made_up() {
	round=0
	for ns; do
		echo "part=speed round=$round touch memfd units=10 ns=1000 splits_2m=0 slab=0"
		echo "part=speed round=$round touch gmemfs-cold units=10 ns=$ns broadcasts=0 splits_2m=$splits slab=0"
		echo "part=speed round=$round touch gmemfs-warm error=pool:ENOENT"
		round=$((round + 1))
	done
}

# Leaves $work/table and $work/results.json.
report() {
	rm -f "$work"/*.dat
	{ echo 'part=all env version a "quoted" one' && cat; } |
		(cd bench && python3 -B -m report "$work")
	mv "$work/table.txt" "$work/table"
}

json_says() {
	grep -q -F -e "$1" "$work/results.json"
}

splits=0
made_up 1 500 250 1000 200 400 | report
like "$(cat "$work/table")" 'first touch +gmemfs, pool cold +2\.50 \(1\.20-4\.80\)' \
	'the median of the ratios, 5th and 95th percentile; not the round that warms up'
ok 'the same in the JSON' json_says '"of": "gmemfs-cold", "beside": "memfd", "times_as_fast": 2.5, "low": 1, "high": 5, "p5": 1.2, "p95": 4.8, "rounds": 5'
like "$(cat "$work/table")" 'met +first touch, pool cold: times as fast as memfd at least 1: 2\.5' \
	'an aim that is met'
like "$(cat "$work/table")" 'unknown +first touch, pool warm.*not available: pool:ENOENT' \
	'what is not available is neither met nor missed'
like "$(cat "$work/table")" '^free +gmemfs, pool warm +not available: pool:ENOENT$' \
	'nor can be freed what cannot be touched'
ok 'and has no value' json_says '"value": null'
like "$(cat "$work/table")" 'unknown .*reads its clock.*not measured' 'nor is what was not measured'
ok 'environment, quoted' json_says '"key": "version", "value": "a \"quoted\" one"'
like "$(cat "$work/speed.dat")" '^"first touch".* 2\.5 1\.2 4\.8 ' "the plot's data"

made_up 1 500 1000 2000 4000 | report
like "$(cat "$work/table")" 'pool cold +0\.75 \(0\.29-1\.85\)' 'the median of an even number of rounds'
like "$(cat "$work/table")" 'NOT met +first touch, pool cold: times as fast as memfd' 'an aim that is missed'

splits=1
made_up 1 500 | report
like "$(cat "$work/table")" 'NOT met +pool cold: 2 MiB entries of the direct map split.*: 2$' \
	'splits count in every round, also in the one that warms up'
like "$(cat "$work/table")" '^metadata bytes a GiB, at most +- +107374182 +- +- +0 ' \
	'a page of page table for each'
made_up 1 1000 | report
like "$(cat "$work/table")" '^  met +first touch, pool cold: times as fast as memfd at least 1: 1$' \
	'an aim that is just met'

# Page by page, 4 calls for 4 pages; in runs, 2.
converted() {
	for round in 0 1 2; do
		echo "part=convert round=$round share-2 run units=4 calls=2 ns=$((100 * (round + 1))) own_broadcasts=0 splits_2m=$((round == 0))"
		echo "part=convert round=$round share-2 page units=4 calls=4 ns=400 own_broadcasts=0 splits_2m=0"
		echo "part=convert round=$round private-2 run units=4 calls=2 ns=400 own_broadcasts=4 splits_2m=0"
		echo "part=convert round=$round private-2 page units=4 calls=4 ns=400 own_broadcasts=4 splits_2m=0"
	done
	echo "part=convert-counts round=1 share-2 run units=4 calls=2 ns=4000"
}

converted | report
like "$(cat "$work/table")" '^to shared, 2 +16000000 +1\.67 \(1\.37-1\.97\) +1000 \(-\) +0 \(0\) +0\.5 \(0\)$' \
	'conversion: rate, ratio, instructions, flushes, and splits of the first round'
like "$(cat "$work/table")" 'NOT met +to private, 2 pages: flush broadcasts a call at most 1: 2' \
	'more flushes than aimed at'
ok 'both in the JSON' json_says '"figure": "flushes_a_call", "operation": "private-2", "backing": "run", "value": 2'
like "$(cat "$work/convert.dat")" '^"2" 1000 - - -$' "and the plot's data"

converted | sed -n '/round=0/p' | report
like "$(cat "$work/table")" '^median of 0 rounds' 'conversion that only warmed up: no rounds'
like "$(cat "$work/table")" '^to shared, 2 +- +- +- \(-\) +- \(-\) +0\.5 \(0\)$' '  but splits'

# A file of 512 pages: cloned for 2 and copied for 800; a first write for 120, 150 and 100.
cloned() {
	for round in 0 1 2; do
		echo "part=clone-counts round=$round clone clone units=512 ns=9 cpu_ns=2 own_broadcasts=0 slab=$((round == 0 ? 256 : 0))"
		echo "part=clone-counts round=$round clone cp units=512 ns=9 cpu_ns=800 own_broadcasts=9 slab=0"
		echo "part=clone-counts round=$round cow auto units=10 ns=9 cpu_ns=1200 own_broadcasts=0"
		echo "part=clone-counts round=$round cow private units=10 ns=9 cpu_ns=1500 own_broadcasts=1"
		echo "part=clone-counts round=$round cow tmpfs units=10 ns=9 cpu_ns=1000 own_broadcasts=0"
		echo "part=clone-counts round=$round read clone units=512 cpu_ns=512 blocks=1 faults_2m=1 faults_4k=3"
		echo "part=clone round=$round cow auto units=10 ns=2000 cpu_ns=1"
		echo "part=clone round=$round cow tmpfs units=10 ns=1000 cpu_ns=1"
	done
	echo 'part=clone-guests round=1 idle auto units=10 template=2097152 memory=4194304 charged=6291456 shared=0 own=2097152 wrote=1048576'
}

cloned | report
like "$(cat "$work/table")" '^first write, 1 page in 16 +clone, cow=auto +120\.0 +1\.20 \(1\.20-1\.20\) +0\.50 \(0\.50-0\.50\) +0 +- +-$' \
	'clones: instructions of a write, beside tmpfs, by time, flushes'
like "$(cat "$work/table")" '^read in a new mapping +a clone +1\.0 +- +- +- +1 +3$' 'and faults of a read'
like "$(cat "$work/table")" '^  met +a file is cloned: instructions, of those of cp at most 0\.005: 0\.0025$' 'an aim that is met'
like "$(cat "$work/table")" '^  met +a file is cloned: metadata in KiB a GiB at most 128: 128$' 'metadata, the most of all rounds'
like "$(cat "$work/table")" 'NOT met +first write, 1 page in 16, MAP_PRIVATE, gmemfs: instructions, of those on tmpfs at most 1\.3: 1\.5$' \
	'one that is missed'
like "$(cat "$work/table")" 'NOT met .*MAP_PRIVATE, gmemfs: flush broadcasts in all rounds at most 0: 3$' \
	'a flush in any round counts'
like "$(cat "$work/table")" 'NOT met +a clone is read: faults of 4 KiB for each block at most 0: 3$' 'and a small fault'
like "$(cat "$work/table")" '^cow=auto +2\.0 +2\.0 +1\.0 +4\.0 +6\.0 +1\.333$' "ten guests' memory"
like "$(cat "$work/table")" 'NOT met +ten idle guests, cow=auto: .* at most 1\.02: 1\.333$' 'which is too much'
like "$(cat "$work/table")" 'unknown +ten idle guests, cow=page: .*: not measured$' 'or unknown'
ok 'in the JSON' json_says '"figure": "memory_of_needed", "operation": "idle", "backing": "auto", "value": 1.33333'

# Another tree, beside which this one takes 1.01 and 1.02 as many.
compared() {
	for round in 1 2 3; do
		for tree in this before; do
			[ $tree = this ] && more=1 || more=0
			echo "part=before round=$round compare-touch $tree-gmemfs-cold units=10 ns=$round cpu_ns=$((1000 + 10 * more))"
			echo "part=before round=$round compare-share-16 $tree-run units=10 ns=$round cpu_ns=$((1000 + 20 * more))"
			echo "part=before round=$round compare-free $tree-gmemfs-cold units=10 ns=$round cpu_ns=$((1000 + 30 * more))"
		done
	done
}

compared | report
like "$(cat "$work/table")" '^touch +gmemfs-cold +100\.00 +101\.00 +1\.0100 \(1\.0100-1\.0100\)$' \
	'another tree: instructions of both, and the ratio'
like "$(cat "$work/table")" '^  met +touch, gmemfs-cold: instructions, of those before at most 1\.01: 1\.01$' 'an aim'
like "$(cat "$work/table")" 'NOT met +share-16, run: instructions, of those before at most 1\.01: 1\.02$' 'one that is missed'
not_ok 'of what has to cost what it did' grep -q 'free, gmemfs-cold: ' "$work/table"
not_ok 'and nothing of it is taken for a conversion' grep -q '^Conversion' "$work/table"

# A pair takes 30 with a key, 6000 without, 3000 by mprotect.
windows() {
	for round in 0 1 2; do
		echo "part=windows round=$round pair-64 key units=10 ns=$((1000 * (round + 1))) cycles=500 misses=0"
		echo "part=windows round=$round pair-64 mprotect units=10 ns=60000 cycles=90000 misses=0"
		echo "part=windows-counts round=$round pair-64 key units=10 ns=300 misses=0"
		echo "part=windows-counts round=$round pair-64 no-key units=10 ns=60000 misses=10"
		echo "part=windows-counts round=$round pair-64 mprotect units=10 ns=30000 misses=0"
		echo "part=windows-counts round=$round copy-64 key units=10 ns=2530 misses=0"
		echo "part=windows-counts round=$round copy-64 no-window units=10 ns=2200 misses=0"
	done
}

windows | report
like "$(cat "$work/table")" \
	'^pair,  64: shared keys, has one +30 +1\.00 +50 +25\.00 \(20\.50-29\.50\) +0$' \
	'windows: instructions, beside a key, cycles, times as fast, misses'
like "$(cat "$work/table")" '^pair,  64: shared keys, has none +6000 +200\.00 +- +- +-$' \
	'a miss is beside a pair with its key'
like "$(cat "$work/table")" '^copy,  64: shared keys, has one +253 +1\.15 ' \
	'and a copy beside one without a window'
ok 'in the JSON' json_says '"part": "windows-counts", "operation": "pair-64", "of": "key", "beside": "mprotect", "times_as_fast": 100,'
like "$(cat "$work/windows.dat")" '^"pair, 64 MiB" - - 30 6000 3000$' "and the plot's data"

# An operation takes 100 on memfd, and 100, 200 or 400 on gmemfs; ten more than one
# take what eleven do without starting fio.
guests() {
	for round in 0 1 2 3; do
		echo "part=disk round=$round start memfd units=1 ns=5 exits=7 cpu_ns=1000"
		echo "part=disk round=$round read-4k-1 memfd units=11 ns=1100 p50_ns=50 p99_ns=90 exits=27 tlb_ipis=11 broadcasts=0 edits=0 splits_2m=0"
		echo "part=disk round=$round read-4k-1 gmemfs units=11 ns=$((1100 << (round / 2))) p50_ns=100 p99_ns=90 exits=22 tlb_ipis=0 broadcasts=0 edits=0 splits_2m=$splits splits_1g=0"
		echo "part=disk-counts round=$round start memfd units=1 ns=5 exits=7 cpu_ns=1000"
		echo "part=disk-counts round=$round start gmemfs units=1 ns=5 exits=7 cpu_ns=500"
		echo "part=disk-counts round=$round read-4k-1 memfd units=11 ns=1 cpu_ns=3000"
		echo "part=disk-counts round=$round read-4k-1 gmemfs units=11 ns=1 cpu_ns=3000"
	done
	echo 'part=disk round=1 boot shared-io error=not-there'
}

splits=0
guests | report
like "$(cat "$work/table")" \
	'^4k random read, depth 1 +gmemfs +0\.50 \(0\.50-0\.95\) +2\.00 +1\.00 +2 +0 +0 +0 +0$' \
	'guests: ratio, latencies, and counts of an operation'
like "$(cat "$work/table")" '^4k random read, depth 1 +memfd +1\.00 .* 2 +1 +0 +0 +0$' \
	'without the exits of starting fio'
like "$(cat "$work/table")" '^4k random read, depth 1 +gmemfs +250 +0\.800 ' \
	'instructions, without those of starting it'
like "$(cat "$work/table")" 'NOT met +4k random read, depth 1, gmemfs: times as fast as memfd at least 0\.98: 0\.5' \
	'an aim that is missed'
like "$(cat "$work/table")" 'met +disk, gmemfs: splits_2m in all .* at most 0: 0' 'and one that is met'
like "$(cat "$work/table")" '^gmemfs, shared I/O: not measured: not-there' 'what there is not'
ok 'in the JSON' json_says '"figure": "guest_instructions", "operation": "read-4k-1", "backing": "gmemfs", "value": 250'
like "$(cat "$work/disk.dat")" '^"4k random read, depth 1" - - - 0\.5 0\.5 0\.95 - ' "and the plot's data"
{
	guests
	echo 'part=disk round=1 read-4k-1 memfd-direct units=10 ns=100 p50_ns=10 p99_ns=10'
	echo 'part=disk round=1 read-4k-1 shared-io units=10 ns=400 p50_ns=30 p99_ns=20'
} | report
like "$(cat "$work/table")" \
	'^4k random read, depth 1 +gmemfs, shared I/O +0\.25 \(0\.25-0\.25\) +3\.00 +2\.00 ' \
	'shared I/O is beside memfd with direct=on'
splits=1
guests | report
like "$(cat "$work/table")" 'NOT met +disk, gmemfs: splits_2m in all .*: 4$' 'a split in any round counts'

# Exits of 9, 10 and 100: as text, 100 would be the one in the middle.
guard() {
	for round in 0 1 2 3; do
		echo "part=guard round=$round boot memfd units=1 ns=100 exits=5"
		echo "part=guard round=$round boot gmemfs units=1 ns=101 exits=$1"
		[ $# -eq 1 ] || shift
	done
}

guard 0 9 100 10 | report
like "$(cat "$work/table")" '^boot to .* 1\.010 \(1\.010-1\.010\)   exits 10 and 5$' \
	'the median of counts is that of numbers'

# Hosts that die leave lines that were cut, and rounds without an end.
cut_short() {
	for round in 0 1 3; do
		echo "part=speed round=$round touch memfd units=10 ns=1000"
		echo "part=speed round=$round touch gmemfs-cold units=10 ns=500"
	done
	echo 'part=speed round=2 touch memfd units=10 ns=1000'
	echo 'part=speed round=4 touch memfd units=10 ns=1000'
	echo 'part=speed round=4 touch gmemfs-cold units=10 ns='
	echo 'part=speed round=5 touch memfd units=10 ns=1000'
	echo 'part=speed round=5 touch gmemfs-cold units=10 ns'
	echo 'part=speed round=6 touch'
	echo 'part=speed round='
	echo 'part=speed env'
	echo 'part=speed'
	echo 'part=speed round=x touch memfd units=10 ns=1'
	echo 'a word of the kernel, round=1'
	echo
	echo 'part=speed env failed 124'
}

# Filled by one, two and four at once: the third takes half as much again.
scale() {
	for n in 1 2 4; do
		for kind in processes threads; do
			ns=1000
			[ "$n" -lt 4 ] || ns=1500
			echo "part=scale-counts round=0 $kind-$n gmemfs-cold units=10 ns=9"
			echo "part=scale-counts round=1 $kind-$n gmemfs-cold units=10 ns=$ns"
		done
	done
}
scale | report
like "$(cat "$work/table")" '^  4 threads +- \(-\) +150 \(1\.500\) +- \(-\) +- \(-\)$' \
	'scale: instructions a page, and beside one alone'
like "$(cat "$work/table")" 'NOT met +1 to 64 processes, gmemfs, pool cold: instructions a page, of one alone at most 1\.1: 1\.5' \
	'an aim of it'
like "$(cat "$work/table")" 'unknown +1 to 64 threads, gmemfs, pool warm: .*: not measured' 'what has no figures is unknown'
like "$(cat "$work/scale.dat")" '^"2 processes" - 100 - -$' "the plot's data"

: | report
like "$(cat "$work/table")" '^first touch +gmemfs, pool cold +not measured$' 'without any results, a table'
ok '  and JSON' python3 -m json.tool "$work/results.json"
cut_short | report
like "$(cat "$work/table")" ' of 5 rounds$' 'the rounds that began'
like "$(cat "$work/table")" '^first touch +gmemfs, pool cold +2\.00 \(2\.00-2\.00\)' \
	'a round that lacks one of two is not compared, nor a line that was cut'
ok '  of two rounds' json_says '"times_as_fast": 2, "low": 2, "high": 2, "p5": 2, "p95": 2, "rounds": 2}'
ok '  which the JSON has as they are' json_says '"round": 4, "operation": "touch", "backing": "gmemfs-cold", "units": 10, "ns": ""}'
ok '  but for words without a value' json_says '"round": 5, "operation": "touch", "backing": "gmemfs-cold", "units": 10}'
is "$(grep -c '"round": ' "$work/results.json")" 11 '  and lines without a way'
ok 'and says which part failed' json_says '"part": "speed", "key": "failed", "value": 124'

# Times of nothing, of no unit, and what is no number.
senseless() {
	for round in 0 1; do
		echo "part=speed round=$round touch memfd units=10 ns=1000 slab=5"
		echo "part=speed round=$round touch gmemfs-cold units=10 ns=0 slab=4 broadcasts=nan"
		echo "part=speed round=$round touch hugetlbfs units=0 ns=100 slab=4"
		echo "part=speed round=$round touch shmem-huge ns=100 slab=4"
		echo "part=speed round=$round touch gmemfs-warm units=10 ns=nan"
		echo "part=speed round=$round write gmemfs-cold units=10 ns=0x10"
		echo "part=speed round=$round write memfd units=10 ns=1e3"
		echo "part=convert round=$round share-2 run units=4 ns=0 own_broadcasts=4"
		echo "part=convert round=$round share-2 page units=4 calls=0 ns=-inf own_broadcasts=4"
		echo "part=windows-counts round=$round pair-2 key units=4 ns=0"
		echo "part=windows-counts round=$round pair-2 no-key units=4 ns=8"
		echo "part=disk round=$round read-4k-1 memfd units=4 ns=8 p50_ns=0 p99_ns=nan"
		echo "part=disk round=$round read-4k-1 gmemfs units=0 ns=8 p50_ns=7 p99_ns=7 edits=1"
		echo "part=disk-counts round=$round read-4k-1 memfd units=4 cpu_ns=8"
		echo "part=disk-counts round=$round read-4k-1 gmemfs units=4 cpu_ns=0"
	done
	echo 'part=all env commit 0123456'
	echo 'part=all env load -0.5'
	printf '%s\n' 'part=all env cmdline root=\x2f quiet'
	printf 'part=all env odd \033[1m \377\tü\n'
}

senseless | report
not_ok 'no ratio to nothing' grep -i -w -E '(-?inf|-?nan)' "$work/table"
like "$(cat "$work/table")" '^first touch +gmemfs, pool cold +not measured' 'a time of nothing is none'
like "$(cat "$work/table")" '^to shared, 2 +- +- +- \(-\) +- \(-\) +- \(-\)$' 'nor is a call of nothing'
like "$(cat "$work/table")" '^pair,   2: shared keys, has none +2 +- +' 'nor a pair beside nothing'
like "$(cat "$work/table")" '^4k random read, depth 1 +gmemfs +0 +- +-' 'nor instructions of nothing'
like "$(cat "$work/table")" '^metadata bytes a GiB, at most +- +104857 +- +- +131072 +- +- +-$' \
	'metadata of no unit is none'
ok 'JSON' python3 -m json.tool "$work/results.json"
ok '  with what is no number as text' json_says '"ns": "nan"'
ok '  and a commit' json_says '"key": "commit", "value": "0123456"'
ok '  and a backslash' json_says '"key": "cmdline", "value": "root=\\x2f quiet"'
ok '  and any other bytes' json_says '"key": "odd", "value": "\u001b[1m \ufffd \u00fc"'
ok '  and a number' json_says '"key": "load", "value": -0.5}'
not_ok 'no plot of it' grep -i -E 'inf|nan' "$work/speed.dat" "$work/memory.dat" \
	"$work/convert.dat" "$work/windows.dat" "$work/disk.dat" "$work/disk-p50.dat"

# Numbers that are too long to be any, and what isn't text.
long=$(printf '%0400d' 0 | tr 0 9)
too_long() {
	for round in 0 1; do
		echo "part=speed round=$round touch memfd units=10 ns=1000"
		echo "part=speed round=$round touch gmemfs-cold units=10 ns=$long broadcasts=$long slab=0.$long"
		echo "part=convert round=$round share-$long page units=4 calls=4 ns=400"
		echo "part=convert round=$round share-$long run units=4 calls=4 ns=400"
	done
	for digits in 40 400 5000; do
		echo "part=speed round=$(printf '%0*d' "$digits" 7) touch memfd units=10 ns=1"
		echo "part=convert round=1 share-$(printf '%0*d' "$digits" 0 | tr 0 7) run units=4 ns=1"
	done
	printf 'part=speed round=1 touch gmemfs-warm error=\033]0;x\177\302\233\342\200\256\n'
}

too_long | report
like "$(cat "$work/table")" '^first touch +gmemfs, pool cold +not measured' 'what has hundreds of digits is no number'
like "$(cat "$work/table")" '^first touch +gmemfs, pool warm +not available: \?\]0;x\?\?\?$' 'what is not text is not in the table'
ok '  there is JSON' python3 -m json.tool "$work/results.json"
not_ok '  without infinite numbers' grep -i -w -E ': -?(inf(inity)?|nan)' "$work/results.json"
not_ok '  and of text only' env LC_ALL=C grep '[^ -~]' "$work/results.json"

guard 9 | report
like "$(cat "$work/table")" '^reading its clock +not measured$' 'a clock that was not read has no ratio'

# bench/run with a host that says what $work/said has, and exits with what $work/status has.
# What runs in the root runs here, or fails with what $work/root has.
mkdir -p "$work/tree/hostvm"
cp -R bench "$work/tree/"
cp -R hostvm/lib "$work/tree/hostvm/"
cat >"$work/tree/hostvm/in-root" <<END
#!/bin/sh
[ ! -e "$work/root" ] || exit "\$(cat "$work/root")"
cd "$work/tree"
[ "\$1" != --kernel ] || shift 2
exec "\$@"
END
cat >"$work/tree/hostvm/run" <<END
#!/bin/sh
cat "$work/said"
exit "\$(cat "$work/status")"
END
chmod +x "$work"/tree/hostvm/*

# runs OPTION...: bench/run there
runs() {
	status=0
	"$work/tree/bench/run" --out "$work/result" "$@" >"$work/out" 2>"$work/err" ||
		status=$?
}

result_says() {
	grep -q -F -e "$1" "$work/result/results.json"
}

{
	echo 'env cpus 2'
	echo 'round=1 touch memfd units=10 ns=1000'
	echo 'round=1 touch gmemfs-cold units=10 ns=500'
	printf 'round=2 touch memfd units=10 ns=12'
} >"$work/said"
echo 124 >"$work/status"
runs --no-plots --only speed --only windows --json "$work/copy.json"
is "$status" 124 'a part that fails: its exit status'
like "$(cat "$work/err")" '^bench: windows: FAILED \(124\)$' '  said of each'
like "$(cat "$work/out")" '^first touch +gmemfs, pool cold +2\.00 \(2\.00-2\.00\)' \
	'  what it has measured is in the table'
ok '  which is kept' cmp "$work/out" "$work/result/table.txt"
ok '  the JSON, too' cmp "$work/copy.json" "$work/result/results.json"
ok '  which says what failed' result_says '"part": "speed", "key": "failed", "value": 124'
ok '  and where' result_says '"part": "windows", "key": "cpus", "value": 2'
not_ok '  a line that the host did not end is not there' result_says '"round": 2'
not_ok '  no plots if they are not wanted' test -e "$work/result/speed.svg"
echo 0 >"$work/status"
runs --only speed
is "$status" 0 'a part that does not fail'
for plot in speed.svg speed.png; do
	ok "  with $plot" test -s "$work/result/$plot"
done
not_ok '  but no plot without a point' test -e "$work/result/memory.svg"

# --before: each tree has a host of its own, with this tree's programs, in turn. Each says
# which it is, and what programs it got.
mkdir -p "$work/other/hostvm"
cat >"$work/other/hostvm/run" <<END
#!/bin/sh
programs=
while [ \$# -gt 0 ]; do
	[ "\$1" != --share ] || programs=\$(ls "\$2/bin" | tr '\n' ' ')
	shift
done
case \$0 in
*/other/*) ns=500 ;;
*) ns=1000 ;;
esac
echo "env host \$(dirname "\$0") \$programs"
echo "round=0 touch gmemfs-cold units=10 ns=1 cpu_ns=1"
echo "round=1 touch gmemfs-cold units=10 ns=1 cpu_ns=\$ns"
echo "round=1 share-16 run units=10 calls=1 ns=1 cpu_ns=\$ns"
exit "\$(cat "$work/status")"
END
chmod +x "$work/other/hostvm/run"
cp "$work/tree/hostvm/run" "$work/usual-run"
cp "$work/other/hostvm/run" "$work/tree/hostvm/run"
mkdir "$work/built"
for program in bench-fill bench-convert bench-other; do echo x >"$work/built/$program"; done
tar -c -f "$work/built.tar" -C "$work/built" .
echo "cat $work/built.tar" >"$work/tree/bench/make-programs"
runs --no-plots --rounds 2 --before "$work/other"
is "$status" 0 '--before: it runs'
is "$(grep '^part=before env .*_host' "$work/result/raw.txt" | sed 's,/hostvm.*,,; s,.*/,,' | tr '\n' ' ')" \
	'other tree tree other ' '  on both trees in turn, and the other way round'
is "$(grep -c 'bench-convert bench-fill bench-host-convert bench-host-fill $' "$work/result/raw.txt")" 4 \
	'  with the same programs, and no others'
ok '  each round has its number' result_says '"round": 2, "operation": "compare-touch", "backing": "before-gmemfs-cold"'
not_ok '  and none only warmed up' result_says '"round": 0'
like "$(cat "$work/out")" '^touch +gmemfs-cold +50\.00 +100\.00 +2\.0000 ' '  the ratio'
echo 99 >"$work/status"
runs --no-plots --rounds 2 --before "$work/other" --only before --only speed
is "$status" 99 '  a tree that fails: its exit status'
is "$(grep -c '^part=before .*other/hostvm' "$work/result/raw.txt")" 1 '  which ends that part'
like "$(grep '^part=speed env' "$work/result/raw.txt")" 'tree/hostvm ' '  and others have this tree again'
rm "$work/built/bench-fill"
tar -c -f "$work/built.tar" -C "$work/built" .
echo 0 >"$work/status"
runs --no-plots --before "$work/other"
is "$status" 1 '  programs that were not built: a failure'
not_ok '  and no host' grep -q '^part=before .*hostvm' "$work/result/raw.txt"
cp "$work/usual-run" "$work/tree/hostvm/run"

# What comes out of the root is any code's: here two archives, of which the first prepares the place.
cp -R "$work/tree/bench" "$work/bench"
mkdir "$work/victim" "$work/made" "$work/drawn" "$work/drawn/d"
echo 'for me only' >"$work/secret"
(
	cd "$work/made"
	ln -s "$work/victim" d
	ln -s "$work/secret" table.txt
	echo '{}' >results.json
	chmod 6755 results.json
	echo '"x" 1' >one.dat
	echo '"x" 1' >first.dat
	ln first.dat second.dat
	mkfifo three.dat
	mkdir four.dat
	truncate -s 65M hole.dat
	echo more >more.sh
	echo back >../drawn/one.svg
	echo evil >../drawn/d/evil
	echo back >../drawn/table.txt
)
tar -c --sparse -f "$work/made.tar" -C "$work/made" .
tar -c -f "$work/drawn.tar" -C "$work/drawn" ./d/evil ./one.svg ./table.txt
printf 'a\033b\n' >"$work/words"
echo "cat $work/made.tar; cat $work/words >&2" >"$work/tree/bench/make-report"
echo "cat >$work/data.tar; cat $work/drawn.tar" >"$work/tree/bench/draw"
rm -rf "$work/result"
runs --only speed
is "$(ls "$work/result")" "$(printf '%s\n' one.dat one.svg raw.txt results.json)" \
	'of an archive, only plain files with the names of results are kept'
is "$(ls "$work/victim")" '' '  and nothing is written by its links'
is "$(find "$work/result" -type f -perm /6111)" '' '  nor is there a new program'
not_ok '  nor read by them' grep 'for me only' "$work/out"
like "$(cat "$work/err")" '^ab$' '  what is said there is text'
gzip "$work/made.tar"
echo "cat $work/made.tar.gz" >"$work/tree/bench/make-report"
rm -rf "$work/result"
runs --only speed
is "$(ls "$work/result")" raw.txt '  nothing is kept of one that is compressed, and could be of any size'
not_ok '  which is a failure' test "$status" -eq 0
rm -rf "$work/tree/bench"
cp -R "$work/bench" "$work/tree/"

echo 125 >"$work/root"
runs --only speed
is "$status" 125 'a root that cannot be built: its exit status'
is "$(cat "$work/out")" '' '  no table'
ok '  but what the hosts said is kept' grep -q ' ns=500$' "$work/result/raw.txt"

# refuses TEXT ARGUMENTS...: one line with that, nothing on stdout, and 2
refuses() {
	text=$1
	shift
	status=0
	bench/run "$@" >"$work/out" 2>"$work/err" || status=$?
	cat "$work/err"
	[ "$status" -eq 2 ] && [ ! -s "$work/out" ] && grep -q -F -e "$text" "$work/err"
}

ok 'no tree to compare with' refuses '--only before: say which tree' --only before
ok 'a tree that is none' refuses 'not a tree of gmemfs' --before "$work"
ok 'an unknown option' refuses 'unknown option --bogus' --bogus
ok 'an unknown part' refuses 'unknown part x' --only x
ok 'no rounds' refuses '--rounds' --rounds 0
ok 'a size that is no whole number of blocks' refuses '--size' --size 100
like "$(bench/run --help)" '^usage: bench/run' '--help'
like "$(bench/run --list)" '^guard ' '--list'
done_testing
