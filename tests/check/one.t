#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# tests/run --one: what prove gets to see of a test of ours.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$top/tests/lib/tap.sh"

one() { # SCRIPT
	tap_capture "$top/tests/run" --one sh -c "$1"
}

one 'echo ok 1; echo 1..1; exit 3'
is "$tap_status" 3 'a status is passed on'
is "$tap_output" "$(printf 'ok 1\n1..1')" 'and all that is said'
one 'echo "1..0 # SKIP because"; exit 77'
is "$tap_status" 0 'to be skipped is no failure'
like "$tap_output" '^1\.\.0 # SKIP because$' 'and the plan says it'
one 'echo ok 1; echo "Bail out! no reason"; exit 1'
is "$tap_status" 1 'to bail out is one'
is "$tap_output" "$(printf 'ok 1\n# Bail out! no reason')" 'but does not end the others'
one 'echo ok 1; echo what goes wrong >&2; exit 4'
is "$tap_status" 4 'a status is passed on beside what goes to stderr'
like "$tap_output" '^what goes wrong$' 'which is passed on too'
done_testing
