#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# How gmemvm is called: help, wrong usage, what can't be done. Each time one line
# that says what to do. With ASan and UBSan.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/vmm/vmm.sh
. /share/vmm/vmm.sh

vmm=/opt/gmemfs/tests/vmm/gmemvm
man=/share/man/gmemvm.1
work=/run/vmm
kernel=$(echo /boot/vmlinuz-*-cloud-amd64)
mkdir -p "$work"
# A run looks for leaks if it executes code that no run before it has executed: see tests/lib/leaks.c.
export ASAN_OPTIONS=exitcode=99:leak_check_at_exit=0 UBSAN_OPTIONS=print_stacktrace=1:exitcode=99
export LEAKS_SEEN=$work/leaks-seen
truncate -s 1M "$LEAKS_SEEN"
chmod 666 "$LEAKS_SEEN"

run() { # ARGUMENT...
	status=0
	"$vmm" "$@" </dev/null >"$work/out" 2>"$work/err" || status=$?
	err=$(cat "$work/err")
}

# refused STATUS ERE ARGUMENT...
refused() {
	want_status=$1
	want=$2
	shift 2
	run "$@"
	is "$status" "$want_status" "gmemvm $*: status $want_status"
	is "$(wc -l <"$work/err") $(wc -c <"$work/out")" '1 0' \
		'  one line, nothing on stdout'
	like "$err" "^gmemvm: .*$want" '  which says why'
}

wrong() { # ERE ARGUMENT...
	want=$1
	shift
	refused 2 "$want.*--help" "$@"
}

test_wrong() {
	wrong 'kernel=FILE is needed'
	wrong 'restore=FILE and --memory=template=FILE are needed both' --restore=x
	wrong 'restore=FILE and --memory=template=FILE are needed both' --kernel=x \
		--memory=template=x
	for option in kernel initrd append; do
		wrong 'restore excludes' --restore=x --memory=template=x --$option=x
	done
	wrong 'snapshot needs --control' --kernel=x --memory=file=x --snapshot=x
	wrong 'snapshot needs --control' --kernel=x --control=x --snapshot=x
	for key in file template; do
		wrong 'work only with backend=gmemfs' --restore=x \
			--memory=template=x,$key=x,backend=memfd
	done
	wrong 'file and directory exclude each other' --kernel=x --memory=file=x,directory=x
	wrong '--kernel needs an argument' --kernel
	wrong 'unknown option --kernle=x' --kernle=x
	wrong "unexpected argument 'vmlinuz'" --kernel=x vmlinuz
	for cpus in 0 9 x 1x -1 ''; do
		wrong '1 to 8' --kernel=x --cpus=$cpus
	done
	for size in 0 1 63M 65M1 1000000T 18446744073709551616 '' 513K x; do
		wrong 'size must be' --kernel=x --memory=size=$size
	done
	wrong 'backend must be gmemfs, ' --kernel=x --memory=backend=shmem
	wrong 'protect must be hidden, ' --kernel=x --memory=protect=hidden+all
	wrong 'protect must be hidden, ' --kernel=x --memory=protect=
	# All of it is looked at: the first 63 characters are in order.
	eight=windows+windows+windows+windows+windows+windows+windows+windows
	wrong "not 'all'" --kernel=x --memory=protect=$eight+all
	wrong "not ''" --kernel=x --memory=protect=$eight+
	long=$(head -c 5000 /dev/zero | tr '\0' x)
	for option in sandbox=L cpus=L memory=L=1 memory=size=L memory=backend=L \
		memory=protect=L memory=by-file=L memory=shared-io=L disk=L=1 \
		disk=path=x,direct=L net=mac=L net=fd=L net=vhost=L x=L; do
		wrong '.' --kernel=x "--${option%%L*}$long${option#*L}"
	done
	wrong "KEY=VALUE,... and not 'huge'" --kernel=x --memory=huge
	wrong "no 'colour'" --kernel=x --memory=size=1G,colour=red
	wrong 'by-file=on works only with --sandbox=off' --kernel=x --memory=by-file=on
	wrong 'by-file must be on or off' --kernel=x --memory=by-file=1
	wrong 'platform must be on or off' --kernel=x --disk=path=x,platform=
	wrong 'only with backend=gmemfs' --kernel=x --memory=backend=memfd,directory=/x
	wrong 'path=FILE' --kernel=x --disk=readonly=on
	wrong 'readonly must be on or off' --kernel=x --disk=path=x,readonly=yes
	wrong 'direct must be on or off' --kernel=x --disk=path=x,direct=1
	wrong 'sandbox must be on, calls or off' --kernel=x --sandbox=no
	wrong 'user works only with a sandbox' --kernel=x --sandbox=off --user=nobody
	wrong "no 'format'" --kernel=x --disk=path=x,format=raw
	for size in 0 1M 3M 2G 192M x ''; do
		wrong 'shared-io must be a power of two' --kernel=x --memory=size=1G,shared-io=$size
	done
	wrong 'quarter of size' --kernel=x --memory=size=64M,shared-io=32M
	wrong 'tap=NAME or fd=NUMBER' --kernel=x --net=vhost=on
	wrong 'tap=NAME or fd=NUMBER' --kernel=x --net=tap=t,fd=3
	wrong 'net can be given only once' --kernel=x --net=tap=t --net=tap=u
	wrong 'mac must be a unicast address' --kernel=x --net=tap=t,mac=01:00:00:00:00:00
	wrong 'mac must be a unicast address' --kernel=x --net=tap=t,mac=2:0:0:0:0
	wrong 'fd must be the number' --kernel=x --net=fd=tap
	wrong 'vhost must be on or off' --kernel=x --net=tap=t,vhost=1
	wrong 'platform must be on or off' --kernel=x --net=tap=t,platform=1
	wrong "no 'bridge'" --kernel=x --net=bridge=br0
	wrong 'disk can be given at most 6 times' --kernel=x --disk=path=1 --disk=path=2 \
		--disk=path=3 --disk=path=4 --disk=path=5 --disk=path=6 --disk=path=7
}

