#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# gmemctl audit: a guest that has all of its memory in a file of gmemfs, and one that has more: video
# memory, and a DIMM that is plugged in without mem-path. Both under stock QEMU.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/ctl/ctl.sh
. /share/ctl/ctl.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh

work=/run/ctl
mib=$((1024 * 1024))
vms=/proc/fs/gmemfs/vms

# Of the VM in the last JSON.
vm() { # EXPRESSION
	ask "d['vms'][0]$1"
}

# The bytes of all kinds together.
all_kinds() {
	ask 'sum(d["vms"][0][k] for k in ("hidden", "lent", "shared", "kept", "absent", "outside", "device", "unmapped", "unknown"))'
}

test_none() {
	json audit
	is "$status" 0 'no VM: exit status 0'
	is "$(ask '[d["vms"], d["complete"]]')" '[[], True]' '  JSON says so'
	ctl audit
	is "$status $out" '0 no VM' '  and so do words'
	ctl audit $$
	is "$status" 1 "a process without a VM that was named: exit status 1"
	like "$err" "process $$ has no VM" '  and why'
	status=0
	setpriv --reuid=65534 --clear-groups "$ctl" audit >"$work/out" 2>"$work/err" || status=$?
	is "$status" 1 'a user: exit status 1'
	like "$(cat "$work/err")" 'only root may see them' '  and why'
}

test_hidden() {
	json audit
	is "$status" 0 'a guest whose memory is in gmemfs: exit status 0'
	[ "$status" = 0 ] || diag "$(cat "$work/out")$err"
	is "$(ask 'len(d["vms"])')" 1 '  one VM'
	is "$(vm '["pid"]')" "$(vm_pid hidden)" "  QEMU's"
	is "$(vm '["comm"]')" "$(cat "/proc/$(vm_pid hidden)/comm")" '  its name'
	is "$(vm '["verdict"]')" hidden '  the verdict'
	is "$(vm '["readable"]')" 0 '  nothing is readable'
	is "$(vm '["missed"]')" null '  nothing was missed'
	ok '  what the guest filled is hidden' test "$(vm '["hidden"]')" -ge $((48 * mib))
	ok '  no more than what the guest has' test "$(vm '["hidden"]')" -le $((vm_mib * mib))
	is "$(all_kinds)" "$(vm '["size"]')" '  all kinds add up to the size'
	ok '  which is that of the guest and its firmware' \
		test "$(vm '["size"]')" -gt $((vm_mib * mib - 2 * mib))
	ok '  its firmware is outside' test "$(vm '["outside"]')" -gt 0
	is "$(vm '["outside"]')" "$(vm '["read_only"]')" '  and the guest can write to none of that'
	is "$(vm '["direct_io"]')" null '  no disk by O_DIRECT'
	json audit "$(vm_pid hidden)"
	is "$status$(ask 'len(d["vms"])')" 01 '  by its number'
	ctl audit
	like "$out" "^process $(vm_pid hidden) \\(.*\\): all hidden: " '  in words'
	like "$out" 'not hidden, and the guest can.t write to them: firmware' '  the firmware, too'
}

test_shared() {
	json ls
	file=$(ask 'd["files"][0]["path"]')
	ctl convert "$file" 64M 64K shared
	is "$status" 0 'a part is made shared'
	json audit
	is "$status $(vm '["verdict"]')" '1 readable' '  exit status 1'
	is "$(vm '["shared"]') $(vm '["readable"]')" '65536 65536' '  that is what is readable'
	like "$(vm '["sentences"]')" '64K at .* NOT HIDDEN: shared' '  and a sentence says so'
	json audit --allow-shared
	is "$status $(vm '["verdict"]')" '0 hidden' '  exit status 0 if that is allowed'
	ctl convert "$file" 64M 64K private
	json audit
	is "$status" 0 '  private again: exit status 0'
}

# The guest may change its slots just then. A VM that changes all the time would be incomplete.
has_readable() { # BYTES
	json audit "$(vm_pid more)"
	[ "$(vm '["readable"]')" = "$1" ]
}

# All of the card's memory: the BIOS has to enable it first.
has_video() {
	json audit "$(vm_pid more)"
	[ "$(vm '["readable"]')" -ge $((16 * mib)) ]
}

test_more() {
	wait_for has_video
	like "$(vm '["sentences"]')" 'NOT HIDDEN: anonymous memory; probably video memory' 'video memory'
	is "$(vm '["direct_io"]')" 'cache=none' '  a disk by O_DIRECT'
	like "$(vm '["sentences"]')" 'warning: the command line has cache=none:' '  and a warning'
	video=$(vm '["readable"]')
	vm_qmp more '{"execute":"object-add","arguments":{"qom-type":"memory-backend-ram","id":"r","size":134217728}}'
	vm_qmp more '{"execute":"device_add","arguments":{"driver":"pc-dimm","id":"dimm","memdev":"r"}}'
	wait_for has_readable $((video + 128 * mib))
	like "$(vm '["sentences"]')" '128M at .* NOT HIDDEN: anonymous memory; with QEMU' \
		'a DIMM without mem-path is readable'
	json audit
	is "$status" 1 '  all VMs: exit status 1'
	is "$(ask 'sorted(v["verdict"] for v in d["vms"])')" "['hidden', 'readable']" '  because of this one'
	ctl audit
	like "$out" "^process $(vm_pid more) \\(.*\\): NOT ALL HIDDEN" '  in words'
}

reload() { # PARAMETER...
	umount /dev/gmem
	rmmod gmemfs
	insmod /opt/gmemfs/gmemfs.ko "$@"
	mount -t gmemfs gmemfs /dev/gmem
}

test_unknown() {
	reload guard=off
	json audit
	is "$status" 5 'guard=off: exit status 5'
	like "$err" "can't be listed: gmemfs is loaded with guard=off" '  and why'
	reload
	mount --bind /dev/null "$vms"
	ctl audit
	is "$status" 5 'another file over the list: exit status 5'
	like "$err" 'another file is mounted over' '  and why'
	umount "$vms"
	umount /dev/gmem
	rmmod gmemfs
	ctl audit
	is "$status" 3 'not loaded: exit status 3'
}

ctl=$sanitized
test_none
vm_start hidden -object "$(vm_memory /dev/gmem)"
vm_up hidden
vm_tell hidden keep 48
test_hidden
test_shared
truncate -s 1M "$work/disk"
vm_more_memory=,slots=2,maxmem=1G
vm_start more -object "$(vm_memory /dev/gmem)" -device VGA \
	-drive "file=$work/disk,format=raw,if=none,id=d,cache=none"
wait_for test -S "$work/more.qmp"
test_more
vm_off hidden
kill -9 "$(vm_pid more)"
vm_gone more
is "$(settled hidden_bytes)" 0 'all is back'
test_none
test_unknown
done_testing
