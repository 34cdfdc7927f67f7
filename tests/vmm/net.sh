#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A guest on a tap of the host's: data both ways by TCP, with offloading, by
# gmemvm's copies and by the host's vhost-net; and what can't be had.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh
# shellcheck source=tests/vmm/vmm.sh
. /share/vmm/vmm.sh

work=/run/vmm
mkdir -p "$work"
host=10.9.0.1
guest=10.9.0.2
mib=8
pages=$((mib * 256))

set_up() {
	modprobe tun
	modprobe vhost_net
	ip link set lo up
	ip tuntap add dev tap0 mode tap
	ip addr add $host/24 dev tap0
	ip link set tap0 up
}

start() { # NAME OPTIONS
	vm_start "$1" --no-reboot --control="$(vmm_socket "$1")" --net="$2"
	vm_up "$1"
	for module in virtio_mmio failover net_failover virtio_net; do
		vm_tell "$1" load $module
	done
	vm_tell "$1" net $guest
}

# Until socat listens, the guest's connection would be refused.
wait_for_listener() {
	until ss -Hltn 'sport = :7' | grep -q LISTEN; do
		sleep 0.2
	done
}

test_transfers() { # NAME
	rm -f "$work/data"
	socat -u TCP-LISTEN:7,reuseaddr "OPEN:$work/data,create" &
	socat=$!
	wait_for_listener
	vm_tell "$1" tcp-write $mib 3 $host
	wait $socat
	ok "$1: the host has what the guest sends" \
		"$pattern" check "$work/data" $mib 3
	"$pattern" write "$work/data" $mib 4
	socat -u "OPEN:$work/data" TCP-LISTEN:7,reuseaddr &
	socat=$!
	wait_for_listener
	vm_tell "$1" tcp-check $mib 4 $host
	wait $socat
	is "$line" "intact pages=$pages" "$1: the guest has what the host sends"
}

end() { # NAME
	vm_off "$1"
	is "$(cat "$work/$1.stderr")" '' "$1: gmemvm has no complaint"
	is "$(settled hidden_bytes)" 0 "$1: afterwards nothing is hidden"
}

test_copies() {
	start copies tap=tap0
	test_transfers copies
	vmm_control copies
	diag "$report"
	ok 'copies: --control counts what was sent' \
		test "$(reported bytes_sent)" -gt $((mib << 20))
	ok 'copies: and received' \
		test "$(reported bytes_received)" -gt $((mib << 20))
	ok 'copies: in packets larger than an Ethernet has, so offloaded' \
		test "$(reported packets_sent)" -lt $(((mib << 20) / 1500))
	end copies
}

# Hidden memory: its worker copies by the mapping.
test_vhost() {
	vmm_memory=,protect=hidden+no-gup
	start vhost tap=tap0,vhost=on
	test_transfers vhost
	vmm_control vhost
	like "$report" '"by":"vhost"' 'vhost: --control says who does it'
	is "$(reported packets_sent)" 0 'vhost: and nothing passes through gmemvm'
	is "$(reported hidden)" "$(($(reported populated) - 4096))" \
		'vhost: all but the clock is hidden'
	end vhost
	vmm_memory=
}

# A tap that somebody else has opened: gmemvm needn't be allowed to.
test_descriptor() {
	vmm_by='/share/vmm/on-tap.py tap0 tap,vnet_hdr,no_pi'
	start descriptor fd=9
	vmm_by=
	test_transfers descriptor
	end descriptor
}

# refused ERE OPTIONS [COMMAND...]: what gmemvm is run by
refused() {
	want=$1
	options=$2
	shift 2
	status=0
	"$@" "$vmm" --kernel="$vm_kernel" --append=panic=-1 --no-reboot \
		--net="$options" </dev/null >"$work/out" 2>"$work/err" ||
		status=$?
	is "$status" 1 "--net=$options, $*: refused"
	like "$(cat "$work/err")" "$want" '  with what to do'
}

test_refused() {
	refused 'protect=hidden\+no-gup' tap=tap0,vhost=on
	refused 'fd 9 must be a tap with IFF_VNET_HDR and IFF_NO_PI' fd=9 \
		/share/vmm/on-tap.py tap0 tap,no_pi
	refused 'fd 77 is not a tap' fd=77
}

vmm_load off
set_up
test_refused
test_descriptor
test_copies
test_vhost
done_testing
