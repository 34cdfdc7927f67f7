# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
#
# Guests of vm.sh's that give memory back by a balloon, or by free page reporting. Who sources this has sourced
# tap.sh and vm.sh.
#
#	balloon_to NAME MIB		so much memory is left to the guest
#	populated_falls FILE BYTES	within a minute or so, to at most so much
#	complaints NAME			how often QEMU could not discard

balloon_to() { # NAME MIB
	vm_qmp "$1" "{\"execute\":\"balloon\",\"arguments\":{\"value\":$(($2 * 1048576))}}"
	vm_until "$1" '{"execute":"query-balloon"}' "\"actual\": $(($2 * 1048576))}" ||
		vm_die "$1" "the balloon is not at $2 MiB: $answer"
}

populated_falls() { # FILE BYTES
	for _ in $(seq 60); do
		info "$1"
		[ "$populated" -gt "$2" ] || return 0
		sleep 1
	done
	return 1
}

complaints() { # NAME
	grep -c 'Failed to discard range' "$work/$1.stderr" || :
}
