#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# tests/compare: a check that is lost is seen, wherever it was, and nothing else is.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$top/tests/lib/tap.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"; tap_at_exit' EXIT
cd "$work"
mkdir -p a/x b/y empty
printf 'ok 1 - opens 0x12ab\nok 2 - twice\nnot ok 3 - twice\n1..3\n# ok 4 - no check\n' >a/x/one
printf '    ok 1 - twice\n    ok 2 - opens 0xff\n    ok 3 - twice\nok 1 - twice\n' >b/y/two

compare() { # BEFORE AFTER
	tap_capture "$top/tests/compare" "$@"
}

compare a b
is "$tap_status" 0 'none is lost: other file, order, number and indentation'
is "$tap_output" "$(printf '+ 1 twice\n0 lost, 1 new')" 'and one is new'
compare b a
is "$tap_status" 1 'one is lost'
is "$tap_output" "$(printf -- '- 1 twice\n1 lost, 0 new')" 'and which'
compare a empty
is "$tap_status" 2 'where there are no checks, nothing is compared'
compare a
is "$tap_status" 2 'nor with nothing'
done_testing
