#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# gmemctl save and load: all of a file's memory, and only what differs from a template; compressed, with
# checksums, without the page cache; and files that aren't what they should be.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/ctl/ctl.sh
. /share/ctl/ctl.sh

saved=$work/saved
template=/dev/gmem/template
guest=/dev/gmem/guest
back=/dev/gmem/back

# It has O_DIRECT, and /run too, since Linux 6.6. A ramfs hasn't.
disk=/root/saved
ram=$work/ram
mkdir -p "$disk" "$ram"
mount -t ramfs none "$ram"

new() { # FILE
	rm -f "$1"
	truncate --size=8M "$1"
}

sum_of() { # FILE
	sha256sum <"$1" | cut -d ' ' -f 1
}

look() { # COMMAND ARGUMENT...
	python3 /share/ctl/saved.py "$@"
}

# Some memory that compresses, some that doesn't, single pages, and a page at the end.
make_guest() {
	new "$guest"
	head -c 2M /dev/urandom | dd of="$guest" bs=1M seek=3 conv=notrunc status=none
	yes 'text' | dd of="$guest" bs=1M count=1 seek=6 iflag=fullblock conv=notrunc status=none
	for page in 3 5 9 500 2047; do
		printf 'page %s' "$page" | dd of="$guest" bs=4096 seek="$page" conv=notrunc status=none
	done
}

# refused NAME ERE LENGTH ARGUMENT...: load fails with a message that matches, and the file has LENGTH then
refused() {
	name=$1 want=$2 length=$3
	shift 3
	new "$back"
	printf before >"$work/before"
	dd if="$work/before" of="$back" conv=notrunc status=none
	ctl load "$@" "$back"
	is "$status" 1 "$name: refused"
	like "$err" "$want" '  and why'
	is "$(stat -c %s "$back")" "$length" "  the file has $length bytes"
	if [ "$length" = 0 ]; then
		like "$err" "$back is empty now" '  which the message says'
	else
		is "$(head -c 6 "$back")" before '  and is as it was'
	fi
}

# It may have had the first of the two before.
change() { # FILE COPY OFFSET
	for byte in 252 125; do
		cp "$1" "$2"
		# shellcheck disable=SC2059 # an escape
		printf "\\$byte" | dd of="$2" bs=1 seek="$3" conv=notrunc status=none
		cmp -s "$1" "$2" || return 0
	done
}

test_all() {
	new "$guest"
	head -c 2M /dev/urandom | dd of="$guest" bs=1M seek=3 conv=notrunc status=none
	rm -f "$saved"
	ctl save "$guest" "$saved"
	is "$status" 0 'save'
	like "$out" '2M of 8M' '  says how much'
	is "$(stat -c %s "$saved")" $((8 << 20)) '  it is as long'
	ok '  and has the same contents' cmp "$guest" "$saved"
	is "$(stat -c %a "$saved")" 600 '  nobody else can read it'
	ok '  and holes' test "$(($(stat -c %b "$saved") * 512))" -lt $((4 << 20))
	new "$back"
	ctl load "$saved" "$back"
	is "$status" 0 'load'
	ok '  brings it back' cmp "$guest" "$back"
	ok '  with holes' test "$(($(stat -c %b "$back") * 512))" -lt $((8 << 20))
}

