#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Where gmemfs isn't loaded: a guest on ordinary memory, and on guest_memfd
# where the kernel has one that can be mapped.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh
# shellcheck source=tests/vmm/vmm.sh
. /share/vmm/vmm.sh

work=/run/vmm
mkdir -p "$work"

test_boot() { # BACKEND
	vmm_memory=,backend=$1
	vm_start "$1" --no-reboot --control="$(vmm_socket "$1")"
	vm_up "$1"
	vm_tell "$1" memory
	is "$(field clocksource)" kvm-clock "$1: boots"
	vm_tell "$1" keep 32
	vm_tell "$1" check
	is "$line" 'intact pages=8192' "$1: its memory holds what is in it"
	vmm_control "$1"
	like "$report" "\"backend\":\"$1\"" "$1: --control names it"
	ok "$1: and says how much there is" \
		test "$(reported populated)" -ge $((32 << 20))
	vm_off "$1"
	is "$(cat "$work/$1.stderr")" '' "$1: gmemvm has no complaint"
}

test_refused() {
	status=0
	"$vmm" --kernel="$vm_kernel" --memory=backend=guest_memfd \
		</dev/null 2>"$work/err" || status=$?
	is "$status" 1 'guest_memfd: not on this kernel'
	like "$(cat "$work/err")" 'Linux 6\.18' 'guest_memfd: and which has one'
	is "$(wc -l <"$work/err")" 1 'guest_memfd: in one line'
}

test_boot memfd
if vmm_has_guest_memfd; then
	test_boot guest_memfd
else
	test_refused
fi
done_testing
