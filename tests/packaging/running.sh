# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# For running.t, in the host: an upgrade under a guest, which goes on, on the module that is loaded. The kernel can't
# exchange a module that is in use, so the new one is loaded when the old one can go. The same on the way back, and for
# a removal.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh
# shellcheck source=tests/packaging/systemd.sh
. /share/packaging/systemd.sh

work=/run/upgrade
mkdir -p "$work"
old=$(sed -n 's/^Version: *//p' /share/released/META)
new=$(modinfo -F version /opt/gmemfs/gmemfs.ko)
guests=0

# QEMU and gmeminfo are where systemd has mounted gmemfs, and where gmemctl sees their processes.
# shellcheck disable=SC2317 # vm.sh calls them
vm_qemu() { # [ARGUMENT...]
	exec nsenter --target "$(pgrep --parent "$manager")" --mount --pid -- \
		qemu-system-x86_64 -accel kvm -machine q35,memory-backend=m \
		-cpu host -m "$vm_mib" -nodefaults -nographic -no-reboot -kernel "$vm_kernel" \
		-initrd "$vm_initrd" -append "$vm_args" -serial stdio \
		-qmp "unix:$vm_base.qmp,server=on,wait=off" "$@"
}

# shellcheck disable=SC2317
gmeminfo() { # FILE
	in_systemd /opt/gmemfs/bin/gmeminfo "$1"
}

gmemctl() { # ARGUMENT...
	in_systemd /usr/sbin/gmemctl "$@"
}

loaded() {
	cat /sys/module/gmemfs/version 2>/dev/null || echo none
}

# The packages of a folder that a host with guests has, and the module, as DKMS would.
packages() { # FOLDER MODULE
	in_systemd dpkg --force-downgrade --install "$1"/gmemfs-tools_*.deb "$1"/libgmem0_*.deb "$1"/gmemvm_*.deb &&
		install_module "$2"
}

begin_guest() {
	guests=$((guests + 1))
	guest=guest$guests
	vm_start "$guest" -object "$(vm_memory "/dev/gmem/$guest")"
	vm_up "$guest"
	vm_tell "$guest" keep 64
}

# What a guest's owner sees of a step: nothing.
guest_goes_on() {
	vm_tell "$guest" check
	is "$line" 'intact pages=16384' '  the guest goes on, and its memory is intact'
	info "/dev/gmem/$guest"
	is $((hidden + lent)) "$populated" '  all of it is hidden but what is lent'
	is "$(unit_state dev-gmem.mount)" active '  systemd has the mount'
	ok '  gmemctl finds all hidden that should be' gmemctl verify --all
}

end_guest() {
	vm_off "$guest"
	in_systemd rm -f "/dev/gmem/$guest"
	is "$(settled hidden_bytes)" 0 "the guest's memory is given back"
}

# As docs/install.md has it, while no guest runs.
load_installed() {
	in_systemd systemctl stop dev-gmem.mount gmemfs-pool.service
	modprobe -r gmemfs
	in_systemd systemctl start dev-gmem.mount
}

says_other_version() { # LOADED INSTALLED
	gmemctl check >"$work/check" || :
	like "$(cat "$work/check")" "^WARN version +gmemfs $1 is loaded, and $2 is installed" '  gmemctl check says so'
}

# ---- the earlier version ----

systemd_prepare
systemd_start
wait_for is_up
ok "the packages of $old install" packages /share/released /share/released/gmemfs.ko
[ "$tap_last" -eq 0 ] || bail_out 'there is nothing to upgrade'
cp /etc/default/gmemfs "$work/defaults"
ok '  gmemctl sets them up' gmemctl setup --size=25%
[ "$tap_last" -eq 0 ] || bail_out 'nothing is mounted'
is "$(loaded)" "$old" '  that module is loaded'
begin_guest

# ---- an upgrade ----

ok "the packages of $new are installed over them" packages /share/deb /opt/gmemfs/gmemfs.ko
is "$(modinfo -F version gmemfs)" "$new" '  and the module, for the next time'
is "$(loaded)" "$old" "  but the one of $old is loaded"
not_ok '  and stays, as it is in use' modprobe -r gmemfs
guest_goes_on
says_other_version "$old" "$new"
ok '  the size can be changed' gmemctl setup --size=30%
guest_goes_on
end_guest
ok 'without guests, the new one is loaded' load_installed
is "$(loaded)" "$new" '  it is'
begin_guest
guest_goes_on
gmemctl check >"$work/check" || :
not_ok '  gmemctl check has nothing to say of versions' grep -q ' version ' "$work/check"

# ---- and back ----

ok "the packages of $old are installed over those of $new" packages /share/released /share/released/gmemfs.ko
is "$(loaded)" "$new" "  the module of $new is still loaded"
guest_goes_on
end_guest
ok 'without guests, the old one is loaded' load_installed
is "$(loaded)" "$old" '  it is'
begin_guest
guest_goes_on

# ---- a removal, and an installation, under a guest ----

ok 'the packages are removed' in_systemd dpkg --remove gmemfs-tools gmemvm libgmem0
rm "/lib/modules/$(uname -r)/updates/dkms/gmemfs.ko"
depmod
is "$(loaded)" "$old" '  the module is loaded'
vm_tell "$guest" check
is "$line" 'intact pages=16384' '  the guest goes on, and its memory is intact'
info "/dev/gmem/$guest"
is $((hidden + lent)) "$populated" '  all of it is hidden but what is lent'
ok 'they are installed again' packages /share/deb /opt/gmemfs/gmemfs.ko
guest_goes_on
says_other_version "$old" "$new"
not_ok '  what setup has changed stays, while a guest has its memory there' gmemctl setup --undo
guest_goes_on
end_guest
ok '  and can be taken back when it is gone' gmemctl setup --undo
ok '  the settings, too' cmp /etc/default/gmemfs "$work/defaults"
ok 'the packages are purged' in_systemd dpkg --purge gmemfs-tools gmemvm libgmem0
not_ok '  with the settings' test -e /etc/default/gmemfs
ok '  the module that is loaded can go' rmmod gmemfs
done_testing