# Each of the file systems has the same afterwards.
test_packed() {
	make_guest
	sum=$(sum_of "$guest")
	for dir in "$disk" "$work" "$ram"; do
		ctl save --zstd=3 --checksum "$guest" "$dir/packed"
		is "$status" 0 "save --zstd to $dir"
		like "$out" '3\.0M of 8M, compressed to 2\.0M' '  says how much'
		like "$out" "^sha256: $sum\$" '  and the checksum'
		new "$back"
		ctl load --checksum "$dir/packed" "$back"
		is "$status" 0 '  load'
		like "$out" "^sha256: $sum\$" '  says the same checksum'
		ok '  brings it back' cmp "$guest" "$back"
	done
	ok 'libzstd decompresses it' look unpack "$disk/packed" "$work/unpacked" $((8 << 20))
	ok '  to the memory' cmp "$guest" "$work/unpacked"
	not_ok 'gmem-pager refuses it' /opt/gmemfs/bin/gmem-pager --from="$disk/packed" "$back"
	like "$tap_output" "gmemctl load.*zstd -d" '  and says what to do'
	json save --zstd=1 --checksum "$guest" "$disk/packed"
	is "$(ask 'd["compressed"]')" "$(stat -c %s "$disk/packed")" 'save --json: the length'
	is "$(ask 'd["sha256"]')" "$sum" '  the checksum'
	json load --checksum "$disk/packed" "$back"
	is "$(ask 'd["sha256"]')" "$sum" 'load --json: the checksum'
	new "$guest"
	ctl save --zstd=3 "$guest" "$disk/zeros"
	ok 'zeros take nothing' test "$(stat -c %s "$disk/zeros")" -lt 1024
	json save --checksum "$guest" "$disk/zeros"
	is "$(ask 'd["sha256"]')" "$(sum_of "$guest")" '  and have a checksum'
}

# With O_DIRECT, and where there is none, and where it fails in the middle.
test_direct() {
	make_guest
	for dir in "$disk" "$ram"; do
		ctl save "$guest" "$dir/raw"
		is "$status" 0 "save to $dir"
		[ "$dir" = "$ram" ] || is "$(look cached "$dir/raw")" 0 '  nothing is in the page cache'
		new "$back"
		ctl load "$dir/raw" "$back"
		is "$status" 0 '  load'
		[ "$dir" = "$ram" ] || is "$(look cached "$dir/raw")" 0 '  nothing is in the page cache'
		ok '  the same came back' cmp "$guest" "$back"
	done
	status=0
	strace -o "$work/strace" -e trace=pwrite64 -e inject=pwrite64:error=EINVAL:when=2 \
		"$plain" save "$guest" "$disk/raw" >"$work/out" || status=$?
	is "$status" 0 'O_DIRECT that fails in the middle'
	like "$(cat "$work/strace")" INJECTED '  it was tried'
	ok '  the page cache is used' cmp "$guest" "$disk/raw"
}

