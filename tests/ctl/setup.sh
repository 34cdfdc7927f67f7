#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# gmemctl setup: its steps, what it writes, and how that is taken back. The host
# has no systemd: a script is mounted over systemctl. It mounts, and fills the
# pool, as the units would. tests/packaging/host.sh has the real one.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/ctl/ctl.sh
. /share/ctl/ctl.sh

mib=$((1024 * 1024))
fake=/run/setup
defaults=/etc/default/gmemfs
qemu=/etc/libvirt/qemu.conf
record=/var/lib/gmemfs/setup
mount=dev-gmem.mount
pool=gmemfs-pool.service

# Its state is in files in $fake: calls has what it was asked, fail what is to fail, said.UNIT
# another answer to is-enabled. dev-gmem.mount has the options that the generator has written.
fake_systemctl() {
	mkdir -p $fake /run/systemd/system
	cat >$fake/systemctl <<'END'
#!/bin/sh
cd /run/setup || exit
echo "$*" >>calls
if grep -q -x -F -e "$*" fail; then
	echo "Job for $2 failed." >&2
	exit 1
fi
generated=/run/systemd/generator/dev-gmem.mount.d/10-default-gmemfs.conf
case "$1 $2" in
is-enabled*)
	cat "said.$2" 2>/dev/null && exit 1
	[ -e "enabled.$2" ] || { echo disabled; exit 1; }
	echo enabled
	;;
'is-active dev-gmem.mount') grep -q '^[^ ]* /dev/gmem ' /proc/mounts ;;
is-active*) [ -e "active.$2" ] ;;
enable*) touch "enabled.$2" ;;
disable*) rm -f "enabled.$2" ;;
daemon-reload*) sh /share/systemd/gmemfs-generator /run/systemd/generator ;;
'start dev-gmem.mount' | 'restart dev-gmem.mount')
	[ "$1" = start ] || umount /dev/gmem || exit
	mount -t gmemfs -o "$(sed -n 's/%%/%/; s/^Options=//p' $generated)" gmemfs /dev/gmem
	;;
'stop dev-gmem.mount') umount /dev/gmem ;;
'start gmemfs-pool.service' | 'restart gmemfs-pool.service')
	/opt/gmemfs/bin/gmemctl reserve "$(sed -n 's/^GMEMFS_POOL=//p' /etc/default/gmemfs)" &&
		touch active.gmemfs-pool.service
	;;
'stop gmemfs-pool.service')
	/opt/gmemfs/bin/gmemctl release && rm -f active.gmemfs-pool.service
	;;
esac
END
	chmod +x $fake/systemctl
	: >$fake/fail
	[ -e /usr/bin/systemctl ] || touch /usr/bin/systemctl
	mount --bind $fake/systemctl /usr/bin/systemctl
}

