#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Another kernel is started by kexec while most memory is hidden, and wherever it is
# to lie. What comes up is this host once more, with the same command: so this
# script runs twice.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh

was_here=/root/kexec-was-here
new=/run/kexec

# Not in python3's os.
kexec='
import ctypes, os, sys
SYS_kexec_file_load, SYS_reboot = 320, 169
kernel = os.open(sys.argv[1], os.O_RDONLY)
initrd = os.open(sys.argv[2], os.O_RDONLY)
line = open("/proc/cmdline", "rb").read().strip() + b"\0"
libc = ctypes.CDLL(None, use_errno=True)
def call(*arguments):
    if libc.syscall(*arguments) == -1:
        sys.exit(os.strerror(ctypes.get_errno()))
call(SYS_kexec_file_load, kernel, initrd, ctypes.c_ulong(len(line)), line, ctypes.c_ulong(0))
open(sys.argv[3], "w").write(sys.argv[4])
os.sync()
call(SYS_reboot, 0xfee1dead, 672274793, 0x45584543, None)
'

# As hostvm/lib makes it, of what is there.
make_initrd() {
	mkdir -p $new/bin $new/modules $new/proc $new/sys $new/dev $new/mnt
	cp /usr/bin/busybox $new/bin/
	ln -s busybox $new/bin/sh
	cp /share/guest/initramfs-init $new/init
	cp /share/guest/init $new/guest-init
	cp /share/guest/await $new/guest-await
	chmod 755 $new/init $new/guest-*
	module=$(modinfo -n virtio_blk)
	case $module in
	*.xz) xz -d -c "$module" ;;
	*) cat "$module" ;;
	esac >$new/modules/virtio_blk.ko
	(cd $new && find . | cpio --quiet -o -H newc) >/run/initrd
}

hide_most() {
	mount -o remount,size=0 /dev/gmem
	free=$(awk '$1 == "MemFree:" { print $2 }' /proc/meminfo)
	fallocate -l $((free * 3 / 4))K /dev/gmem/most
}

first_boot() {
	make_initrd
	hide_most
	hidden=$(cat /sys/fs/gmemfs/hidden_bytes)
	python3 -c "$kexec" "/boot/vmlinuz-$(uname -r)" /run/initrd $was_here \
		"boot=$(cat /proc/sys/kernel/random/boot_id) hidden=$hidden"
}

second_boot() {
	boot='' hidden=0
	# shellcheck source=/dev/null
	. $was_here
	ok 'another kernel runs' test "$(cat /proc/sys/kernel/random/boot_id)" != "$boot"
	ok "  after one under which $((hidden / 1048576)) MiB were hidden" \
		test "$hidden" -gt 1000000000
	head -c 64M /dev/urandom >/run/data
	ok 'gmemfs works there' cp /run/data /dev/gmem/file
	ok '  and what is written can be read' cmp /run/data /dev/gmem/file
	ok '  and is hidden' test "$(cat /sys/fs/gmemfs/hidden_bytes)" -gt 0
	rm /dev/gmem/file
	done_testing
}

[ -e $was_here ] || first_boot
second_boot
