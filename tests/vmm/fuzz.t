#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A minute of inputs for each parser of what a guest, or who gives one, has
# written. They run without a host: nothing in them needs one.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"

fuzz() { # NAME SECONDS
	"$here/../../hostvm/in-root" --kernel "${KERNEL:-6.12}" sh -ec '
		make --silent -C tests/vmm fuzz OUT=/out
		exec /out/tests/vmm/fuzz-"$1" "$2"' sh "$1" "$2"
}

ok 'virtqueues: nothing leads out of bounds, or hangs' fuzz queue 60
ok 'kernels: nothing leads out of bounds, or hangs' fuzz boot 60
ok 'devices: nothing leads out of bounds, or hangs' fuzz device 60
done_testing
