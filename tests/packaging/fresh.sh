# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# For fresh.t, in the host, over whose root what apt and DKMS have made is laid. What of ours is in /opt is not used,
# but for the guest's init.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh
# shellcheck source=tests/lib/domain.sh
. /share/lib/domain.sh
# shellcheck source=tests/packaging/systemd.sh
. /share/packaging/systemd.sh

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
unset LD_LIBRARY_PATH
work=/run/fresh
mount=/dev/gmem
mkdir -p "$work"

# ---- all of these run where systemd has mounted gmemfs ----

virsh() {
	in_systemd /usr/bin/virsh "$@"
}

virtlogd() {
	in_systemd /usr/sbin/virtlogd "$@"
}

libvirtd() {
	in_systemd /usr/sbin/libvirtd "$@"
}

gmemctl() {
	in_systemd /usr/sbin/gmemctl "$@"
}

# Processes have other numbers there.
vm_lives() { # NAME
	in_systemd grep -q '^State:[[:space:]]*[^Z[:space:]]' "/proc/$(vm_pid "$1")/status" 2>/dev/null
}

vm_kill_all() {
	:
}

shown() { # COMMAND...: with its output, as the README shows it
	ok "$*" "$@"
	diag "$tap_output"
}

is_shut_off() {
	[ "$(virsh domstate lv)" = 'shut off' ]
}

# ---- what apt has done ----

tar -x -f /share/layer/layer.tar -C /
depmod
ok 'gmemctl is there' test -x /usr/sbin/gmemctl
is "$(modinfo -n gmemfs | grep -c /updates/dkms/)" 1 'the module is that which DKMS has built'
not_ok '  and is not loaded' grep -q '^gmemfs ' /proc/modules

# ---- gmemctl setup ----

systemd_wants=
systemd_prepare
systemd_start
wait_for is_up
is "$(unit_state dev-gmem.mount)" inactive 'nothing is mounted'
shown gmemctl setup --libvirt
tell_systemd
like "$tap_output" 'this host is ready' '  it says that the host is ready'
ok '  the module is loaded' grep -q '^gmemfs ' /proc/modules
is "$(unit_state dev-gmem.mount)" active '  gmemfs is mounted'

# ---- virsh start ----

start_libvirt
domain >"$work/lv.xml"
ok 'virsh define' virsh define "$work/lv.xml"
start_domain
vm_tell lv keep 64
vm_tell lv check
is "$line" 'intact pages=16384' '  it runs'
shown gmemctl ls
like "$tap_output" '/dev/gmem/libvirt/qemu/[0-9]*-lv/pc\.ram' '  its memory is in gmemfs'
shown gmemctl verify --all
ok '  more than 64 MiB of it' test "$(sysfs hidden_bytes)" -gt $((64 << 20))
vm_tell lv off
wait_for is_shut_off
is "$(settled hidden_bytes)" 0 'nothing is hidden when it is off'
done_testing
