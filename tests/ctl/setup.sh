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

# Its state is in files in $fake: calls has what it was asked, fail what is to fail, late what is to
# fail when it is done, hold what is to wait; said.UNIT has another answer to is-enabled, and state.UNIT
# to is-active. dev-gmem.mount has the options that the generator has written.
fake_systemctl() {
	mkdir -p $fake /run/systemd/system
	cat >$fake/systemctl <<'END'
#!/bin/sh
cd /run/setup || exit
call=$*
# Does this file have the call as a line? Most files are empty, and no program is started for them.
has() { # FILE
	[ -s "$1" ] && grep -q -x -F -e "$call" "$1"
}
echo "$call" >>calls
while has hold; do
	sleep 0.1
done
if has fail; then
	echo "Job for $2 failed." >&2
	exit 1
fi
generated=/run/systemd/generator/dev-gmem.mount.d/10-default-gmemfs.conf
case "$1 $2" in
is-enabled*)
	[ ! -e "said.$2" ] || { cat "said.$2"; exit 1; }
	[ -e "enabled.$2" ] || { echo disabled; exit 1; }
	echo enabled
	;;
is-active*) [ ! -e "state.$2" ] || { cat "state.$2"; exit 3; } ;;
esac
case "$1 $2" in
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
	# No ExecStop= of a service that has not been started to the end.
	if [ -e state.gmemfs-pool.service ]; then
		rm state.gmemfs-pool.service
	else
		/opt/gmemfs/bin/gmemctl release && rm -f active.gmemfs-pool.service
	fi
	;;
'try-restart libvirtd.service')
	echo 1 >/run/libvirtd.pid
	! grep -q ' /dev/gmem ' /proc/mounts || mkdir -p /dev/gmem/libvirt/qemu
	;;
esac || exit
if has late; then
	rm -f "active.$2"
	exit 1
fi
END
	chmod +x $fake/systemctl
	: >$fake/fail
	: >$fake/late
	: >$fake/hold
	[ -e /usr/bin/systemctl ] || touch /usr/bin/systemctl
	mount --bind $fake/systemctl /usr/bin/systemctl
}