# What can't be looked up: wrong, too, but for --help it's too late.
test_user() {
	refused 2 "there is no user 'nosuchuser'" --kernel=x --user=nosuchuser
	refused 2 'user must be NAME or UID' --kernel=x --user=
	refused 2 'user must be NAME or UID' --kernel=x --user=:65534
	refused 2 'user must be NAME or UID' --kernel=x --user="$(head -c 64 /dev/zero | tr '\0' r)"
	refused 2 'the group must be a number' --kernel=x --user=nobody:nogroup
	refused 2 'the group must be a number' --kernel=x --user=nobody:
	refused 2 'the group must be a number' --kernel=x --user=nobody:4294967295
	refused 2 'no user has the number 77777: give a group' --kernel=x --user=77777
	refused 2 "there is no user '4294967295'" --kernel=x --user=4294967295
	for user in root 0 0:65534 nobody:0; do
		refused 2 'user must not be root' --kernel=x --user=$user
	done
}

failed() { # ERE ARGUMENT...
	want=$1
	shift
	refused 1 "$want" "$@"
}

test_failed() {
	plain=--memory=size=256M,backend=memfd
	failed '/nonexistent: No such file' --kernel=/nonexistent $plain
	failed '/nonexistent: No such file' --kernel="$kernel" \
		--initrd=/nonexistent $plain
	failed '/nonexistent: No such file' --restore=/nonexistent --memory=template=x
	failed 'is not a snapshot of gmemvm' --restore="$kernel" --memory=template=x
	failed 'is not a snapshot of gmemvm' --restore=/dev/zero --memory=template=x
	failed 'is not a snapshot of gmemvm' --restore=/etc/hostname --memory=template=x
	failed 'not a bzImage: take one' --kernel=/etc/passwd $plain
	failed 'not a bzImage: take one' --kernel=/dev/null $plain
	head -c 4096 "$kernel" >"$work/short"
	failed 'cut off' --kernel="$work/short" $plain
	failed 'files, not devices' --kernel="$kernel" --initrd=/ $plain
	truncate -s 512M "$work/huge"
	failed 'size=[0-9]+M at least' --kernel="$kernel" \
		--initrd="$work/huge" $plain
	failed 'size=[0-9]+M at least' --kernel="$kernel" \
		--memory=size=64M,backend=memfd
	failed 'kernel takes at most [0-9]+ characters, not ' --kernel="$kernel" $plain \
		--append="$(head -c 5000 /dev/zero | tr '\0' x)"
	failed '/nonexistent: No such file' --kernel="$kernel" $plain \
		--disk=path=/nonexistent
	failed 'neither a file nor' --kernel="$kernel" $plain --disk=path=/dev/null
	# Pipes that nobody writes to.
	mkfifo "$work/pipe"
	failed "can't read the kernel" --kernel="$work/pipe" $plain
	failed 'files, not devices' --kernel="$kernel" --initrd="$work/pipe" $plain
	failed 'neither a file nor' --kernel="$kernel" $plain \
		--disk="path=$work/pipe,readonly=on"
	truncate -s 1000 "$work/odd"
	failed 'not a multiple of 512; truncate' --kernel="$kernel" $plain \
		--disk="path=$work/odd"
	truncate -s 0 "$work/empty"
	failed 'empty is empty' --kernel="$kernel" $plain --disk="path=$work/empty"
	failed 'mount one with: mount -t gmemfs' --kernel="$kernel"
	failed 'fd 0 is not a tap' --kernel="$kernel" $plain --net=fd=0
	failed 'at most 15 characters, not .a-name-that' --kernel="$kernel" $plain \
		--net=tap=a-name-that-is-too-long
	for size in 108 200 5000; do
		failed 'a socket.s path has 107 characters at most, ' --kernel="$kernel" $plain \
			--control="$(head -c $size /dev/zero | tr '\0' x)"
	done
	# What is wrong with it is said behind it.
	long=/$(head -c 4000 /dev/zero | tr '\0' x)
	failed ': File name too long' --kernel="$long" $plain
	failed ': File name too long' --kernel="$kernel" --initrd="$long" $plain
	failed ': File name too long' --kernel="$kernel" $plain --disk=path="$long"
	failed 'File name too long' --kernel="$kernel" --memory=directory="$long"
	failed '/nonexistent/x: No such file' --kernel="$kernel" $plain \
		--control=/nonexistent/x
	failed 'odd: Address already in use' --kernel="$kernel" $plain \
		--control="$work/odd"
	ok '  and the file is still there' test -s "$work/odd"
	failed 'memfd' --kernel="$kernel" $plain,protect=hidden
	vmm_has_guest_memfd || failed 'Linux 6\.18' --kernel="$kernel" \
		--memory=size=256M,backend=guest_memfd
}

