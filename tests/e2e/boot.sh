#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A stock QEMU guest on gmemfs, with QEMU's default CPU flags: boots with 1, 2
# and 8 vCPUs, uses kvm-clock, keeps its memory, and leaves nothing behind.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/sysfs.sh
. /share/lib/sysfs.sh
# shellcheck source=tests/lib/guest.sh
. /opt/gmemfs/share/gmemfs/guest.sh

work=/run/boot
mkdir -p "$work"

say() {
	diag "$*"
}

die() {
	guest_clean_up
	bail_out "$*"
}

test_boot() { # CPUS
	guest_cpus=$1
	boot_guest "$1-vcpu"
	is "$(field clocksource "$line")" kvm-clock "$1 vCPU: has kvm-clock"
	wait_guest tag= 'filled its memory'
	filled=$(($(field pages "$line") * 4096))

	gmeminfo "$gmem_file" >"$work/info"
	# shellcheck source=/dev/null
	. "$work/info"
	# shellcheck disable=SC2154 # from there
	ok "$1 vCPU: what it filled is hidden" test "$hidden" -ge "$filled"
	# shellcheck disable=SC2154
	is $((hidden + lent)) "$populated" "$1 vCPU: all but what is lent"
	ok "$1 vCPU: a page is lent, one a vCPU at most" \
		test "$lent" -gt 0 -a "$lent" -le $(($1 * 4096))
	# shellcheck disable=SC2154
	is "$huge" "$populated" "$1 vCPU: all in 2 MiB blocks"
	is "$(sysfs lent_bytes)" "$lent" "$1 vCPU: sysfs says the same of loans"

	end_guest "$1-vcpu"
	is "$verdict" intact "$1 vCPU: its memory is as it left it"
	for name in hidden_bytes lent_bytes quarantined_bytes; do
		is "$(settled $name)" 0 "$1 vCPU: $name afterwards"
	done
}

test_boot 1
test_boot 2
test_boot 8
done_testing
