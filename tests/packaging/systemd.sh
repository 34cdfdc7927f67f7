# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# systemd with the units of the packages, in the host, whose process 1 is another: as the first process of namespaces.
# It has mounts of its own. Who sources this has sourced tap.sh.
manager=

# What is started with systemd, enabled or not.
systemd_wants='dev-gmem.mount gmemfs-pool.service'

at_end() {
	[ -z "$manager" ] || kill -9 "$manager" 2>/dev/null || :
	[ "$tap_finished" = 1 ] || diag "$(tail -n 40 /root/systemd.log)"
	tap_at_exit
}
trap at_end EXIT
trap 'exit 143' TERM

# Only what our units pull in, not all that the host has; and no device is managed.
systemd_prepare() {
	mkdir -p /run/systemd/system
	for unit in systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket \
		systemd-udev-trigger.service systemd-tmpfiles-setup-dev.service systemd-modules-load.service \
		systemd-tmpfiles-setup-dev-early.service systemd-sysctl.service systemd-binfmt.service \
		systemd-remount-fs.service ldconfig.service dev-mqueue.mount dev-hugepages.mount \
		apparmor.service lvm2-monitor.service blk-availability.service; do
		ln -sf /dev/null "/run/systemd/system/$unit"
	done
	cat >/run/systemd/system/gmemfs-test.target <<END
[Unit]
Description=What a boot would do with enabled units
Wants=$systemd_wants
END
}

# In a session of its own, so that no signal of systemd's to its process group is for us.
systemd_start() {
	setsid unshare --fork --kill-child --pid --mount --mount-proc \
		env container=other /usr/lib/systemd/systemd --unit=gmemfs-test.target --log-target=console \
		>/root/systemd.log 2>&1 &
	manager=$!
}

in_systemd() { # COMMAND...
	nsenter --target "$(pgrep --parent "$manager")" --mount --pid -- "$@"
}

unit_state() { # UNIT
	in_systemd systemctl show --property=ActiveState --value "$1"
}

unit_settled() { # UNIT
	case $(unit_state "$1") in
	active | failed | inactive) return 0 ;;
	esac
	return 1
}

is_up() {
	[ "$(unit_state gmemfs-test.target)" = active ]
}

tell_systemd() {
	[ "$tap_last" -eq 0 ] || diag "$(tail -n 40 /root/systemd.log)"
}

# DKMS isn't in the host. This is where it would put the module.
install_module() { # FILE
	module_folder=/lib/modules/$(uname -r)/updates/dkms
	mkdir -p "$module_folder"
	cp "$1" "$module_folder/gmemfs.ko"
	depmod
}
