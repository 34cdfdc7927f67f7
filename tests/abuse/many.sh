#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# 10,000 files, each with memory; and one file of 1 TiB of which little is there.
set -eu
# shellcheck source=tests/abuse/abuse.sh
. /share/abuse/abuse.sh

files=10000

# A page in each, and a name that says which it is.
make_files='
import os, sys
os.mkdir("/dev/gmem/many")
for i in range(int(sys.argv[1])):
    with open("/dev/gmem/many/%d" % i, "wb") as f:
        f.write(b"%d" % i)
'
check_files='
import os, sys
names = os.listdir("/dev/gmem/many")
assert len(names) == int(sys.argv[1]), len(names)
for name in names:
    with open("/dev/gmem/many/" + name, "rb") as f:
        assert f.read() == name.encode(), name
'

test_files() {
	mount -o remount,size=0 /dev/gmem
	ok "$files files, with something in each" python3 -c "$make_files" $files
	info /dev/gmem/many/0
	is "$hidden" "$populated" '  hidden'
	ok '  all are there, and what is in them' \
		python3 -c "$check_files" $files
	is "$(gmemctl ls | grep -c /dev/gmem/many/)" "$files" \
		'  gmemctl lists them'
	rm -r /dev/gmem/many
	is "$(sysfs hidden_bytes)" "$1" '  and they are gone'
}

# A page each 16 GiB, and the last one.
test_sparse() {
	file=/dev/gmem/sparse
	mount -o remount,size=1g /dev/gmem
	truncate -s 1T $file
	is "$(stat -c %s $file)" $((1 << 40)) 'a file of 1 TiB'
	for at in $(seq 0 4194304 268435455) 268435455; do
		printf %s "$at" |
			dd of=$file bs=4096 seek="$at" conv=notrunc status=none
	done
	info $file
	ok "  takes what was written to ($populated bytes)" \
		test "$populated" -le $((65 * 2097152))
	for at in $(seq 0 4194304 268435455) 268435455; do
		is "$(dd if=$file bs=4096 skip="$at" count=1 status=none |
			tr -d '\0')" "$at" "  page $at"
	done
	not_ok '  has no room for all of it' fallocate -l 1T $file
	like "$tap_output" 'No space|Cannot allocate' '  and says so'
	rm $file
	is "$(sysfs hidden_bytes)" "$1" '  and it is gone'
}

bystander_comes
with_bystander=$(sysfs hidden_bytes)
test_files "$with_bystander"
test_sparse "$with_bystander"

bystander_is_whole
done_testing
