#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Which modules a host's initramfs gets, and in which order it loads them. Of roots that are made up here.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
# shellcheck source=hostvm/lib/common.sh
. hostvm/lib/common.sh
# shellcheck source=hostvm/lib/image.sh
. hostvm/lib/image.sh
work=$(mktemp -d)
trap 'rm -rf "$work"; tap_at_exit' EXIT

# Lines of modules.dep make a root: each names a module, and those that it needs.
make_root() { # LINE...
	rm -rf "$work/root" "$work/initramfs"
	root=$work/root
	mkdir -p "$root/usr/bin" "$root/lib/modules/6.12.1"
	echo busybox >"$root/usr/bin/busybox"
	printf '%s\n' "$@" >"$root/lib/modules/6.12.1/modules.dep"
	sed 's/:.*//' "$root/lib/modules/6.12.1/modules.dep" | while read -r file; do
		mkdir -p "$root/lib/modules/6.12.1/$(dirname "$file")"
		echo "$file" >"$root/lib/modules/6.12.1/$file"
	done
}

loaded() {
	(cd "$work/initramfs/modules" && printf '%s\n' *.ko) | sed 's/^[0-9]*-//; s/\.ko$//' | xargs
}

virtio=kernel/drivers/block/virtio_blk.ko
make_root "$virtio:" kernel/fs/fat/fat.ko:
ok 'a cloud kernel' image_initramfs "$work/initramfs" 6.12.1
is "$(loaded)" virtio_blk '  has ext4 built in'

make_root "kernel/fs/ext4/ext4.ko: kernel/lib/crc16.ko kernel/fs/mbcache.ko kernel/fs/jbd2/jbd2.ko" \
	kernel/lib/crc16.ko: kernel/fs/mbcache.ko: "kernel/fs/jbd2/jbd2.ko:" kernel/fs/ext4/other-ext4.ko: \
	kernel/crypto/crc32c_generic.ko: "$virtio: kernel/drivers/virtio/virtio_ring.ko kernel/drivers/virtio/virtio.ko" \
	"kernel/drivers/virtio/virtio_ring.ko: kernel/drivers/virtio/virtio.ko" kernel/drivers/virtio/virtio.ko:
ok 'a kernel that has all of it as modules' image_initramfs "$work/initramfs" 6.12.1
is "$(loaded)" 'virtio virtio_ring virtio_blk crc32c_generic jbd2 mbcache crc16 ext4' \
	'  each comes after those that it needs, once'
is "$(cat "$work/initramfs/modules/"*-ext4.ko)" kernel/fs/ext4/ext4.ko '  that of this name, and no other'

make_root kernel/fs/fat/fat.ko:
not_ok 'a kernel that can not reach its disk is no host' image_initramfs "$work/initramfs" 6.12.1
done_testing
