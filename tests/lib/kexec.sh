# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
#
# The host starts another kernel by kexec, which comes up as this host once more, with the same command: so the
# script runs twice. Who sources this has hostvm/guest in /share/guest.
#
#	kexec_happened		is this the second kernel?
#	kexec_prepare		in the first: what the second boots from
#	kexec_now NAME=VALUE...	starts the second, whatever runs; does not return
#	kexec_arrived		in the second: sets these variables, and checks that it is another kernel

kexec_was_here=/root/kexec-was-here
kexec_new=/run/kexec

# Not in python3's os.
kexec_program='
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
kexec_prepare() {
	mkdir -p $kexec_new/bin $kexec_new/modules $kexec_new/proc $kexec_new/sys $kexec_new/dev $kexec_new/mnt
	cp /usr/bin/busybox $kexec_new/bin/
	ln -s busybox $kexec_new/bin/sh
	cp /share/guest/initramfs-init $kexec_new/init
	cp /share/guest/init $kexec_new/guest-init
	cp /share/guest/await $kexec_new/guest-await
	chmod 755 $kexec_new/init $kexec_new/guest-*
	module=$(modinfo -n virtio_blk)
	case $module in
	*.xz) xz -d -c "$module" ;;
	*) cat "$module" ;;
	esac >$kexec_new/modules/virtio_blk.ko
	(cd $kexec_new && find . | cpio --quiet -o -H newc) >/run/initrd
}

kexec_happened() {
	[ -e $kexec_was_here ]
}

kexec_now() { # NAME=VALUE...
	python3 -c "$kexec_program" "/boot/vmlinuz-$(uname -r)" /run/initrd $kexec_was_here \
		"kexec_boot=$(cat /proc/sys/kernel/random/boot_id) $*" || bail_out 'no other kernel starts'
}

kexec_arrived() {
	kexec_boot=''
	# shellcheck source=/dev/null
	. $kexec_was_here
	ok 'another kernel runs' test "$(cat /proc/sys/kernel/random/boot_id)" != "$kexec_boot"
}
