#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The packages are installed, used, and purged, in a copy of the root that they are built in: installed.sh.
# No host is booted, and no module is loaded.
set -eu
packaging=$(cd "$(dirname "$0")/../../packaging" && pwd -P)
hostvm=$packaging/../hostvm
cd "$packaging/.."
# shellcheck source=hostvm/lib/common.sh
. "$hostvm/lib/common.sh"
# shellcheck source=hostvm/lib/cache.sh
. "$hostvm/lib/cache.sh"
# shellcheck source=hostvm/lib/root.sh
. "$hostvm/lib/root.sh"
# shellcheck source=packaging/lib/root.sh
. "$packaging/lib/root.sh"

cannot() {
	echo "Bail out! $*"
	exit 1
}

packaging/deb >/dev/null || cannot 'make deb fails'
trap run_dir_remove EXIT
cache_open
pack_root_need
run_dir_make
mkdir "$run/share"
cp build/deb/*.deb tests/packaging/installed.sh tests/lib/tap.sh META "$run/share/"
in_userns unshare --mount --pid --net --ipc --uts --fork --kill-child -- \
	sh tests/packaging/chroot "$pack_root" "$run/chroot" "$run/share" sh /share/installed.sh
