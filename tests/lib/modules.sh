# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
#
# The kernel's own modules, for tests in sh that load one again and again inside the test host.

# unpack_module NAME: sets $unpacked to the module's file, for insmod. To unpack kvm takes an emulated CPU
# about as long as to load it.
unpack_module() {
	packed=$(modinfo -n "$1")
	unpacked=/run/$1.ko
	case $packed in
	*.xz) xz -dc "$packed" >"$unpacked" ;;
	*.zst) zstd -q -dc "$packed" >"$unpacked" ;;
	*) unpacked=$packed ;;
	esac
}

# load_needed NAME: the modules that it needs
load_needed() {
	for needed in $(modinfo -F depends "$1" | tr , ' '); do
		modprobe "$needed"
	done
}
