#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Test programs one after the other, in a host without the module: each is a test here, and has the
# module freshly loaded. The argument is what tests/debug/select prints.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh

# What has just been killed may take a moment to let go.
unload() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		umount -a -t gmemfs || true
		grep -q '^gmemfs ' /proc/modules || return 0
		! rmmod gmemfs || return 0
		sleep 1
	done
	return 1
}

load() { # BUILD
	mkdir -p /dev/gmem
	case $1 in
	release) insmod /opt/gmemfs/gmemfs.ko ;;
	debug) insmod /opt/gmemfs/debug/gmemfs.ko ;;
	esac
	mount -t gmemfs none /dev/gmem
}

# A program that has nothing to test here is no failure; it says so.
run() { # BUILD PROGRAM ARGUMENT...
	unload && load "$1" || return 1
	shift
	"$@" || [ $? -eq 77 ]
}

while read -r build program; do
	diag "$program begins at $(cut -d. -f1 /proc/uptime) s"
	# shellcheck disable=SC2086 # with its arguments
	ok "${program#/opt/gmemfs/tests/}" run $build $program
done <<END
$1
END
ok 'the module unloads' unload
done_testing