# As after the installation of the packages.
fresh() {
	! grep -q ' /dev/gmem ' /proc/mounts || umount /dev/gmem
	"$plain" release >/dev/null
	rm -rf "$fake"/enabled.* "$fake"/active.* "$fake"/said.* "$fake"/state.* \
		/run/systemd/generator /var/lib/gmemfs \
		/run/libvirtd.pid /run/libvirt/qemu/*.xml /etc/systemd/system/*.service.d/gmemfs.conf
	mkdir -p /etc/default /etc/libvirt /run/libvirt/qemu /etc/systemd/system
	: >"$fake/fail"
	: >"$fake/late"
	: >"$fake/hold"
	: >"$fake/calls"
	cp /share/default/gmemfs "$defaults"
	cp "$work/qemu.conf" "$qemu"
	chmod 600 "$qemu"
	chmod 640 "$defaults"
}

low() {
	cat /sys/fs/gmemfs/pool/low_bytes
}

# The drop-ins by which libvirt's daemons wait for the mount.
waits() {
	find /etc/systemd/system -path '*.service.d/gmemfs.conf'
}

is_fresh() { # NAME
	is "$(diff /share/default/gmemfs "$defaults")$(diff "$work/qemu.conf" "$qemu")" '' "$1"
	not_ok '  nor is there a record' test -e /var/lib/gmemfs
	is "$(find "$fake" -name 'enabled.*' -o -name 'active.*')" '' '  and the units are off'
	is "$(waits)$(low)" 0 '  nothing waits for the mount, and no pool is wanted'
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
	is "$(steps PLAN)" 12 '  says what it would do'
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
	is "$(calls)" "daemon-reload|enable $mount|restart $mount|daemon-reload|try-restart libvirtd.service|" \
		'  mounts anew, and restarts libvirt, which no domain needs'
	is "$(diff "$work/qemu.conf" "$qemu" | grep '^[<>]')" '> memory_backing_dir = "/dev/gmem"' '  one line of qemu.conf is new'
	is "$(stat -c %a "$qemu")" 600 '  the mode stays'
	like "$(findmnt -n -o OPTIONS /dev/gmem)" statfs=hugetlbfs '  the mount has what libvirt needs'
	like "$out" '^OK   libvirt ' '  it says so'
	is "$(stat -c '%U %a' /dev/gmem /dev/gmem/libvirt | xargs)" 'root 750 root 755' \
		'  only root could make a folder before libvirt does'
	is "$(waits | xargs grep -h '^Req')" "$(printf '%s\n' RequiresMountsFor=/dev/gmem RequiresMountsFor=/dev/gmem)" \
		'  which is not started at boot without the mount'
	is "$(waits | xargs grep -h -c '^AssertPathIsMountPoint=/dev/gmem$' | xargs)" '1 1' \
		'  nor if the unit of the mount is gone'
	echo 1 >/run/libvirtd.pid
	: >"$fake/calls"
	ctl setup --libvirt
	is "$status $(calls)$(steps PLAN)" '0 0' 'again: all is so already'
	touch /run/libvirt/qemu/other.xml
	touch "$qemu"
	ctl setup --libvirt
	is "$status $(calls)" '0 ' 'while domains run, libvirt is not restarted'
	like "$out" '^WARN libvirt ' '  which it says'
	ctl setup --undo
	is "$status$err" 0 'undo'
	like "$out" '^SKIP  systemctl try-restart libvirtd.service: domains run' '  does not either'
	is "$(cat "$qemu")" "$(cat "$work/qemu.conf")" '  qemu.conf is as it was'
	is "$(cat "$defaults")" "$(cat /share/default/gmemfs)" '  and the settings'
	is "$(waits)" '' '  and libvirt waits for nothing'
	like "$out" '^SKIP  take the other options from /dev/gmem: .* restart dev-gmem.mount' '  it says what the mount keeps'
	fresh
	touch /run/libvirt/qemu/other.xml /run/libvirtd.pid
	ctl setup --libvirt
	is "$status$err" 0 '--libvirt, where nothing is mounted yet'
	ctl setup --undo
	is_fresh '  undo takes back all of it'
	like "$out" '^Until libvirt is restarted' '  and says what libvirt does until it is restarted'
}

test_libvirt_order() {
	fresh
	printf '%s\n' 'memory_backing_dir = "/srv/ram"' 'memory_backing_dir = "/dev/gmem"' >>"$qemu"
	refused 'has memory_backing_dir = "/srv/ram" already' --libvirt
	fresh
	echo 1 >/run/libvirtd.pid
	ctl setup --libvirt
	is "$status$err" 0 '--libvirt'
	umount /dev/gmem
	echo 1 >/run/libvirtd.pid
	: >"$fake/calls"
	ctl setup --libvirt
	is "$status $(calls)" "0 start $mount|try-restart libvirtd.service|" 'libvirt is restarted for a new mount, too'
	rmdir /dev/gmem/libvirt/qemu /dev/gmem/libvirt
	mkdir -m 700 /dev/gmem/libvirt
	chown 65534 /dev/gmem/libvirt
	: >"$fake/calls"
	ctl setup --libvirt
	is "$status$(calls)" 1 'but not for a folder that another user has made'
	like "$err" "/dev/gmem/libvirt isn't a folder of root's" '  as it says'
	rmdir /dev/gmem/libvirt
	echo '# mine' >>/etc/systemd/system/libvirtd.service.d/gmemfs.conf
	ctl setup --undo
	is "$status$err" 0 'undo'
	is "$(waits)" /etc/systemd/system/libvirtd.service.d/gmemfs.conf '  leaves a drop-in that somebody has changed'
}

# Such a mount would fail at the next boot, by the generator.
test_strange() {
	strange() { # LINE ERE
		fresh
		printf '%s\n' "$1" >>"$defaults"
		refused "$2"
	}
	strange 'GMEMFS_SIZE=50% ' 'GMEMFS_SIZE=50% , which is no size'
	strange GMEMFS_SIZE=8GiB 'GMEMFS_SIZE=8GiB, which is no size'
	strange 'GMEMFS_OPTIONS=mode=1770 # mine' 'a character that .* in options'
	fresh
	sed -i "s/\$/$(printf '\r')/" "$defaults"
	refused 'which is no size' --libvirt
	refused 'a character that .* in options' --libvirt --size=50%
	fresh
	echo 'GMEMFS_SIZE=8 GiB' >>"$defaults"
	cp "$defaults" "$work/defaults"
	ctl setup --size=25%
	is "$status$err" 0 'but setup may replace such a line'
	ctl setup --undo
	is "$status$err" 0 '  and undo'
	ok '  brings it back' cmp "$defaults" "$work/defaults"
}

# systemd doesn't run ExecStop= then.
test_pool_stays() {
	for state in failed activating; do
		fresh
		echo "start $pool" >"$fake/late"
		ctl setup --size=64M --pool=16M
		is "$status $(low)" "1 $((16 * mib))" "a pool whose service is $state"
		echo "$state" >"$fake/state.$pool"
		ctl setup --undo
		is "$status$err" 0 '  undo'
		rm -f "$fake/state.$pool"
		is_fresh '  gives its memory back'
	done
	fresh
	echo "start $pool" >"$fake/late"
	ctl setup --size=64M --pool=16M
	echo activating >"$fake/state.$pool"
	: >"$fake/calls"
	ctl setup --pool=32M
	is "$status $(calls)" "0 daemon-reload|restart $pool|" 'another size does not wait for a job that fills the pool'
	fresh
	ctl setup --size=16M --pool=32M
	is "$status" 0 'a pool that is larger than the mount'
	like "$out" '^WARN pool .* more than' '  is worth a warning'
}

# What has failed is tried again.
test_repair() {
	fresh
	sed -i 's/^GMEMFS_SIZE=.*/GMEMFS_SIZE=4m/' "$defaults"
	touch "$fake/enabled.$mount"
	"$fake/systemctl" daemon-reload
	"$fake/systemctl" start "$mount"
	ctl setup --size=64M
	is "$status$err" 0 'where there is a mount already'
	fallocate -l 16M /dev/gmem/guest
	for again in '' ', and again'; do
		ctl setup --undo
		is "$status" 1 "undo, while the guests have more than there was$again"
		like "$out" '^FAIL  remount /dev/gmem with size=4m' '  fails there'
	done
	rm /dev/gmem/guest
	ctl setup --undo
	is "$status$err $(size)" '0 4096' '  then it is done'
	not_ok '  and forgotten' test -e "$record"

	again_after() { # CALL
		echo "$1" >"$fake/fail"
		ctl setup --undo
		is "$status" 1 "undo, where it fails: $1"
		: >"$fake/fail"
		: >"$fake/calls"
		ctl setup --undo
		is "$status$err" 0 '  undo again'
		like "$(cat "$fake/calls")" "^$1" '  does that'
		is_fresh '  and the rest'
	}
	fresh
	ctl setup --size=25%
	again_after daemon-reload
	fresh
	echo 1 >/run/libvirtd.pid
	ctl setup --libvirt
	again_after 'try-restart libvirtd.service'
}

