#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The README's second example, in a Debian 13 that has nothing of ours: apt installs the packages, DKMS builds the
# module, gmemctl sets it up, and libvirt starts a guest. A host has no network, no DKMS, and an emulated CPU, so apt
# and DKMS run in the root in which packages are built, which is the host's with more tools. What they have written is
# laid over the host's root, and the rest is fresh.sh's.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=tests/packaging/in-chroot.sh
. tests/packaging/in-chroot.sh
kernel=${KERNEL:-6.12}

if [ "$kernel" != 6.12 ]; then
	echo '1..0 # SKIP the root in which packages are built has the kernel 6.12'
	exit 77
fi
in_chroot_prepare
in_chroot tests/packaging/fresh-install.sh >"$run/install.log" 2>&1 || {
	tail -n 40 "$run/install.log" | printable | sed 's/^/# /'
	echo 'Bail out! apt installs nothing'
	exit 1
}
# Neither what overlayfs writes for what is gone, nor what is dpkg's and apt's of the moment.
mkdir "$run/layer"
in_userns sh -c 'cd "$1" && find . ! -type c ! -type d -print0 |
	tar -c --null --files-from=- --exclude="./root/*" --exclude="./tmp/*" --exclude="./var/cache/*" \
		--exclude="./var/lib/apt/*" --exclude="./usr/sbin/policy-rc.d"' sh "$run/chroot/upper" >"$run/layer/layer.tar"
# Not exec: the run's folder is removed in the end.
hostvm/run --kernel "$kernel" --no-load --timeout 1800 --share "$run/layer" --share tests/packaging \
	--share tests/lib -- sh /share/packaging/fresh.sh