# As after the installation of the packages.
fresh() {
	! grep -q ' /dev/gmem ' /proc/mounts || umount /dev/gmem
	"$plain" release >/dev/null
	rm -rf "$fake"/enabled.* "$fake"/active.* "$fake"/said.* /run/systemd/generator /var/lib/gmemfs \
		/run/libvirtd.pid /run/libvirt/qemu/*.xml
	mkdir -p /etc/default /etc/libvirt /run/libvirt/qemu
	: >"$fake/fail"
	: >"$fake/calls"
	cp /share/default/gmemfs "$defaults"
	cp "$work/qemu.conf" "$qemu"
	chmod 600 "$qemu"
	chmod 640 "$defaults"
}

is_fresh() { # NAME
	is "$(diff /share/default/gmemfs "$defaults")$(diff "$work/qemu.conf" "$qemu")" '' "$1"
	not_ok '  nor is there a record' test -e /var/lib/gmemfs
	is "$(find "$fake" -name 'enabled.*' -o -name 'active.*')" '' '  and the units are off'
}

# Those that change something.
calls() {
	grep -v '^is-' "$fake/calls" | xargs -r -d '\n' printf '%s|'
}

steps() { # STATE
	printf '%s\n' "$out" | grep -c "^$1  " || :
}

# refused ERE ARGUMENT...: nothing is changed, and one line says why
refused() {
	want=$1
	shift
	ctl setup "$@"
	is "$status$out" 1 "refused: $*"
	like "$err" "$want" '  and why'
	is "$(calls)" '' '  nothing was changed'
	not_ok '  nor written' test -e "$record"
}

wrong() { # ERE ARGUMENT...
	want=$1
	shift
	ctl setup "$@"
	is "$status$out" 2 "wrong usage: $*"
	like "$err" "$want" '  with a hint'
}

size() {
	findmnt -n -o OPTIONS /dev/gmem | tr ',' '\n' | sed -n 's/^size=\([0-9]*\)k$/\1/p'
}

test_wrong() {
	fresh
	for size in lots 0 0% 101% 1000% %5 5%% -1 8X '' 5%5; do
		wrong 'size: must be like 8G, or like 50%' --size="$size"
	done
	for amount in lots 0 50% ''; do
		wrong 'pool: must be like 512M' --pool="$amount"
	done
	wrong 'the host has less memory than 1000T' --pool=1000T
	wrong 'undo takes back all' --undo --size=1G
	wrong 'undo takes back all' --undo --libvirt
	wrong 'too many arguments' --size=1G extra
	is "$(cat "$fake/calls")" '' '  systemctl was not asked'
}

test_refused() {
	fresh
	echo not-found >"$fake/said.$mount"
	refused "$mount isn't installed; .* gmemfs-tools" --size=25%
	echo masked >"$fake/said.$mount"
	refused 'systemctl unmask dev-gmem.mount'
	echo generated >"$fake/said.$mount"
	refused '/etc/fstab'
	rm "$fake/said.$mount"
	mount -t tmpfs none /dev/gmem
	refused 'something else than gmemfs is mounted'
	umount /dev/gmem
	echo 'export GMEMFS_SIZE=1g' >>"$defaults"
	refused 'a line with GMEMFS_SIZE that' --size=25%
	fresh
	ln -s "$defaults.real" "$defaults.link"
	mv "$defaults" "$defaults.real"
	mv "$defaults.link" "$defaults"
	refused 'is a link' --size=25%
	rm "$defaults" "$defaults.real"
	fresh
	rmmod gmemfs
	refused 'neither loaded nor in /lib/modules' --size=25%
	insmod /opt/gmemfs/gmemfs.ko
	mv /run/systemd/system /run/systemd/away
	refused 'mount -t gmemfs -o mode=1770,gid=kvm,size=25% gmemfs /dev/gmem$' --size=25%
	refused 'by hand: /var/lib/gmemfs/setup' --undo
	mv /run/systemd/away /run/systemd/system
	denied=0
	setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$ctl" setup --dry-run >"$work/out" 2>"$work/err" || denied=$?
	is "$denied" 1 'a user may not'
	like "$(cat "$work/err")" 'only root' '  and is told why'
}

test_dry_run() {
	fresh
	ctl setup --size=25% --pool=32M --libvirt --dry-run
	is "$status$err" 0 '--dry-run'
	is "$(steps PLAN)" 8 '  says what it would do'
	like "$out" "^PLAN  write $defaults: GMEMFS_SIZE=25%, GMEMFS_OPTIONS=[^ ]*, GMEMFS_POOL=32M\$" \
		'  with the settings'
	is "$(calls)" '' '  and does nothing'
	is_fresh '  nothing is written'
	json setup --size=25% --dry-run
	ok '  JSON' json_is_valid
	is "$(ask '[d["dry_run"], d["undo"], d["steps"][1]["state"], "ready" in d] == [True, False, "planned", False]')" \
		true '  which says the same'
}

test_setup() {
	fresh
	ctl setup --size=25% --pool=31M
	is "$status$err" 0 'setup'
	is "$(calls)" "daemon-reload|enable $mount|start $mount|enable $pool|start $pool|" \
		'  by these calls, in this order'
	is "$(diff /share/default/gmemfs "$defaults" | sed -n 's/^> //p' | xargs)" \
		'GMEMFS_SIZE=25% GMEMFS_POOL=31M' '  only these lines change'
	is "$(stat -c %a "$defaults")" 640 '  the mode stays'
	is "$(steps PLAN) $(steps DONE)" '7 7' '  it says what it does, and does it'
	quarter=$(($(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 4))
	is "$(($(size) / 10240))" "$((quarter / 10240))" '  the mount has a quarter of the memory'
	is "$(cat /sys/fs/gmemfs/pool/free_bytes)" $((32 * mib)) '  the pool is filled'
	for name in mount size hidden pool; do
		like "$out" "^OK   $name " "  tried: $name"
	done
	like "$out" '^OK   hidden .* page tables$' '  with a proof'
	like "$out" '^4 OK, 0 WARN, 0 FAIL: this host is ready' '  the end'
	is "$(find /dev/gmem -type f)" '' '  no file is left'
}

test_again() {
	: >"$fake/calls"
	cp "$record" "$work/record"
	ctl setup --size=25% --pool=31M
	is "$status$err" 0 'again'
	is "$(steps SKIP) $(steps PLAN) $(calls)" '7 0 ' '  all is so already'
	like "$out" "^SKIP  systemctl enable $mount: it is enabled already" '  which it says'
	ok '  the record stays' cmp "$record" "$work/record"
	json setup
	ok 'JSON' json_is_valid
	is "$(ask 'd["ready"] and {s["state"] for s in d["steps"]} == {"skipped"}')" true '  says the same'
	is "$(ask '" ".join(c["name"] for c in d["checks"])')" 'mount size hidden' '  and what was tried'
	touch -d '+1 minute' "$defaults"
	ctl setup
	is "$status $(calls)" '0 daemon-reload|' 'who has edited the file need not know of daemon-reload'
}

# Guests go on.
test_change() {
	fallocate -l 4M /dev/gmem/guest
	: >"$fake/calls"
	ctl setup --size=64MiB --pool=16M
	is "$status$err" 0 'another size, while a guest runs'
	is "$(calls)" "daemon-reload|restart $pool|" '  is no restart of the mount'
	is "$(size)" 65536 '  it is remounted'
	is "$(stat -c %b /dev/gmem/guest)" 8192 '  the file is still there'
	like "$(cat "$record")" '^GMEMFS_SIZE\.was=50%$' '  the record has the first value'
	ctl setup --size=2M
	is "$status" 1 'a size that is too small for what is there'
	like "$err" 'size of /dev/gmem .*less than the 4096 KiB in use' '  the file system says why'
	like "$err" '^gmemctl: stopped there; .* --undo' '  and how to go on'
	like "$out" '^FAIL  remount /dev/gmem with size=2M' '  with the step that failed'
	like "$out" "^DONE  write $defaults: GMEMFS_SIZE=2M" '  and those that did not'
}

test_undo() {
	: >"$fake/calls"
	refused_undo() { # ERE
		ctl setup --undo
		is "$status$out" 1 'undo is refused'
		like "$err" "$1" '  and why'
		is "$(calls)" '' '  nothing was changed'
	}
	refused_undo "has files, .* 'gmemctl ls' lists them, .* nothing was changed"
	rm /dev/gmem/guest
	# A guest of libvirt has the mount in a namespace of its own, and keeps nothing busy here.
	unshare --mount sh -c '
		exec 3>/dev/gmem/guest
		fallocate -l 2M /dev/gmem/guest
		rm /dev/gmem/guest
		exec sleep 1000' &
	guest=$!
	wait_for has_become "$guest" sleep
	refused_undo "'gmemctl ls' lists them"
	kill "$guest"
	wait "$guest" || :
	ctl setup --undo --dry-run
	is "$status$(calls)" 0 'undo --dry-run changes nothing'
	ctl setup --undo
	is "$status$err" 0 'undo'
	is "$(calls)" "stop $pool|disable $pool|stop $mount|disable $mount|daemon-reload|" '  in reverse order'
	is_fresh '  all is as it was'
	is "$(stat -c %a "$defaults")" 640 '  with the mode'
	not_ok '  nothing is mounted' grep -q ' /dev/gmem ' /proc/mounts
	ctl setup --undo
	is "$status$err" 0 'again'
	like "$out" 'Nothing to undo' '  there is nothing to undo'
}

has_become() { # PID NAME
	[ "$(cat "/proc/$1/comm")" = "$2" ]
}

# What somebody has changed since, or had before, stays.
test_others() {
	fresh
	touch "$fake/enabled.$mount"
	"$fake/systemctl" daemon-reload
	"$fake/systemctl" start "$mount"
	sed -i '/^GMEMFS_POOL=/d' "$defaults"
	cp "$defaults" "$work/defaults"
	ctl setup --size=64M --pool=16M
	is "$status$err" 0 'where somebody has enabled the mount'
	: >"$fake/calls"
	ctl setup --undo
	is "$status$err" 0 'undo'
	is "$(calls)" "stop $pool|disable $pool|daemon-reload|" '  leaves it enabled and mounted'
	ok '  the file is as it was, without a line that it had not' cmp "$defaults" "$work/defaults"
	half=$(($(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 2))
	is "$(($(size) / 10240))" "$((half / 10240))" '  and the mount has the size of before'

	fresh
	ctl setup --size=64M --pool=16M
	is "$status" 0 'where somebody changes it afterwards'
	sed -i 's/^GMEMFS_SIZE=.*/GMEMFS_SIZE=1g/' "$defaults"
	rm "$fake/enabled.$pool"
	ctl setup --undo
	is "$status$err" 0 'undo'
	like "$out" "^SKIP  put back GMEMFS_SIZE in $defaults: somebody has changed it since, to '1g'" '  says so'
	like "$out" "^SKIP  systemctl disable $pool: it is disabled already" '  also of a unit'
	is "$(diff /share/default/gmemfs "$defaults" | sed -n 's/^> //p')" GMEMFS_SIZE=1g '  and leaves it'
}

