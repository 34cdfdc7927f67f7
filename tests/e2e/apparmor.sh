#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A domain of libvirt on /dev/gmem, as "gmemctl setup --libvirt" mounts it, while AppArmor enforces the profiles that
# libvirt brings: started, saved and restored, reverted to a snapshot, and given more memory. No rule of ours is there:
# libvirt itself allows each domain the folder of its own memory, and nothing of others.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh
# shellcheck source=tests/lib/domain.sh
. /share/lib/domain.sh

work=/run/lv
mount=/dev/gmem
mib=$((1024 * 1024))
profiles=/sys/kernel/security/apparmor/profiles
image=/var/lib/libvirt/images/lv.qcow2
mkdir -p "$work"

[ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ] || skip_all 'this kernel has no AppArmor'
command -v apparmor_parser >/dev/null || skip_all 'this host has no apparmor_parser'

# What systemd's apparmor.service does, for these two.
load_profiles() {
	apparmor_parser --replace /etc/apparmor.d/usr.sbin.libvirtd /etc/apparmor.d/usr.lib.libvirt.virt-aa-helper
}

# As QEMU's user, and confined as the domain is. The profile lets QEMU run dd.
reads() { # FILE
	setpriv --reuid libvirt-qemu --regid kvm --clear-groups \
		dd "if=$1" of=/dev/null bs=4096 count=1
}

confined_reads() { # FILE
	setpriv --reuid libvirt-qemu --regid kvm --clear-groups \
		aa-exec --profile="$profile" -- dd "if=$1" of=/dev/null bs=4096 count=1
}

hidden_and_intact() { # PAGES
	vm_tell lv check
	is "$line" "intact pages=$1" '  its memory is intact'
	info "$(domain_file)"
	is $((hidden + lent)) "$populated" '  and hidden, but for what is lent'
	ok "  $((hidden / mib)) MiB of it" test "$hidden" -gt $(($1 * 4096))
}

is_enforced() {
	is "$(cat "/proc/$(vm_pid lv)/attr/current")" "$profile (enforce)" '  confined by the profile of the domain'
}

insmod /opt/gmemfs/gmemfs.ko
mount -t gmemfs -o mode=750,gid=kvm,statfs=hugetlbfs gmemfs "$mount"
mkdir -p "$mount/libvirt"
remember_host
ok 'AppArmor takes the profiles of libvirt' load_profiles
start_libvirt
like "$(cat "$profiles")" '^libvirtd \(enforce\)$' '  and enforces them'
is "$(cat "/proc/$(cat /run/libvirtd.pid)/attr/current")" 'libvirtd (enforce)' '  also for the libvirtd that runs'
like "$(virsh capabilities)" '<model>apparmor</model>' '  which confines domains by it'

qemu-img create -q -f qcow2 "$image" 1G
domain_memory="<maxMemory slots='2' unit='MiB'>1024</maxMemory>"
domain_cpu="<numa><cell id='0' cpus='0' memory='$vm_mib' unit='MiB'/></numa>"
domain_devices="<disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='writeback' io='threads'/>
      <source file='$image'/>
      <target dev='vda' bus='virtio'/>
    </disk>"
domain >"$work/lv.xml"
ok 'libvirt takes the definition' virsh define "$work/lv.xml"
profile=libvirt-$(virsh domuuid lv | xargs)

# ---- its life ----

# As devtmpfs has it: the test host has a link to pts/ptmx, for which libvirt's profiles have no rule.
rm /dev/ptmx
mknod -m 666 /dev/ptmx c 5 2
start_domain
file=$(domain_file)
like "$file" "^$mount/libvirt/qemu/[0-9]*-lv/" "  its memory is $file"
is_enforced
like "$(cat "/etc/apparmor.d/libvirt/$profile.files")" "\"$(dirname "$file")/\{,\*\*\}\" rwk" \
	"  which has a rule for its memory, of libvirt's making"
vm_tell lv keep 16
hidden_and_intact 4096

# ---- what the rule keeps it from ----

other=$mount/libvirt/qemu/other
mkdir "$other"
echo secret >"$other/ram-node0"
chown -R libvirt-qemu:kvm "$other"
chmod 700 "$other"
ok "QEMU's user can read the memory of another domain" reads "$other/ram-node0"
ok "  and under the profile, that of this one" confined_reads "$file"
not_ok '  but not that of the other one' confined_reads "$other/ram-node0"
like "$tap_output" 'Permission denied' '  as it has no right to'
rm -r "$other"

# ---- managed save ----

ok 'virsh managedsave' virsh managedsave lv
domain_off saved
ok '  virsh start goes on from there' virsh start lv --paused
follow_domain
ok '  virsh resume' virsh resume lv
is_enforced
hidden_and_intact 4096

# ---- snapshot ----

ok 'virsh snapshot-create-as' virsh snapshot-create-as lv one
vm_tell lv keep 8
hidden_and_intact 6144
ok '  virsh snapshot-revert' virsh snapshot-revert lv one --paused
follow_domain
ok '  virsh resume' virsh resume lv
is_enforced
hidden_and_intact 4096
ok '  virsh snapshot-delete' virsh snapshot-delete lv one

# ---- more memory ----

vm_tell lv memory
before=$(field total_kib)
cat >"$work/dimm.xml" <<END
<memory model='dimm'><target><size unit='MiB'>128</size><node>0</node></target></memory>
END
ok 'virsh attach-device: 128 MiB more' virsh attach-device lv "$work/dimm.xml" --live
for _ in $(seq 60); do
	vm_tell lv memory
	[ "$(field total_kib)" -lt $((before + 120 * 1024)) ] || break
	sleep 1
done
ok '  the guest has it' test "$(field total_kib)" -ge $((before + 120 * 1024))
# More than there was before: some of it is in there.
vm_tell lv keep $((before / 1024))
dimm=$(find "$mount/libvirt" -name dimm0)
like "$dimm" "^$mount/libvirt/qemu/[0-9]*-lv/dimm0$" "  it is $dimm"
info "$dimm"
ok "  and the guest uses it: $((populated / mib)) MiB" test "$populated" -ge $((16 * mib))
is $((hidden + lent)) "$populated" '  it is hidden, but for what is lent'
vm_tell lv off
domain_off 'powered off by the guest'

is "$(dmesg | grep -c "apparmor=\"DENIED\".*profile=\"$profile\".*$mount/libvirt/qemu/[0-9]*-lv")" 0 \
	'AppArmor has refused the domain nothing of its own memory'
ok 'virsh undefine' virsh undefine lv --managed-save --snapshots-metadata
stop_libvirt
host_is_back
done_testing