test_meanwhile() {
	fresh
	echo "start $mount" >"$fake/hold"
	"$ctl" setup --libvirt >"$work/held" 2>&1 &
	held=$!
	wait_for grep -q -x "start $mount" "$fake/calls"
	ctl setup --size=25%
	is "$status$out" 1 'two at once: the second one is refused'
	like "$err" "another 'gmemctl setup' runs" '  and why'
	ctl setup --size=25% --dry-run
	is "$status$err" 0 '  but not --dry-run'
	echo '# mine' >>"$qemu"
	: >"$fake/hold"
	status=0
	wait "$held" || status=$?
	is "$status" 1 'somebody writes a file while setup runs: a failure'
	like "$(cat "$work/held")" "$qemu was changed meanwhile" '  which says so'
	is "$(diff "$work/qemu.conf" "$qemu" | grep '^[<>]')" '> # mine' '  and leaves it'
	ctl setup --libvirt
	is "$status$err" 0 'again'
	ctl setup --undo
	is "$(diff "$work/qemu.conf" "$qemu" | grep '^[<>]')" '> # mine' '  undo leaves that, too'
}

# As if it was killed between the record and the file.
killed_at_file() { # ARGUMENT...
	mount --bind "${defaults%/*}" "${defaults%/*}"
	mount -o remount,bind,ro "${defaults%/*}"
	ctl setup "$@"
	umount "${defaults%/*}"
	is "$status" 1 "a file can't be written, but the record: $*"
}