# All options, and no others.
test_man() {
	run --help
	is "$status" 0 '--help'
	sed -n 's/^  --\([a-z-]*\).*/\1/p' "$work/out" >"$work/options"
	echo version >>"$work/options"
	sort -u "$work/options" -o "$work/options"
	sed -n 's/.*Fl Fl \([a-z-]*\).*/\1/p' $man | sort -u >"$work/in-man"
	is "$(cat "$work/in-man")" "$(cat "$work/options")" \
		'the manual page has all options, and no others'
	run --version
	like "$(cat "$work/out")" '^gmemvm [0-9]+\.[0-9]+\.[0-9]+$' '--version'
}

# A terminal is as it was; Ctrl-A x ends what a guest without a kernel's console
# would go on with for ever.
test_terminal() {
	mkfifo "$work/keys"
	# Again, as what is typed before the terminal is set is lost.
	{
		sleep 5
		while printf '\001x'; do
			sleep 1
		done
	} >"$work/keys" 2>/dev/null &
	status=0
	script -qec "stty -a >$work/before; $vmm --sandbox=off --kernel=$kernel --append=panic=0 $plain; s=\$?; stty -a >$work/after; exit \$s" \
		/dev/null <"$work/keys" >"$work/out" 2>&1 || status=$?
	is "$status" 0 'Ctrl-A x ends it with status 0'
	ok '  the terminal is as it was' cmp "$work/before" "$work/after"
}

