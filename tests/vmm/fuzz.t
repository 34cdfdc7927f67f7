#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A minute of inputs, or FUZZ_SECONDS, for the parsers of what a guest, or who gives
# one, has written. They run without a host: nothing in them needs one.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"

seconds=$((${FUZZ_SECONDS:-60} / 3))

fuzz() { # NAME
	"$here/../../hostvm/in-root" --kernel "${KERNEL:-6.12}" sh -ec '
		make --silent -C tests/vmm fuzz OUT=/out
		exec /out/tests/vmm/fuzz-"$1" "$2"' sh "$1" "$seconds"
}

ok 'virtqueues: nothing leads out of bounds, or hangs' fuzz queue
ok 'kernels: nothing leads out of bounds, or hangs' fuzz boot
ok 'devices: nothing leads out of bounds, or hangs' fuzz device
done_testing
