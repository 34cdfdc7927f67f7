#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A kernel that has KVM's emulator read and write hidden memory, shares some of it,
# and ends in ways that Linux doesn't (tiny.S), under gmemvm without the guard.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh
# shellcheck source=tests/vmm/vmm.sh
. /share/vmm/vmm.sh

work=/run/vmm
mkdir -p "$work"
vm_mib=128
backend=gmemfs
range=$((2 << 20))

vm_qemu() { # NAME
	exec "$vmm" --kernel=/opt/gmemfs/tests/vmm/tiny --no-reboot \
		--memory=size=${vm_mib}M,backend=$backend
}

# What isn't hidden: pages that are shared.
shared() {
	info "$(vm_file tiny)"
	echo $((populated - hidden))
}

go_on() { # [HOW]
	echo "${1-}" >"$work/tiny.in"
}

# gmemvm says why, in one line, and gives all memory back.
test_end() { # HOW STATUS MESSAGE
	vm_start tiny
	vm_wait tiny shared
	go_on
	vm_wait tiny private
	go_on "$1"
	vm_gone tiny
	is "$status" "$2" "$3: gmemvm's exit status"
	like "$(cat "$work/tiny.stderr")" "$3" '  and it says so'
	is "$(wc -l <"$work/tiny.stderr")" 1 '  in one line'
	is "$(settled hidden_bytes)" 0 '  afterwards nothing is hidden'
}

# Memory without a file of gmemfs: what the guest asks for is refused.
test_no_conversion() {
	backend=memfd
	vm_start tiny
	vm_wait tiny shared
	go_on
	vm_gone tiny
	like "$(cat "$work/tiny.console")" 'told-init: FAILED' \
		'memory that can'\''t be made private: the guest is told'
	is "$status" 0 '  and can power off'
}

vmm_load off
vm_start tiny
vm_up tiny
for step in string input mmio clock refused; do
	vm_wait tiny $step
	pass "$step"
done
vm_wait tiny shared
pass 'shared: and what is there stays'
is "$(shared)" $((range + 4096)) '  that and the clock is not hidden any more'
go_on
vm_wait tiny private
pass 'private: and what is there stays'
is "$(shared)" 4096 '  all but the clock is hidden again'
go_on
vm_gone tiny
is "$status" 0 'powers off'
is "$(cat "$work/tiny.stderr")" '' 'gmemvm has no complaint'
is "$(settled hidden_bytes)" 0 'afterwards nothing is hidden'
test_end t 3 'vCPU 0: triple fault at .*: the guest is reset'
test_end d 1 "vCPU 0: KVM can't continue at 0xd0000000 \(suberror 1\)"
test_no_conversion
done_testing
