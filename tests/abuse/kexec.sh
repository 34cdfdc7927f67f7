#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Another kernel is started by kexec while most memory is hidden, and wherever it is
# to lie.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/kexec.sh
. /share/lib/kexec.sh

hide_most() {
	mount -o remount,size=0 /dev/gmem
	free=$(awk '$1 == "MemFree:" { print $2 }' /proc/meminfo)
	fallocate -l $((free * 3 / 4))K /dev/gmem/most
}

first_boot() {
	kexec_prepare
	hide_most
	kexec_now hidden="$(cat /sys/fs/gmemfs/hidden_bytes)"
}

second_boot() {
	hidden=0
	kexec_arrived
	ok "  after one under which $((hidden / 1048576)) MiB were hidden" \
		test "$hidden" -gt 1000000000
	head -c 64M /dev/urandom >/run/data
	ok 'gmemfs works there' cp /run/data /dev/gmem/file
	ok '  and what is written can be read' cmp /run/data /dev/gmem/file
	ok '  and is hidden' test "$(cat /sys/fs/gmemfs/hidden_bytes)" -gt 0
	rm /dev/gmem/file
	done_testing
}

kexec_happened || first_boot
second_boot
