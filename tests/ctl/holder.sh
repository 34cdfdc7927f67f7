# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
#
# A process that has a file and does something with it. Source it, after tap.sh.

# holder PYTHON [FOLDER]: a process that has the file f, of 2 MiB, without a name, there or in $kept
holder() {
	python3 -c '
import array, ctypes, fcntl, mmap, os, socket, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
f = os.open(sys.argv[1], os.O_TMPFILE | os.O_RDWR)
os.write(f, os.urandom(2 << 20))
exec(sys.argv[2])
open("/run/holder.ready", "w")
time.sleep(1000)' "${2-$kept}" "$1" &
	holder=$!
	wait_for test -e /run/holder.ready
	rm /run/holder.ready
}

stop_holder() {
	kill "$holder"
	wait "$holder" || :
}