test_killed() {
	fresh
	killed_at_file --size=25%
	ctl setup --undo
	is "$status$err" 0 'undo'
	is_fresh '  has nothing to take back'
	ctl setup --size=25%
	killed_at_file --size=30%
	killed_at_file --size=35%
	ctl setup --undo
	is "$status$err" 0 'undo after another one'
	is_fresh '  takes back the first'
	ctl setup --size=25%
	killed_at_file --size=30%
	ctl setup --size=40%
	is "$status$err" 0 'and again'
	touch /var/lib/gmemfs/.gmemctl-0123456789abcdef
	ctl setup --undo
	is_fresh '  undo still finds the first, and removes an unfinished file'
	: >"$fake/calls"
	"$ctl" setup --size=25% 2>"$work/err" | :
	is "$(calls | grep -o "start $mount")" "start $mount" 'it goes on if nobody reads what it prints'
}

# Where the host isn't as after the installation.
test_hosts() {
	fresh
	echo masked >"$fake/said.$pool"
	refused "systemctl unmask $pool" --pool=16M
	ctl setup --size=64M
	is "$status$err" 0 'a pool that is masked concerns who wants one'
	mkdir -p "$work/elsewhere"
	mount --bind /dev/gmem "$work/elsewhere"
	mount -t tmpfs none /dev/gmem
	: >"$fake/calls"
	ctl setup --undo
	is "$status$(calls)" 1 'undo, while something covers the mount'
	like "$err" 'something else covers it' '  is refused'
	umount /dev/gmem
	umount "$work/elsewhere"
	ctl setup --undo
	is "$status$err" 0 '  and not afterwards'
	is_fresh '  with all that setup has done'

	fresh
	chgrp 4 "$defaults"
	umask 0
	ctl setup --size=64M
	umask 022
	is "$(stat -c '%g %a' "$defaults" "$record" | xargs)" '4 640 0 644' 'group and mode stay, whatever the umask is'
	cp -p "$defaults" "$defaults.old"
	touch -d '2020-01-01' "$defaults.old"
	mv "$defaults.old" "$defaults"
	: >"$fake/calls"
	ctl setup
	is "$status $(calls)" '0 daemon-reload|' 'a file that comes with an old date is new to systemd'

	fresh
	sed -i 's/^GMEMFS_SIZE=.*/GMEMFS_SIZE=/; s/^GMEMFS_OPTIONS=.*/&,size=10m/' "$defaults"
	ctl setup
	ctl setup
	is "$status$err $(size)" '0 10240' 'a size among the options is one'
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
	test_libvirt_order
	test_strange
	test_pool_stays
	test_repair
	test_meanwhile
	test_killed
	test_hosts
}

fake_systemctl
if [ -e $qemu ]; then
	cp $qemu "$work/qemu.conf"
else
	printf '%s\n' '# As an example:' '#memory_backing_dir = "/var/lib/libvirt/qemu/ram"' 'user = "root"' >"$work/qemu.conf"
fi
with_sanitizers test_build
done_testing
