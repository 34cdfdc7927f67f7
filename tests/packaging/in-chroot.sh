# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# For tests that install the packages in a copy of the root in which they are built: no host is booted, and no
# module is loaded. Who sources this does so from the tree's top.
packaging=$PWD/packaging
hostvm=$PWD/hostvm
# shellcheck source=hostvm/lib/common.sh
. "$hostvm/lib/common.sh"
# shellcheck source=hostvm/lib/cache.sh
. "$hostvm/lib/cache.sh"
# shellcheck source=hostvm/lib/root.sh
. "$hostvm/lib/root.sh"
# shellcheck source=packaging/lib/root.sh
. "$packaging/lib/root.sh"

# Builds the packages, and makes $run/share, which is /share in there, with those and what every script needs.
in_chroot_prepare() {
	packaging/deb >/dev/null || {
		echo 'Bail out! make deb fails'
		exit 1
	}
	trap run_dir_remove EXIT
	cache_open
	pack_root_need
	run_dir_make
	mkdir "$run/share"
	cp build/deb/*.deb tests/packaging/packages.sh tests/lib/tap.sh META "$run/share/"
}

#   in_chroot SCRIPT
in_chroot() {
	cp "$1" "$run/share/script.sh"
	in_userns unshare --mount --pid --net --ipc --uts --fork --kill-child -- \
		sh tests/packaging/chroot "$pack_root" "$run/chroot" "$run/share" sh /share/script.sh
}