# A guest that nobody needs to wait for; its VMM's process is $vmm_pid. In the sandbox, where sanitizers
# can't run.
begin() { # OPTION...
	rm -f "$work/control"
	go_on "$@"
}

go_on() { # OPTION...
	# shellcheck disable=SC2086 # words
	$vmm_by /opt/gmemfs/bin/gmemvm --kernel="$kernel" $plain --append=panic=0 \
		--control="$work/control" "$@" </dev/null >"$work/out" 2>"$work/err" &
	vmm_pid=$!
	wait_for socat -u OPEN:/dev/null "UNIX-CONNECT:$work/control"
}

end() { # COMMAND...
	"$@"
	status=0
	wait "$vmm_pid" || status=$?
}

# Who waits for a guest that may start again passes on what is to end it.
test_ended() {
	begin
	wait_for pgrep -P "$vmm_pid"
	end kill "$vmm_pid"
	is "$status$(cat "$work/err")" 0 'ended by SIGTERM: status 0'
	not_ok '  and its socket is gone' test -e "$work/control"
	begin
	wait_for pgrep -P "$vmm_pid"
	end pkill -KILL -P "$vmm_pid"
	is "$status" 1 'its child is killed: status 1'
	like "$(cat "$work/err")" "^gmemvm: the guest's process was killed by signal 9 " '  which it says'
	begin --no-reboot
	end kill "$vmm_pid"
	is "$status$(cat "$work/err")" 0 '--no-reboot, ended by SIGTERM: status 0'
	ok '  its socket stays' test -S "$work/control"
	go_on --no-reboot
	end kill "$vmm_pid"
	is "$status$(cat "$work/err")" 0 '  and the next one takes it'
}

# No file of the guest may get the descriptor number of its console.
test_closed() {
	rm -f "$work/control"
	truncate -s 1M "$work/disk"
	/opt/gmemfs/bin/gmemvm --kernel="$kernel" $plain --append=panic=0 --no-reboot \
		--disk="path=$work/disk" --control="$work/control" <&- >&- 2>&- &
	vmm_pid=$!
	wait_for socat -u OPEN:/dev/null "UNIX-CONNECT:$work/control"
	is "$(readlink /proc/$vmm_pid/fd/0 /proc/$vmm_pid/fd/1 /proc/$vmm_pid/fd/2 | sort -u)" /dev/null \
		'no descriptors 0 to 2: they are /dev/null'
	end kill "$vmm_pid"
	is "$status" 0 '  and it ends as ever'
}

# A guest whose console nobody reads, as there is no room in the pipe.
test_stalled() {
	mkfifo "$work/console"
	exec 7<>"$work/console"
	dd if=/dev/zero of="$work/console" bs=4096 count=16 2>/dev/null
	rm -f "$work/control"
	/opt/gmemfs/bin/gmemvm --kernel="$kernel" $plain \
		--append='console=ttyS0 panic=0' --control="$work/control" \
		--no-reboot </dev/null >"$work/console" 2>"$work/err" 7>&- &
	vmm_pid=$!
	wait_for console_is_used
	end kill "$vmm_pid"
	is "$status$(cat "$work/err")" 0 'nobody reads the console, SIGTERM: status 0'
	exec 7>&-
}

# Its vCPU came out of the guest to write, and --control answers.
console_is_used() {
	echo status | socat -t 5 - "UNIX-CONNECT:$work/control" 2>/dev/null |
		grep -q '"exits":{"port":[1-9]'
}

