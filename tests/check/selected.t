#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# "make test" runs what it should: each test, but for those that say why not.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
cd "$here/../.."

selected=$(tests/run --list)

is_selected() {
	printf '%s\n' "$selected" | grep -q -x -F "$1"
}

for test in tests/*/*.t; do
	case $test in
	tests/abuse/*) not_ok "$test is run when asked for" is_selected "$test" ;;
	*)
		! grep -q '^# together:' "$test" ||
			ok "$test shares a host" test -e "${test%/*}/together.t"
		if grep -q -E '^# (long|together):' "$test"; then
			not_ok "$test isn't run by itself" is_selected "$test"
		else
			ok "$test is run" is_selected "$test"
		fi
		;;
	esac
done
done_testing
