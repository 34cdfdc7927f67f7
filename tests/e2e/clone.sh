#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Guests of stock QEMU on clones of a template do what other guests do: savevm and
# loadvm, migration to another file, which is a clone, too, a state without the memory
# (x-ignore-shared), from which a clone becomes a template, and conversion of its memory.
# Their memory is what it was, and hidden. The template is the same, byte by byte, until
# it is removed; and its clones stay.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh
# shellcheck source=tests/lib/migration.sh
. /share/lib/migration.sh

# On the disk: all of a guest's memory goes there more than once.
work=/root/clone
mkdir -p "$work"
mib=$((1024 * 1024))
ctl=/opt/gmemfs/bin/gmemctl
template=/dev/gmem/template

start() { # NAME [ARGUMENT...]
	start_name=$1
	shift
	vm_start "$start_name" -object "$(vm_memory "/dev/gmem/$start_name")" \
		-drive "if=none,id=d,format=qcow2,file=$work/disk.$start_name" \
		-device virtio-blk-pci,drive=d "$@"
}

# ---- what has to be so ----

contents_of() { # FILE
	sha256sum <"$1"
}

# Nobody has it mapped, so nothing is lent.
check_template() { # WHEN
	is "$(contents_of $template)" "$template_contents" "$1: the template is as it was"
	info $template
	is "$populated" "$template_populated" '  with as much memory'
	is "$hidden" "$populated" '  all of it hidden'
}

# By the page tables, whatever gmemfs says: what is hidden, can't be read. The guest waits
# meanwhile, so that no page becomes another one.
check_guest() { # NAME
	vm_tell "$1" check
	is "$line" "intact pages=$pages" "$1: memory is intact"
	vm_tell "$1" disk-check 4 7
	is "$line" 'intact pages=1024' '  and the disk'
	vm_qmp "$1" '{"execute":"stop"}'
	info "/dev/gmem/$1"
	is $((hidden + lent)) "$populated" \
		"  all of $((populated / mib)) MiB is hidden but what is lent"
	ok '  by the page tables, too' "$ctl" verify "/dev/gmem/$1"
	vm_qmp "$1" '{"execute":"cont"}'
}

# ---- guests ----

make_template() {
	qemu-img create -q -f qcow2 "$work/disk.template" 16M
	start template
	vm_up template
	vm_tell template load virtio_blk
	vm_tell template keep 48
	pages=12288
	vm_tell template disk-write 4 7
	vm_leave template "file:$work/template" x-ignore-shared
	ok '  without its memory' test "$(stat -c %s "$work/template")" -lt $((8 * mib))
	is "$(settled lent_bytes)" 0 '  and nothing of that is lent'
	template_contents=$(contents_of $template)
	info $template
	template_populated=$populated
	check_template 'saved'
}

clone_memory() { # NAME FROM
	ok "$1: its memory is a clone of $2's" \
		cp --reflink=always "/dev/gmem/$2" "/dev/gmem/$1"
}

test_clone() {
	clone_memory one template
	cp "$work/disk.template" "$work/disk.one"
	start one -incoming defer
	vm_arrive one "file:$work/template" x-ignore-shared
	vm_use one x-ignore-shared false
	check_guest one
	info /dev/gmem/one
	ok "  it shares $((cloned / mib)) of $((populated / mib)) MiB" \
		test "$cloned" -gt $((populated / 4))
	vm_tell one keep 16
	pages=$((pages + 4096))
	check_guest one
	check_template 'the clone has written'
}

test_convert() {
	ok 'convert: 32 MiB of the clone become shared' \
		"$ctl" convert /dev/gmem/one 64M 32M shared
	vm_tell one check
	is "$line" "intact pages=$pages" '  the guest goes on'
	check_template '  converted'
	ok '  and private again' "$ctl" convert /dev/gmem/one 64M 32M private
	check_guest one
}

test_savevm() {
	vm_monitor one 'savevm before'
	check_template 'savevm'
	vm_tell one keep 8
	vm_tell one disk-write 4 9
	vm_tell one check
	is "$line" "intact pages=$((pages + 2048))" 'after savevm the guest goes on'
	vm_monitor one 'loadvm before'
	check_guest one
	check_template 'loadvm'
}

# To a file that has the template's memory: all of that is replaced.
test_migration() {
	vm_leave one "file:$work/state"
	ok '  with all of its memory' \
		test "$(stat -c %s "$work/state")" -gt $((pages * 4096))
	rm /dev/gmem/one
	check_template 'the clone is gone'
	clone_memory two template
	mv "$work/disk.one" "$work/disk.two"
	start two -incoming defer
	vm_arrive two "file:$work/state"
	rm "$work/state"
	check_guest two
	vm_tell two keep 8
	pages=$((pages + 2048))
	check_template 'another clone was replaced'
}

# A clone is a template itself, and needs the first one no more.
test_generations() {
	vm_leave two "file:$work/second" x-ignore-shared
	ok '  without its memory' test "$(stat -c %s "$work/second")" -lt $((8 * mib))
	is "$(settled lent_bytes)" 0 '  and nothing of that is lent'
	second_contents=$(contents_of /dev/gmem/two)
	clone_memory three two
	cp "$work/disk.two" "$work/disk.three"
	check_template 'a clone of a clone'
	rm $template
	start three -incoming defer
	vm_arrive three "file:$work/second" x-ignore-shared
	check_guest three
	vm_tell three keep 8
	pages=$((pages + 2048))
	check_guest three
	is "$(contents_of /dev/gmem/two)" "$second_contents" 'three: what it was cloned from is as it was'
	info /dev/gmem/two
	is "$hidden" "$populated" '  all of it hidden'
	vm_off three
	rm /dev/gmem/two /dev/gmem/three
}

remember_host
make_template
test_clone
test_convert
test_savevm
test_migration
test_generations
host_is_back
done_testing