# A file server that doesn't answer: the call can't be interrupted, and no guest is there yet.
test_stuck() {
	modprobe fuse
	mkdir -p "$work/stuck"
	/share/vmm/stuck-file.py "$work/stuck" "$work/asked" &
	server=$!
	wait_for grep -q "$work/stuck" /proc/mounts
	stuck 'no answer to who reads the kernel' --kernel="$work/stuck/1"
	stuck '  with --no-reboot' --kernel="$work/stuck/2" --no-reboot
	stuck 'nor the initrd' --kernel="$kernel" --initrd="$work/stuck/3"
	stuck '  with --no-reboot' --kernel="$kernel" --initrd="$work/stuck/4" --no-reboot
	umount -l "$work/stuck"
	kill "$server"
	wait "$server" || :
}

stuck() { # WHAT OPTION...
	what=$1
	shift
	rm -f "$work/asked" "$work/control"
	# shellcheck disable=SC2086 # words
	timeout --signal=KILL 100 /opt/gmemfs/bin/gmemvm $plain --control="$work/control" "$@" </dev/null \
		>"$work/out" 2>"$work/err" &
	timeout=$!
	wait_for test -s "$work/asked"
	vmm_pid=$(pgrep -P "$timeout")
	kill "$vmm_pid"
	status=0
	wait "$timeout" || status=$?
	is "$status$(cat "$work/err")" 0 "$what, SIGTERM: status 0"
}

ids() { # PID
	sed -n 's/^[UG]id:\t//p' "/proc/$1/status" | tr '\t\n' '  '
}

# Who root has it be; and who watches it is root, but not for long.
test_become() {
	begin --user=nobody
	wait_for pgrep -P "$vmm_pid"
	child=$(pgrep -P "$vmm_pid")
	wait_for grep -q 'Seccomp:.2' "/proc/$child/status"
	is "$(ids "$child")" '65534 65534 65534 65534 65534 65534 65534 65534 ' \
		'--user=nobody: is nobody'
	like "$(cat "/proc/$child/status")" 'CapBnd:.0000000000000000' \
		'  who could get no capability'
	end kill -KILL "$vmm_pid"
	ok '  and is gone when who watches it is' wait_for is_gone "$child"
	begin --user=nobody --no-reboot
	end kill "$vmm_pid"
	is "$status$(cat "$work/err")" 0 '--user=nobody, ended by SIGTERM: status 0'
}

is_gone() { # PID
	! [ -e "/proc/$1" ]
}

# As a user that may use KVM: a user namespace takes a capability's place.
test_as_user() {
	chmod 666 /dev/kvm
	chmod 777 "$work"
	vmm_by='setpriv --reuid=65534 --regid=65534 --clear-groups'
	begin
	wait_for pgrep -P "$vmm_pid"
	child=$(pgrep -P "$vmm_pid")
	wait_for grep -q 'Seccomp:.2' "/proc/$child/status"
	is "$(ls -A "/proc/$child/root/")" '' 'as a user: no files are left'
	end kill -KILL "$vmm_pid"
	ok '  and it is gone when who watches it is' wait_for is_gone "$child"
	echo 0 >/proc/sys/user/max_user_namespaces
	rm -f "$work/control"
	status=0
	$vmm_by /opt/gmemfs/bin/gmemvm --kernel="$kernel" $plain --no-reboot \
		</dev/null >"$work/out" 2>"$work/err" || status=$?
	is "$status" 1 'where namespaces are not permitted: status 1'
	like "$(cat "$work/err")" 'sandbox=calls needs no namespaces' \
		'  which it says, and what to do'
	begin --sandbox=calls --no-reboot
	wait_for grep -q 'Seccomp:.2' "/proc/$vmm_pid/status"
	end kill "$vmm_pid"
	is "$status$(cat "$work/err")" 0 '--sandbox=calls: runs'
	vmm_by=
}

test_sandbox() {
	ok 'sandbox: what it forbids, and what it allows' \
		/opt/gmemfs/tests/vmm/sandbox
	ok 'sandbox: who is in it' /opt/gmemfs/tests/vmm/privileges
}

test_wrong
test_user
test_failed
test_sandbox
test_man
test_terminal
test_ended
test_closed
test_stalled
test_stuck
test_become
test_as_user
done_testing
