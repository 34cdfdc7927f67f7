# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
#
# Guests as in ../lib/vm.sh, but under gmemvm. Who sources this has sourced that.
#
#	vmm_load GUARD		the module, mounted; GUARD is on or off
#	vm_start NAME [OPTION...]	options of gmemvm

vmm=/opt/gmemfs/bin/gmemvm
vmm_memory=
vmm_cpus=1
pattern=/opt/gmemfs/tests/vmm/pattern
vm_args='console=ttyS0 quiet panic=-1'

vmm_load() { # GUARD
	insmod /opt/gmemfs/gmemfs.ko "guard=$1"
	mkdir -p /dev/gmem
	mount -t gmemfs gmemfs /dev/gmem
}

# What vm_start runs, in a process of its own.
vm_qemu() { # [OPTION...]
	exec "$vmm" --kernel="$vm_kernel" --initrd="$vm_initrd" \
		--append="$vm_args" --cpus="$vmm_cpus" \
		--memory="size=${vm_mib}M$vmm_memory" "$@"
}
