# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What QEMU boots: the root directory packed as an ext4 image, and an initramfs that mounts it.

# Fills a root's folder DIR with host.ext4, vmlinuz and initramfs.
#   image_make DIR
image_make() {
	root=$1/root
	in_userns cp "$root/boot/vmlinuz-$(cat "$1/kver")" "$1/vmlinuz"
	image_initramfs "$1/initramfs.d" "$(cat "$1/kver")"
	image_cpio "$1/initramfs.d" >"$1/initramfs"
	rm -rf "$1/initramfs.d"
	image_disk "$1/host.ext4"
}

# No journal and no lazy initialisation: the image is never mounted twice, and work in the
# background would only disturb what is measured in the host.
image_disk() {
	truncate -s "$recipe_image_size" "$1"
	# shellcheck disable=SC2016 # for the inner shell
	in_userns sh -c '
		root=$1 image=$2
		exec "$root/lib64/ld-linux-x86-64.so.2" \
			--library-path "$root/usr/lib/x86_64-linux-gnu" "$root/usr/sbin/mke2fs" -q -F \
			-t ext4 -O ^has_journal -E lazy_itable_init=0,nodiscard -m 0 -L host \
			-d "$root" "$image"
	' sh "$root" "$1"
}

# Debian builds ext4 and virtio_pci into the kernel but not virtio_blk.
image_initramfs() {
	mkdir -p "$1/bin" "$1/proc" "$1/sys" "$1/dev" "$1/mnt" "$1/modules"
	cp "$root/usr/bin/busybox" "$1/bin/busybox"
	ln -s busybox "$1/bin/sh"
	image_module "$2" kernel/drivers/block/virtio_blk "$1/modules/virtio_blk.ko"
}

image_module() {
	module=$root/lib/modules/$1/$2.ko
	if [ -e "$module" ]; then
		cp "$module" "$3"
	elif [ -e "$module.xz" ]; then
		root_tool xz -dc "$module.xz" >"$3"
	else
		root_tool zstd -dc "$module.zst" >"$3"
	fi
}

image_cpio() {
	(cd "$1" && find . | root_tool cpio --quiet --create --format=newc --owner=0:0)
}