# A signal comes when half is written: of the rest nothing is.
test_signal() {
	make_guest
	rm -f "$disk"/*
	status=0
	strace -o "$work/strace" -e trace=pwrite64 -e inject=pwrite64:signal=TERM:when=1 \
		"$plain" save "$guest" "$disk/raw" >"$work/out" 2>&1 || status=$?
	is "$status" 143 'SIGTERM ends save'
	is "$(ls -A "$disk")" '' '  nothing is left'
	ctl save "$guest" "$disk/raw"
	cp "$guest" "$back"
	status=0
	strace -o "$work/strace" -e trace=ftruncate -e inject=ftruncate:signal=TERM:when=1 \
		"$plain" load "$disk/raw" "$back" >"$work/out" 2>&1 || status=$?
	is "$status" 143 'SIGTERM ends load'
	is "$(stat -c %s "$back")" 0 '  the file is empty'
	cp "$guest" "$back"
	status=0
	strace -o "$work/strace" -e trace=ftruncate -e inject=ftruncate:delay_exit=3000000:when=1 \
		"$plain" load "$disk/raw" "$back" >"$work/out" 2>&1 &
	loader=$!
	sleep 1
	truncate --size=0 "$disk/raw"
	truncate --size=8M "$disk/raw"
	wait "$loader" || status=$?
	is "$status" 1 'what is loaded is emptied meanwhile'
	like "$(cat "$work/out")" 'has changed' '  is an error'
	is "$(stat -c %s "$back")" 0 '  the file is empty'
	cp "$guest" "$back"
	ctl load "$back" "$back"
	is "$status" 1 'a file is loaded into itself'
	ok '  and keeps what it has' cmp "$guest" "$back"
	ctl save --zstd=1 "$back" "$back"
	is "$status" 1 '  or saved to itself'
	like "$err" 'what is to be saved' '  which the message says'
	ok '  and keeps what it has' cmp "$guest" "$back"
	status=0
	strace -o "$work/strace" -P "$guest" -e trace=pread64 -e inject=pread64:error=EIO \
		"$plain" save "$guest" "$disk/raw" >"$work/out" 2>&1 || status=$?
	is "$status" 1 'memory that can not be read'
	like "$(cat "$work/out")" "$guest: Input" '  is named'
	status=0
	(ulimit -f 2; exec "$plain" save "$guest" "$disk/raw") >"$work/out" 2>&1 || status=$?
	is "$status" 1 'no file may be so long'
	is "$(ls -A "$disk")" raw '  nothing is left'
	status=0
	strace -o "$work/strace" -e trace=pwrite64 -e inject=pwrite64:error=ENOSPC:when=2 \
		"$plain" save --zstd=1 "$guest" "$disk/full" >"$work/out" 2>&1 || status=$?
	is "$status" 1 'no space on the disk'
	like "$(cat "$work/out")" 'No space left' '  is what it says'
	is "$(ls -A "$disk")" raw '  nothing is left'
}

test_base() {
	new "$template"
	head -c 8M /dev/urandom >"$template"
	rm -f "$guest"
	cp --reflink=always "$template" "$guest"
	printf changed | dd of="$guest" bs=4096 seek=5 conv=notrunc status=none
	dd if=/dev/zero of="$guest" bs=4096 seek=700 count=1 conv=notrunc status=none
	ctl save --base="$template" "$guest" "$saved"
	is "$status" 0 'save --base'
	ok '  takes little' test "$(($(stat -c %b "$saved") * 512))" -lt $((256 << 10))
	new "$back"
	ctl load --base="$template" "$saved" "$back"
	is "$status" 0 'load --base'
	ok '  brings back what differs, zeros, too' cmp "$guest" "$back"
	json show "$back"
	ok '  with the template' test "$(ask 'd["cloned"]')" -gt $((7 << 20))
	ctl save --base="$template" --zstd=3 --checksum "$guest" "$disk/delta"
	is "$status" 0 'save --base --zstd'
	like "$out" "^sha256: $(sum_of "$guest")\$" '  says the checksum of all of the memory'
	ok '  takes very little' test "$(stat -c %s "$disk/delta")" -lt 8192
	ok '  libzstd decompresses it' look unpack "$disk/delta" "$work/unpacked" $((9 << 20))
	ok '  to what is there without --zstd' cmp "$saved" "$work/unpacked"
	new "$back"
	ctl load --base="$template" --checksum "$disk/delta" "$back"
	is "$status" 0 'load --base'
	like "$out" "^sha256: $(sum_of "$guest")\$" '  says the same checksum'
	ok '  brings it back' cmp "$guest" "$back"
	json show "$back"
	ok '  with the template' test "$(ask 'd["cloned"]')" -gt $((7 << 20))
}

# What begins like a file that is compressed, and damaged ones. "$disk/delta" is test_base's.
test_damaged() {
	packed=$work/packed
	whole=$((8 << 20))
	make_guest
	ctl save --zstd=1 "$guest" "$packed"
	size=$(stat -c %s "$packed")
	for at in 5 20 4096 1M $((size - 1)); do
		cp "$packed" "$work/damaged"
		truncate --size="$at" "$work/damaged"
		case $at in 5) length=$whole ;; *) length=0 ;; esac
		refused "cut off at $at" damaged "$length" "$work/damaged"
	done
	for at in 100 1000000 $((size - 1)); do
		change "$packed" "$work/damaged" "$at"
		refused "another byte at $at" damaged 0 "$work/damaged"
	done
	cp "$packed" "$work/damaged"
	echo >>"$work/damaged"
	refused 'a byte more' 'behind its end' 0 "$work/damaged"
	cat "$packed" "$packed" >"$work/damaged"
	refused 'two of them' 'behind its end' 0 "$work/damaged"
	ok '  another program compresses it' look pack "$guest" "$work/damaged"
	refused 'no checksum' 'without a checksum' "$whole" "$work/damaged"
	for at in 20 1000 $(($(stat -c %s "$disk/delta") - 1)); do
		cp "$disk/delta" "$work/damaged"
		truncate --size="$at" "$work/damaged"
		refused "a delta that is cut off at $at" damaged "$whole" --base="$template" "$work/damaged"
	done
	refused 'a delta without --base' "isn't its memory" "$whole" "$disk/delta"
	refused 'what is no delta, with --base' "isn't what" "$whole" --base="$template" "$packed"
	ctl save "$guest" "$work/raw"
	truncate --size=5M "$work/raw"
	refused 'memory that is cut off' 'not all of it' "$whole" "$work/raw"
	new "$back"
	truncate --size=4M "$back"
	ctl load "$packed" "$back"
	is "$status" 1 'a file that is shorter than what was compressed'
	like "$err" 'truncate --size=8388608' '  the message says what to do'
	is "$(stat -c %s "$back")" $((4 << 20)) '  it is as it was'
	new "$guest"
	printf '\050\265\057\375' | dd of="$guest" conv=notrunc status=none
	ctl save "$guest" "$work/raw"
	new "$back"
	ctl load "$work/raw" "$back"
	is "$status" 0 'memory that begins like a compressed file'
	ok '  comes back' cmp "$guest" "$back"
}

# A file says that it has less, or more, than it has; and the one that is loaded is as long as it says.
test_lies() {
	make_guest
	ctl save --zstd=1 "$guest" "$work/packed"
	for claim in 7ff000 801000 001000 40000000; do
		cp "$work/packed" "$work/damaged"
		printf '%08x' $((0x$claim)) | sed 's/\(..\)\(..\)\(..\)\(..\)/\4\3\2\1/' | xxd -r -p |
			dd of="$work/damaged" bs=1 seek=6 conv=notrunc status=none
		new "$back"
		truncate --size=$((0x$claim)) "$back"
		ctl load "$work/damaged" "$back"
		is "$status" 1 "it says that it has 0x$claim bytes"
		like "$err" damaged '  and is refused'
		is "$(stat -c %s "$back")" 0 '  the file is empty'
	done
}

test_refused() {
	ctl load --base="$template" "$work/nothing" "$back"
	is "$status" 1 'nothing to load'
	head -c 1M /dev/urandom >"$work/other"
	ctl load --base="$template" "$work/other" "$back"
	is "$status" 1 'what was not saved with --base'
	for size in 0 4096 8M 8388700; do
		cp "$saved" "$work/short"
		truncate --size="$size" "$work/short"
		ctl load --base="$template" "$work/short" "$back"
		is "$status" 1 "a delta that has $size bytes"
	done
	truncate --size=4M "$template"
	ctl load --base="$template" "$saved" "$back"
	is "$status" 1 'another template'
	ctl load --base="$template" "$saved" "$template"
	is "$status" 1 '  or the template itself'
	is "$(stat -c %s "$template")" $((4 << 20)) '  which stays'
	ctl save --base="$template" "$guest" "$saved"
	is "$status" 1 '  also to save'
	ctl load /dev/null "$back"
	is "$status" 1 'a device'
	ctl load /dev/stdin "$back" <"$work/other"
	like "$err" "isn't its memory" 'stdin can be what is loaded'
	mkdir -p "$work/theirs"
	chmod 1777 "$work/theirs"
	ln -s -f "$work/other" "$work/theirs/link"
	chown -h 65534 "$work/theirs/link"
	new "$back"
	truncate --size=1M "$back"
	ctl load "$work/theirs/link" "$back"
	is "$status" 1 "another user's link"
	like "$err" 'another user made' '  is not followed'
	is "$(stat -c %b "$back")" 0 '  the file has nothing of it'
	new "$guest"
	exec 8<"$guest"
	flock --exclusive 8
	ctl save "$guest" "$saved"
	is "$status" 1 'a guest of gmemvm that runs'
	like "$err" 'that runs' '  which the message says'
	flock --shared 8
	ctl save "$guest" "$work/raw"
	is "$status" 0 '  or from which others are cloned'
	ctl load "$work/raw" "$guest"
	is "$status" 1 '  which must not be emptied'
	is "$(stat -c %s "$guest")" $((8 << 20)) '  and is not'
	exec 8<&-
	ctl save "$work/other" "$saved"
	is "$status" 1 'a file that is not in gmemfs'
}

test_both() {
	test_all
	test_packed
	test_direct
	test_signal
	test_base
	test_damaged
	test_lies
	test_refused
}

for_each_build test_both
done_testing
