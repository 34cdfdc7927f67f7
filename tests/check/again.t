#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# tests/run: what fails because the emulator may have run code that had been replaced is run again, once,
# and nothing else is. In a tree with one suite, whose hosts do nothing.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$top/tests/lib/tap.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"; tap_at_exit' EXIT
tree=$work/tree
mkdir -p "$tree/tests/some" "$tree/hostvm"
cp -R "$top/tests/lib" "$top/tests/run" "$tree/tests/"
cp -R "$top/hostvm/lib" "$top"/hostvm/recipe* "$tree/hostvm/"
printf '#!/bin/sh\n' >"$tree/hostvm/run"
chmod 755 "$tree/hostvm/run"
printf 'one here -\ntwo here -\n' >"$tree/tests/some/table"

# makes NAME LINE...: a test that does this
makes() {
	file=$tree/tests/some/$1.t
	shift
	printf '#!/bin/sh\necho >>"%s/runs"\n' "$work" >"$file"
	printf '%s\n' "$@" 'echo 1..1' >>"$file"
	chmod 755 "$file"
}

# Sets $tap_status; $runs is how many tests were run.
run_all() {
	rm -f "$work/runs"
	tap_capture env GMEMFS_CACHE="$work/cache" JOBS=1 "$tree/tests/run" some
	runs=$(wc -l <"$work/runs")
}

stale=': >"$GMEMFS_STALE_CODE"; echo not ok 1; exit 1'
once="[ ! -e '$work/once' ] || { echo ok 1; echo 1..1; exit; }; : >'$work/once'"
makes two 'echo ok 1'

makes one "$once" "$stale"
run_all
is "$tap_status$runs" 03 'a test that the emulator failed passes the second time'
like "$tap_output" 'once more tests/some/one$' 'and that is said'

makes one "$stale"
run_all
is "$tap_status$runs" 13 'one that fails again has failed'

makes one 'echo not ok 1 - the cause; echo what the host says >&2; exit 1'
run_all
is "$tap_status$runs" 12 'one that fails by itself is not run again'
like "$tap_output" '^tests: the last that tests/some/one said:$' 'the end of a run shows what has failed'
like "$tap_output" '^    not ok 1 - the cause$' 'with its last checks'
like "$tap_output" '^    what the host says$' 'and what it said to stderr'
is "$(echo "$tap_output" | grep -c '^tests: the last that')" 1 'and nothing of those that passed'

makes one "$stale"
makes two 'echo not ok 1; exit 1'
run_all
is "$tap_status$runs" 12 'nor is any, if another one does'
done_testing
