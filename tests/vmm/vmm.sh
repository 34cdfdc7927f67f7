# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
#
# Guests as in ../lib/vm.sh, but under gmemvm, run by the words in $vmm_by. Who
# sources this has sourced that.
#
#	vmm_load GUARD		the module, mounted; GUARD is on or off
#	vm_start NAME [OPTION...]	options of gmemvm
#	vmm_control NAME [COMMAND]	its answer in $report, after vm_start with
#					--control=$(vmm_socket NAME)
#	reported KEY			a number of it; the sum, if there are several
#
# With a snapshot in $vmm_restore, vm_start begins from that.

vmm=/opt/gmemfs/bin/gmemvm
vmm_by=
vmm_memory=
vmm_cpus=1
vmm_restore=
pattern=/opt/gmemfs/tests/vmm/pattern
vm_args='console=ttyS0 quiet panic=-1 cryptomgr.notests'

vmm_load() { # GUARD
	insmod /opt/gmemfs/gmemfs.ko "guard=$1"
	mkdir -p /dev/gmem
	mount -t gmemfs gmemfs /dev/gmem
}

# Linux 6.18 and later, where guest_memfd can be mapped.
vmm_has_guest_memfd() {
	[ "$(printf '%s\n' 6.18 "$(uname -r)" | sort -V | head -n 1)" = 6.18 ]
}

# What vm_start runs, in a process of its own.
vm_qemu() { # [OPTION...]
	# shellcheck disable=SC2086 # words
	[ -z "$vmm_restore" ] || exec $vmm_by "$vmm" --restore="$vmm_restore" \
		--cpus="$vmm_cpus" --memory="size=${vm_mib}M$vmm_memory" "$@"
	# shellcheck disable=SC2086 # words
	exec $vmm_by "$vmm" --kernel="$vm_kernel" --initrd="$vm_initrd" \
		--append="$vm_args" --cpus="$vmm_cpus" \
		--memory="size=${vm_mib}M$vmm_memory" "$@"
}

vmm_socket() { # NAME
	echo "$work/$1.control"
}

vmm_control() { # NAME [COMMAND]
	report=$(echo "${2-}" | socat -t 60 - "UNIX-CONNECT:$(vmm_socket "$1")") ||
		vm_die "$1" 'no answer from --control'
}

reported() { # KEY
	printf '%s\n' "$report" | grep -o "\"$1\":[0-9]*" |
		awk -F: '{ sum += $2 } END { print sum + 0 }'
}
