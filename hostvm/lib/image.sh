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

# Debian builds virtio_pci into all kernels, ext4 into cloud kernels, and virtio_blk into none. ext4 asks for
# crc32c by name, which nobody could load there.
image_initramfs() {
	mkdir -p "$1/bin" "$1/proc" "$1/sys" "$1/dev" "$1/mnt" "$1/modules"
	cp "$root/usr/bin/busybox" "$1/bin/busybox"
	ln -s busybox "$1/bin/sh"
	image_module_count=10
	for name in virtio_blk crc32c_generic ext4; do
		image_module "$2" "$name" "$1/modules"
	done
	# Without it there is no root.
	[ -n "$(find "$1/modules" -name '*virtio_blk.ko')" ]
}

# A module with those that it needs, in the order in which they are to be loaded: modules.dep has that backwards.
# What is built in isn't there.
#   image_module KVER NAME FOLDER
image_module() {
	for module in $(sed -n "s|^\([^:]*/$2\.ko[^:/]*\):\(.*\)|\1\2|p" "$root/lib/modules/$1/modules.dep" |
		tr ' ' '\n' | tac); do
		image_module_name=$(basename "$module" | sed 's/\.ko.*//')
		[ -z "$(find "$3" -name "*-$image_module_name.ko")" ] || continue
		image_module_count=$((image_module_count + 1))
		image_module_unpack "$root/lib/modules/$1/$module" \
			>"$3/$image_module_count-$image_module_name.ko"
	done
}

# lib/root-finish has unpacked those of Debian's kernels.
image_module_unpack() {
	case $1 in
	*.xz) root_tool xz -dc "$1" ;;
	*.zst) root_tool zstd -dc "$1" ;;
	*) cat "$1" ;;
	esac
}

image_cpio() {
	(cd "$1" && find . | root_tool cpio --quiet --create --format=newc --owner=0:0)
}
