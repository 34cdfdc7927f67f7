#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A guest begins from a snapshot whose memory is a file on a disk: gmem-pager brings it when it is
# touched. The guest has all of its memory, hidden; it goes on while that comes; and the pager ends
# with gmemvm, or when all is there.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh
# shellcheck source=tests/vmm/vmm.sh
. /share/vmm/vmm.sh

work=/run/vmm
snap=$work/snap
memory=/var/tmp/memory
export PATH="/opt/gmemfs/bin:$PATH"
mkdir -p "$work"

make_template() {
	vmm_memory=,file=/dev/gmem/template
	vm_start template --no-reboot --control="$(vmm_socket template)" --snapshot="$snap"
	vm_up template
	vm_tell template keep 32
	vmm_control template snapshot
	vm_gone template
	is "$status" 0 'a template'
	cp --sparse=always /dev/gmem/template $memory
	rm /dev/gmem/template
}

start() { # NAME
	vmm_restore=$snap,memory=on-demand
	vmm_memory=,template=$memory
	vm_start "$1" --control="$(vmm_socket "$1")"
	vmm_restore=
	vmm_memory=
}

pager_of() {
	ps -e -o pid=,comm=,args= | awk '$2 == "gmem-pager" { print $1 }'
}

test_restored() {
	start guest
	vm_tell guest check
	is "$line" 'intact pages=8192' 'a guest whose memory comes when it is touched has all of it'
	vm_tell guest memory
	while [ -n "$(pager_of)" ]; do
		sleep 0.1
	done
	pass '  and the pager ends when all is there'
	vm_tell guest check
	is "$line" 'intact pages=8192' '  which changes nothing'
	vmm_control guest
	ok '  all of it is hidden' test "$(reported hidden)" -gt $((32 << 20))
	vm_off guest
}

test_ended() {
	start guest
	kill -KILL "$(vm_pid guest)"
	for _ in $(seq 100); do
		[ -n "$(pager_of)" ] || break
		sleep 0.1
	done
	is "$(pager_of)" '' 'the pager ends with gmemvm'
}

test_refused() {
	status=0
	"$vmm" --restore="$snap,memory=on-demand" --memory="size=${vm_mib}M,template=/nowhere" \
		</dev/null >"$work/out" 2>"$work/err" || status=$?
	is "$status" 1 'a template that is not there'
	like "$(cat "$work/err")" '/nowhere' '  is named'
	status=0
	PATH=/usr/bin "$vmm" --restore="$snap,memory=on-demand" \
		--memory="size=${vm_mib}M,template=$memory" </dev/null >"$work/out" 2>"$work/err" || status=$?
	is "$status" 1 'without gmem-pager'
	like "$(cat "$work/err")" 'needs gmem-pager' '  gmemvm says so'
	status=0
	"$vmm" --restore="$snap,memory=later" --memory="template=$memory" </dev/null >"$work/out" 2>"$work/err" ||
		status=$?
	is "$status" 2 'another kind of memory is a wrong option'
}

vmm_load lend
make_template
test_restored
test_ended
test_refused
done_testing
