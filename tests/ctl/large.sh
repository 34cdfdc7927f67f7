#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# gmemctl comes to an end, with little memory: neither a large file nor many of them
# are too much for it, nor one that its owner changes meanwhile.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/ctl/ctl.sh
. /share/ctl/ctl.sh
# shellcheck source=tests/ctl/holder.sh
. /share/ctl/holder.sh

tests=/opt/gmemfs/tests/ctl

# Holes cost nothing, in time or in memory.
test_sparse() {
	large=/dev/gmem/large
	truncate -s 200T $large
	for at in 0 100 199; do
		printf x | dd of=$large bs=1 seek=$((at << 40)) conv=notrunc status=none
	done
	populated=$(stat -c %b $large)
	for command in verify show map 'map --json' 'map --svg=/run/large.svg'; do
		# shellcheck disable=SC2086 # words
		ok "200 TiB with three pages: $command, in 128 MiB" timeout 120 \
			sh -c 'ulimit -v 131072; exec "$@"' sh "$ctl" $command $large
	done
	json verify $large
	ok '  verify: all pages were looked at' test \
		"$(ask 'd["files"][0]["checked"]')" = $((populated / 8))
	json show $large
	is "$(ask 'd["pages"]["hidden"]')" $((populated / 8)) '  show: hidden'
	is "$(ask 'd["pages"]["holes"]')" $(((200 << 28) - populated / 8)) '  show: holes'
	json map $large
	is "$(ask 'sum(c["hidden"] for c in d["cells"])')" $((populated / 8)) '  map: hidden'
	is "$(ask 'sum(c["pages"] for c in d["cells"])')" $((200 << 28)) '  map: all'
	ok '  map: not a cell too many' test "$(ask 'len(d["cells"])')" -le 65536
	ctl map --cell=4K $large
	is "$status" 2 '  map --cell=4K: too many'
	like "$err" 'a cell must be at least 256M' '  and what would do'
	truncate -s 9223372036852678656 $large	# 2^63 - 2 MiB
	ok 'the largest file there is: verify' timeout 120 "$ctl" verify $large
	ok '  map' timeout 120 "$ctl" map $large
	rm $large
}

# A file whose owner fills it ahead of verify and empties it behind has no end.
test_endless() {
	holder '
os.ftruncate(f, 200 << 40)
def churn():
	step = 2 << 20
	pages = [1 << 40]
	for at in range(1 << 40, 200 << 40, step):
		os.pwrite(f, b"x", at)
		if at - pages[0] > 64 * step:
			libc.fallocate(f, 3, ctypes.c_long(pages[0]), ctypes.c_long(step))
			pages[0] += step
threading.Thread(target=churn, daemon=True).start()' /dev/gmem
	ok 'a file that is filled all the while: show comes to an end' \
		timeout 120 "$ctl" show "$(descriptor_of "$holder")"
	stop_holder
}

incomplete_in() { # SECONDS ERE NAME
	status=0
	timeout "$1" "$ctl" verify --all --json >"$work/json" 2>"$work/err" || status=$?
	is "$status" 5 "$3: incomplete, in $1 s"
	like "$(ask 'd["files"][0]["missed"]')" "$2" '  and what was missed'
}

# Four looks more at each of 4096 blocks, 20 ms apart, would take five minutes.
test_doubtful() {
	mkdir -p /run/small
	mount -t gmemfs -o huge=never none /run/small
	holder '
os.ftruncate(f, 0)
os.ftruncate(f, 8 << 30)
for at in range(0, 8 << 30, 2 << 20): os.pwrite(f, b"x", at)
view = fcntl.ioctl(f, 0xb904, 0)
os.close(f)' /run/small
	incomplete_in 150 "4096 pages can't be mapped" 'many pages that are not to be seen'
	stop_holder
	truncate -s 8G /run/small/file
	python3 -c '
import os
f = os.open("/run/small/file", os.O_RDWR)
for at in range(0, 8 << 30, 2 << 20): os.pwrite(f, b"x", at)'
	export LIE=exposed LD_PRELOAD="$tests/liar.so"
	status=0
	timeout 150 "$ctl" verify --json /run/small/file >"$work/json" 2>"$work/err" || status=$?
	unset LIE LD_PRELOAD
	is "$status$(ask 'd["files"][0]["missing"]')" 132 'many pages that are wrong: some are, each time'
	is "$(ask 'd["files"][0]["doubtful"]')" 4064 '  the others are doubtful'
	like "$(ask 'd["files"][0]["missed"]')" '^4064 pages' '  and so it is said'
	rm /run/small/file
	umount /run/small
}

descriptor_of() { # PID
	for fd in "/proc/$1/fd"/*; do
		case $(readlink "$fd") in
		/dev/gmem*) echo "$fd" ;;
		esac
	done
}

# Milliseconds of CPU that a command takes: the least of three times, as a busy machine adds some.
cost() { # COMMAND...
	python3 -c '
import resource, subprocess, sys
def used():
	children = resource.getrusage(resource.RUSAGE_CHILDREN)
	return children.ru_utime + children.ru_stime
def cost():
	before = used()
	subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
	return used() - before
print(int(1000 * min(cost() for _ in range(3))) + 1)' "$@"
}

# Eight times as many files take eight times as long, not 64.
test_many() {
	python3 -c '
for i in range(1500): open("/dev/gmem/file%d" % i, "w")'
	few=$(cost "$ctl" top --count=2 --interval=0.1)
	python3 -c '
for i in range(1500, 12000): open("/dev/gmem/file%d" % i, "w")'
	many=$(cost "$ctl" top --count=2 --interval=0.1)
	diag "1500 files: $few ms; 12000 files: $many ms"
	ok 'time grows as files do' test "$many" -lt $((few * 20))
	find /dev/gmem -name 'file*' -delete
}

ctl=$plain
test_sparse
test_endless
test_doubtful
test_many
done_testing
