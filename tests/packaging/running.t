#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The packages are upgraded, downgraded and removed under a guest, in a host: running.sh.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
# shellcheck source=hostvm/lib/common.sh
. hostvm/lib/common.sh
# shellcheck source=tests/packaging/released.sh
. tests/packaging/released.sh
kernel=${KERNEL:-6.12}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

packaging/deb >/dev/null || bail_out 'make deb fails'
released_need
mkdir "$work/released"
cp "$released"/build/deb/*.deb "$released/META" "$work/released/"
released_module "$kernel" >"$work/released/gmemfs.ko" ||
	bail_out "the module of $released_version doesn't build"
hostvm/run --kernel "$kernel" --no-load --timeout 1800 --share build/deb --share "$work/released" \
	--share tests/packaging --share tests/lib -- sh /share/packaging/running.sh
