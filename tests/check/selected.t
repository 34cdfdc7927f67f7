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

selected=$(tests/run --list)

times_run() { # FILE
	printf '%s\n' "$selected" | grep -c -x -F "$1" || :
}

times_shared() { # FILE
	tests/lib/select programs "$(basename "$(dirname "$1")")" |
		cut -d' ' -f1 | grep -c -x -F "$1" || :
}

for test in tests/*/*.t; do
	want=1
	case $test in tests/abuse/*) want=0 ;; esac
	! grep -q '^# long:' "$test" || want=0
	is $(($(times_run "$test") + $(times_shared "$test"))) $want \
		"$test is run by make test $want times"
done
done_testing
