# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# For host.t, in the host: systemd mounts gmemfs and reserves memory by the units of the packages. DKMS isn't in
# the host: the module is that of the products, where DKMS would put it.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
defaults=/etc/default/gmemfs
# shellcheck source=tests/packaging/systemd.sh
. /share/packaging/systemd.sh

options() {
	in_systemd findmnt -n -o OPTIONS /dev/gmem
}

# ---- without systemd running ----

ok 'the packages install' dpkg -i /share/deb/gmemfs-tools_0*.deb /share/deb/libgmem0_*.deb /share/deb/gmemvm_*.deb
units=/usr/lib/systemd/system
is "$(systemd-analyze verify --man=no $units/dev-gmem.mount $units/gmemfs-pool.service 2>&1)" '' \
	'systemd finds no fault in the units'
ok 'systemctl enables them' systemctl --root=/ enable dev-gmem.mount gmemfs-pool.service
install_module /opt/gmemfs/gmemfs.ko

# ---- a boot ----

sed -i 's/^GMEMFS_SIZE=.*/GMEMFS_SIZE=25%/; s/^GMEMFS_POOL=.*/GMEMFS_POOL=32M/' $defaults
systemd_prepare
systemd_start
wait_for is_up
wait_for unit_settled dev-gmem.mount
is "$(unit_state dev-gmem.mount)" active 'systemd mounts gmemfs'
tell_systemd
ok '  for which it loaded the module' grep -q '^gmemfs ' /proc/modules
like "$(options)" 'mode=1770' "  with the mode of $defaults"
like "$(options)" "gid=$(getent group kvm | cut -d: -f3)(,|\$)" '  its group'
quarter=$(($(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 4))
is "$(($(in_systemd stat -f -c '%b * %S / 1024' /dev/gmem) / 10240))" "$((quarter / 10240))" '  and its size'
wait_for unit_settled gmemfs-pool.service
is "$(unit_state gmemfs-pool.service)" active 'systemd reserves memory'
tell_systemd
is "$(cat /sys/fs/gmemfs/pool/free_bytes)" $((32 << 20)) "  as much as $defaults says"

in_systemd touch /dev/gmem/root
as() { # GROUP COMMAND...
	group=$1
	shift
	in_systemd setpriv --reuid nobody --regid nogroup --groups "$group" "$@"
}
ok 'a member of the group kvm makes files' as kvm touch /dev/gmem/kvm
not_ok '  but removes none of others' as kvm rm -f /dev/gmem/root
not_ok 'others make none' as nogroup touch /dev/gmem/others
not_ok '  nor see any' as nogroup ls /dev/gmem

# ---- changes ----

ok 'the pool stops' in_systemd systemctl stop gmemfs-pool.service
is "$(cat /sys/fs/gmemfs/pool/low_bytes /sys/fs/gmemfs/pool/free_bytes | xargs)" '0 0' '  and its memory is given back'
sed -i 's/^GMEMFS_SIZE=.*/GMEMFS_SIZE=64m/; s/^GMEMFS_POOL=.*/GMEMFS_POOL=/' $defaults
in_systemd systemctl daemon-reload
ok 'the mount restarts' in_systemd systemctl restart dev-gmem.mount
is "$(in_systemd stat -f -c '%b %S' /dev/gmem | awk '{ print $1 * $2 }')" $((64 << 20)) '  with the size of now'
in_systemd systemctl start gmemfs-pool.service || :
is "$(in_systemd systemctl show --property=ActiveState,Result gmemfs-pool.service | sort | xargs)" \
	'ActiveState=inactive Result=exec-condition' 'without a size for the pool, there is nothing to do, and no failure'
sed -i 's/^GMEMFS_SIZE=.*/GMEMFS_SIZE=64 MB/' $defaults
in_systemd systemctl daemon-reload
not_ok 'a size that is none is a failure' in_systemd systemctl restart dev-gmem.mount
not_ok '  and nothing is mounted' in_systemd findmnt /dev/gmem

# ---- gmemctl setup ----

enabled() { # UNIT
	in_systemd systemctl is-enabled "$1" || :
}

in_systemd systemctl disable --quiet dev-gmem.mount gmemfs-pool.service
sed -i 's/^GMEMFS_SIZE=.*/GMEMFS_SIZE=50%/' $defaults
cp $defaults /root/defaults
ok 'gmemctl sets it up' in_systemd /usr/sbin/gmemctl setup --size=25% --pool=32M
tell_systemd
is "$(unit_state dev-gmem.mount) $(enabled dev-gmem.mount)" 'active enabled' '  the mount is there, and will be'
is "$(unit_state gmemfs-pool.service) $(enabled gmemfs-pool.service)" 'active enabled' '  so is the pool'
is "$(($(in_systemd stat -f -c '%b * %S / 1024' /dev/gmem) / 10240))" "$((quarter / 10240))" '  with the size that was wanted'
ok 'again' in_systemd /usr/sbin/gmemctl setup --size=25% --pool=32M
is "$(printf '%s\n' "$tap_output" | grep -c '^PLAN' || :)" 0 '  there is nothing to do'
ok 'another size' in_systemd /usr/sbin/gmemctl setup --size=64M
is "$(in_systemd stat -f -c '%b %S' /dev/gmem | awk '{ print $1 * $2 }')" $((64 << 20)) '  is there at once'
ok 'gmemctl takes it back' in_systemd /usr/sbin/gmemctl setup --undo
is "$(unit_state dev-gmem.mount) $(enabled dev-gmem.mount)" 'inactive disabled' '  the mount'
is "$(unit_state gmemfs-pool.service) $(enabled gmemfs-pool.service)" 'inactive disabled' '  the pool'
ok '  and the settings' cmp $defaults /root/defaults
done_testing
