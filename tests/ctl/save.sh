#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# gmemctl save and load: all of a file's memory, and only what differs from a template; and files that
# aren't what they should be.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/ctl/ctl.sh
. /share/ctl/ctl.sh

saved=$work/saved
template=/dev/gmem/template
guest=/dev/gmem/guest
back=/dev/gmem/back

new() { # FILE
	rm -f "$1"
	truncate --size=8M "$1"
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
	ok '  and holes' test "$(($(stat -c %b "$saved") * 512))" -lt $((4 << 20))
	new "$back"
	ctl load "$saved" "$back"
	is "$status" 0 'load'
	ok '  brings it back' cmp "$guest" "$back"
	ok '  with holes' test "$(($(stat -c %b "$back") * 512))" -lt $((8 << 20))
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
	ctl save --base="$template" "$guest" "$saved"
	is "$status" 1 '  also to save'
	ctl load /dev/null "$back"
	is "$status" 1 'a device'
	ctl save "$work/other" "$saved"
	is "$status" 1 'a file that is not in gmemfs'
}

test_both() {
	test_all
	test_base
	test_refused
}

for_each_build test_both
done_testing
