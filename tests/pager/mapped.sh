#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# gmem-pager with files as QEMU writes them with mapped-ram: the right block, its zeros; and files that
# are damaged, with ASan and UBSan. mapped.py makes the files. Those of a QEMU are e2e/restore's.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/pager/pagers.sh
. /share/pager/pagers.sh

run() { # OPTION...
	status=0
	timeout 60 "$pager" --no-sandbox "$@" "$file" 2>"$work/err" || status=$?
	err=$(cat "$work/err")
}

# Some blocks are zeros, and some pages of others.
make_snapshot 16
dd if=/dev/zero of="$snapshot" bs=2M seek=3 count=2 conv=notrunc status=none
dd if=/dev/zero of="$snapshot" bs=4096 seek=7 count=5 conv=notrunc status=none
python3 /share/pager/mapped.py "$work/mapped" "$snapshot"

for pager in "$pager" "$sanitized"; do
	make_file 16M
	run --from="$work/mapped"
	is "$status" 0 "$pager: the block that fits"
	ok '  has the right contents' cmp "$snapshot" "$file"
	is "$(stat -c %b "$file")" $((14 * 2048 - 2048 * 2)) '  and no memory where it has none'
	make_file 16M
	run --from="$work/mapped" --block=ram
	is "$status" 0 '  also by its name'
done

make_file 8M
run --from="$work/mapped"
is "$status" 1 'no block is as large'
like "$err" 'as large as the file' '  which is what it says'
run --from="$work/mapped" --block=ram
is "$status" 1 'the block is of another size'
run --from="$work/mapped" --block=nothing
is "$status" 1 'no block has that name'
run --from="$snapshot" --block=ram
is "$status" 1 'no migration has no blocks'

printf 'QEVM\000\000\000\003 and then nothing of the kind' >"$work/other"
run --from="$work/other"
like "$err" 'not with mapped-ram' 'a migration of another kind'

# Each byte of what comes before the pages. The pager refuses it, or fills the file with something.
make_file 16M
damaged=0
for at in $(seq 0 3 420); do
	cp --sparse=always "$work/mapped" "$work/damaged"
	printf '\377' | dd of="$work/damaged" bs=1 seek="$at" conv=notrunc status=none
	make_file 16M
	run --from="$work/damaged"
	case $status in 0 | 1) ;; *) damaged=$((damaged + 1)) ;; esac
done
is "$damaged" 0 'files with a byte that is wrong'
for size in 0 3 100 2M 5M 17M; do
	cp "$work/mapped" "$work/damaged"
	truncate --size="$size" "$work/damaged"
	make_file 16M
	run --from="$work/damaged"
	case $status in 0 | 1) ;; *) damaged=$((damaged + 1)) ;; esac
done
is "$damaged" 0 'files that end early'
done_testing
