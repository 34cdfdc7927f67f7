#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# "make test" runs what it should: each test by itself, or in the host of its suite's
# test "together", but for those that say why not.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
cd "$here/../.."

run_or_shared=$(
	tests/run --list
	for dir in tests/*/; do
		tests/lib/select programs "$(basename "$dir")" | cut -d' ' -f1
	done
)

times_run() { # FILE
	printf '%s\n' "$run_or_shared" | grep -c -x -F "$1" || :
}

for test in tests/*/*.t; do
	want=1
	case $test in tests/abuse/*) want=0 ;; esac
	! grep -q '^# long:' "$test" || want=0
	is "$(times_run "$test")" $want "$test is run by make test $want times"
done
done_testing