test_failure() {
	fresh
	echo "start $mount" >"$fake/fail"
	ctl setup --size=25% --pool=16M
	is "$status" 1 'a step that fails'
	like "$err" "^gmemctl: systemctl start $mount: Job for $mount failed" '  with what systemctl says'
	like "$err" '^gmemctl: stopped there; .* --undo' '  and how to go on'
	like "$out" "^FAIL  systemctl start $mount" '  it says which'
	is "$(steps DONE)" 4 '  and what is done'
	is "$(calls)" "daemon-reload|enable $mount|start $mount|" '  and stops there'
	ctl setup --undo
	is "$status$err" 0 '  undo'
	is_fresh '  takes the rest back'
	: >"$fake/fail"
	echo GMEMFS_OPTIONS=direct_map=kept >>"$defaults"
	ctl setup
	is "$status" 1 'a mount that hides nothing is a failure'
	like "$out" '^FAIL hidden ' '  found by a file there'
	like "$out" '1 FAIL: this host is not ready' '  it says so'
}

test_libvirt() {
	fresh
	echo 'memory_backing_dir = "/srv/ram" # mine' >>"$qemu"
	refused 'has memory_backing_dir = "/srv/ram" already' --libvirt
	rm "$qemu"
	refused 'install libvirt-daemon-system' --libvirt
	fresh
	sed -i 's/^GMEMFS_OPTIONS=.*/&,statfs=gmemfs/' "$defaults"
	refused 'libvirt needs statfs=hugetlbfs' --libvirt

	fresh
	"$fake/systemctl" daemon-reload
	"$fake/systemctl" start "$mount"
	fallocate -l 2M /dev/gmem/guest
	: >"$fake/calls"
	refused "can't be mounted anew while it has files" --libvirt
	rm /dev/gmem/guest
	echo 1 >/run/libvirtd.pid
	ctl setup --libvirt
	is "$status$err" 0 '--libvirt'
	is "$(calls)" "daemon-reload|enable $mount|restart $mount|try-restart libvirtd.service|" \
		'  mounts anew, and restarts libvirt, which no domain needs'
	is "$(diff "$work/qemu.conf" "$qemu" | grep '^[<>]')" '> memory_backing_dir = "/dev/gmem"' '  one line of qemu.conf is new'
	is "$(stat -c %a "$qemu")" 600 '  the mode stays'
	like "$(findmnt -n -o OPTIONS /dev/gmem)" statfs=hugetlbfs '  the mount has what libvirt needs'
	like "$out" '^OK   libvirt ' '  it says so'
	echo 1 >/run/libvirtd.pid
	: >"$fake/calls"
	ctl setup --libvirt
	is "$status $(calls)$(steps PLAN)" '0 0' 'again: all is so already'
	touch /run/libvirt/qemu/other.xml
	touch -d '-1 minute' /run/libvirtd.pid
	ctl setup --libvirt
	is "$status $(calls)" '0 ' 'while domains run, libvirt is not restarted'
	like "$out" '^WARN libvirt ' '  which it says'
	ctl setup --undo
	is "$status$err" 0 'undo'
	like "$out" '^SKIP  systemctl try-restart libvirtd.service: domains run' '  does not either'
	is "$(cat "$qemu")" "$(cat "$work/qemu.conf")" '  qemu.conf is as it was'
	is "$(cat "$defaults")" "$(cat /share/default/gmemfs)" '  and the settings'
	fresh
	touch /run/libvirt/qemu/other.xml /run/libvirtd.pid
	ctl setup --libvirt
	is "$status$err" 0 '--libvirt, where nothing is mounted yet'
	ctl setup --undo
	is_fresh '  undo takes back all of it'
	like "$out" '^Until libvirt is restarted' '  and says what libvirt does until it is restarted'
}

test_build() {
	test_wrong
	test_refused
	test_dry_run
	test_setup
	test_again
	test_change
	test_undo
	test_others
	test_failure
	test_libvirt
}

fake_systemctl
if [ -e $qemu ]; then
	cp $qemu "$work/qemu.conf"
else
	printf '%s\n' '# As an example:' '#memory_backing_dir = "/var/lib/libvirt/qemu/ram"' 'user = "root"' >"$work/qemu.conf"
fi
with_sanitizers test_build
done_testing
