#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# gmemctl run: what a program gets from memfd_create() is hidden, and works as a
# memfd does; signals, statuses, and who is left when something is killed.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/ctl/ctl.sh
. /share/ctl/ctl.sh

tests=/opt/gmemfs/tests/ctl
user=65534
as_user="setpriv --reuid=$user --regid=$user --clear-groups"

# A mount, and a directory in it that a user may make files in.
set_up() {
	install -d -o $user -g $user /dev/gmem/user
	mkdir -p /run/few /run/kept
	mount -t gmemfs -o nr_inodes=3 none /run/few
	mount -t gmemfs -o direct_map=kept none /run/kept
}

# begin COMMAND...: in the background, until it says that it is ready; sets $run
begin() {
	: >"$work/said"
	"$@" >"$work/said" 2>"$work/err" &
	run=$!
	wait_for grep -q ready "$work/said"
}

# end: waits for it; sets $status
end() {
	status=0
	wait "$run" || status=$?
}

# The processes named gmemctl that are children of the one of run.
supervisors() {
	pgrep -P "$run" -x "$(basename "$ctl")" || :
}

vmm() { # NAME
	pgrep -P "$run" -x "$1"
}

nobody() {
	! pgrep -x gmemctl
}

# calls NAME COMMAND...: a program's calls, all in one
calls() {
	name=$1
	shift
	status=0
	"$@" check >"$work/out" 2>"$work/err" || status=$?
	is "$status" 0 "$name: what VMMs call"
	grep -A 4 '^not ok' "$work/out" | sed 's/^/# /' || :
	is "$(grep -c "sealed against writing" "$work/err")" 1 '  what it refuses it explains'
	is "$(lines "$(cat "$work/err")")" 1 '  it says nothing else'
	is "$(tail -n 1 "$work/out")" "1..$(grep -c '^ok ' "$work/out")" '  all of them'
}

test_calls() {
	calls dynamic "$ctl" run -- "$tests/memfds"
	calls static "$ctl" run -- "$tests/memfds-static"
	# shellcheck disable=SC2086 # words
	calls 'a user' $as_user "$ctl" run --mount=/dev/gmem/user -- "$tests/memfds-static"
}

test_hidden() {
	begin "$ctl" run "$tests/memfds-static" hold guest $((8 << 20))
	pid=$(vmm memfds-static)
	json ls
	is "$(ask 'len(d["files"])')" 1 'a memfd is a file of gmemfs'
	is "$(ask 'd["files"][0]["hidden"]')" $((8 << 20)) '  all of it is hidden'
	is "$(ask 'd["files"][0]["users"][0]["pid"]')" "$pid" '  the program has it'
	ctl verify "$(ask 'd["files"][0]["path"]')"
	is "$status" 0 '  verify proves it'
	kill "$run"
	end
	is "$status" 143 'SIGTERM is handed on, and its status is 128 and 15'
	wait_for nobody
	json ls
	is "$(ask 'len(d["files"])')" 0 '  no file is left, no process either'
}

# The kind of a memfd of that name.
kind() { # NAME OPTION...
	name=$1
	shift
	ctl run "$@" -- "$tests/memfds" kind "$name"
}

test_names() {
	kind guest --name='guest*'
	is "$out" other '--name: one that fits'
	kind wayland --name='guest*'
	is "$out" memfd '  one that does not'
	kind ch_ram --name='@(crosvm_guest|ch_ram)'
	is "$out" other '  one of two'
	ctl run --name= -- true
	is "$status" 2 '  an empty pattern'
	like "$err" 'nothing would be hidden' '  and why not'
	for pattern in '+(+(a|b))c' '*(a)' '?(a)' '!(a)'; do
		ctl run --name="$pattern" -- true
		is "$status" 2 "  a pattern that may take for ever: $pattern"
	done
	like "$err" 'may have @' '  and what to do'
	ctl run --name=guest -- "$tests/memfds" odd
	is "$out" 'Invalid argument' 'a bad flag'
	like "$err" "name of a memfd can't be read" '  what --name leaves to the kernel is so first'
}

test_status() {
	ctl run -- sh -c 'exit 7'
	is "$status" 7 'the exit status is that of the program'
	# shellcheck disable=SC2016 # for that sh
	ctl run -- sh -c 'kill -9 $$'
	is "$status" 137 '  128 and the signal that killed it'
	ctl run -- /run/none
	is "$status" 127 '  127: not found'
	ctl run -- /etc/passwd
	is "$status" 126 '  126: not to be executed'
	ctl run sh -c 'exit 3'
	is "$status" 3 '  options of the program need no --'
}

test_refused() {
	ctl run --mount=/run true
	is "$status" 1 'another file system'
	like "$err" 'not in a mount of gmemfs' '  and what to do'
	ctl run --mount=/run/none true
	like "$err" 'no such directory; mount gmemfs' 'no directory'
	ctl run --mount=/run/kept true
	like "$err" 'direct_map=kept.*NOT HIDDEN' 'a mount that protects nothing'
	# shellcheck disable=SC2086 # words
	status=0 && $as_user "$ctl" run true 2>"$work/err" || status=$?
	is "$status" 1 'a user, without a directory'
	like "$(cat "$work/err")" 'install -d -o USER' '  and what to do'
	ctl run -- "$ctl" run true
	is "$status" 1 'twice'
	like "$err" 'a supervisor already' '  and why not'
}

test_full() {
	ctl run --mount=/run/few -- python3 -c '
import os
kept = []
try:
    for i in range(9): kept.append(os.memfd_create("x"))
except OSError as e:
    print(e.errno == 12, len(kept) > 0)'
	is "$out" 'True True' 'a mount that is full: ENOMEM'
	like "$err" 'the mount is full: remount' '  and what to do'
}

# What KVM gets as a guest's memory, and isn't hidden.
test_slots() {
	ctl run -- "$tests/memfds-static" slot
	is "$out" '' 'memory slots: the kernel does the call'
	like "$err" ' 3M of .* NOT HIDDEN: .* in anonymous memory' '  anonymous memory is reported'
	is "$(echo "$err" | grep -c anonymous)" 1 '  once'
	like "$err" ' 5M of .* may be NOT HIDDEN: nothing is mapped' '  and what is not mapped yet'
	like "$err" ' 4M of .* NOT HIDDEN where .* guest_memfd' '  and private memory of KVM'
	is "$(lines "$err")" 3 '  and nothing else'
	ctl run -- "$tests/memfds" noisy
	is "$(echo "$err" | grep -c 'sealed against')" 32 'many complaints of one kind'
	is "$(echo "$err" | grep -c 'NOT HIDDEN')" 2 '  hide no others: a line for each process'
}

# A file server that does not answer is a matter of the call that needs it. Each such call takes
# some seconds.
test_stuck() {
	mkdir -p /run/stuck
	modprobe fuse || :
	python3 /share/vmm/stuck-file.py /run/stuck "$work/asked" &
	server=$!
	wait_for test -e /run/stuck/1
	status=0
	timeout -s KILL 300 "$ctl" run --name='guest*' -- "$tests/memfds" stuck /run/stuck/1 \
		>"$work/out" 2>"$work/err" || status=$?
	is "$status" 0 'memory that nobody can read: the program comes to its end'
	# A write() that waits for its source has no lock of the file.
	is "$(tr '\n' , <"$work/out")" 'slot,other,other,' \
		'  a slot and a name are answered, and others, too; a seal is added'
	like "$(cat "$work/err")" "guest's memory is hidden can't be seen .*timed out" '  what was not seen it says'
	like "$(cat "$work/err")" "name of a memfd can't be read .*timed out" '  of names, too'
	wait_for nobody
	pass '  nobody is left'
	kill "$server"
	wait "$server" || :
	umount -l /run/stuck
}

# A pipe that is full, and nobody reads.
test_unread() {
	cat >"$work/unread.py" <<'END'
import fcntl, os, subprocess, sys
r, w = os.pipe()
fcntl.fcntl(w, fcntl.F_SETPIPE_SZ, 4096)
os.write(w, bytes(4096))
print(subprocess.run(sys.argv[1:], stderr=w, timeout=120).returncode)
END
	is "$(python3 "$work/unread.py" "$ctl" run -- "$tests/memfds" noisy 2>&1 | tail -n 1)" 0 \
		'a stderr that nobody reads stops nothing'
}

# The helper that looks at a descriptor can't be started: three processes are all.
test_few_processes() {
	# shellcheck disable=SC2086 # words
	prlimit --nproc=3 $as_user "$ctl" run --mount=/dev/gmem/user -- "$tests/memfds" seal \
		>"$work/out" 2>"$work/err" || :
	is "$(cat "$work/out")" 'Invalid argument' 'no more processes: no seals'
	like "$(cat "$work/err")" "which file can't be seen .*ulimit -u" '  and why'
}

# What the VMM could trace it could do more with than with its own rights.
test_traced() {
	# shellcheck disable=SC2086 # words
	begin $as_user "$ctl" run --mount=/dev/gmem/user -- "$tests/memfds" hold guest 4096
	is "$(stat -c %u "/proc/$(supervisors)/maps")" 0 "a user's supervisor can't be traced"
	kill "$run"
	end
	wait_for nobody
}

# The count of SIGINTs that a program gets for one ^C.
test_terminal() {
	cat >"$work/counts.py" <<'END'
import os, signal, time
n = 0
def count(*_):
    global n
    n += 1
signal.signal(signal.SIGINT, count)
print("ready", flush=True)
while not n:
    time.sleep(0.05)
time.sleep(1)
print("SIGINT:", n, flush=True)
os._exit(5)
END
	cat >"$work/type.py" <<'END'
import os, pty, sys
pid, terminal = pty.fork()
if not pid:
    os.execv(sys.argv[1], sys.argv[1:])
out, typed = b"", False
try:
    while True:
        out += os.read(terminal, 100)
        if b"ready" in out and not typed:
            typed = True
            os.write(terminal, b"\x03")
except OSError:
    pass
print(out.split()[-1].decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
	is "$(python3 "$work/type.py" "$ctl" run -- python3 "$work/counts.py")" '1 5' \
		'a terminal: ^C gets there once'
}

# A terminal that hangs up tells only the leader of its session.
test_hangup() {
	rm -f /run/hung-up
	cat >"$work/waits.py" <<'END'
import os, signal
open("/run/waits", "w").write(str(os.getpid()))
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
print("ready", flush=True)
signal.sigwait([signal.SIGHUP])
open("/run/hung-up", "w")
END
	cat >"$work/hang-up.py" <<'END'
import os, pty, sys
pid, terminal = pty.fork()
if not pid:
    os.execv(sys.argv[1], sys.argv[1:])
out = b""
while b"\n" not in out:
    out += os.read(terminal, 100)
os.close(terminal)
os.waitpid(pid, 0)
END
	timeout -s KILL 60 python3 "$work/hang-up.py" "$ctl" run -- python3 "$work/waits.py" || :
	ok 'a terminal that hangs up: the program gets SIGHUP' test -e /run/hung-up
	kill -KILL "$(cat /run/waits)" 2>/dev/null || :
	wait_for nobody
}

# What outlives the program is served, and gmemctl isn't there any more.
test_background() {
	rm -f /run/later /run/later.kind
	said=$("$ctl" run -- "$tests/memfds-static" later /run/later && echo none || echo $?)
	is "$said" 7 'a program that leaves another behind: gmemctl ends'
	touch /run/later
	wait_for test -s /run/later.kind
	is "$(cat /run/later.kind)" other '  the one left is served'
	wait_for nobody
	pass '  then nobody is left'
}

test_stopped() {
	begin "$ctl" run -- "$tests/memfds" hold guest 4096
	pid=$(vmm memfds)
	kill -STOP "$pid"
	wait_for grep -q '^State:.T' "/proc/$pid/status"
	kill "$run"
	kill -CONT "$pid"
	end
	is "$status" 143 'a program that was stopped gets its signals'
	begin "$ctl" run -- "$tests/memfds" hold guest 4096
	kill -KILL "$(vmm memfds)"
	end
	is "$status" 137 'a program that is killed'
	wait_for nobody
}

test_killed() {
	rm -f /run/go
	# shellcheck disable=SC2016 # for that sh
	begin "$ctl" run -- sh -c 'echo ready; while ! [ -e /run/go ]; do sleep 0.1; done
		exec "$0" kind guest' "$tests/memfds"
	for supervisor in $(supervisors); do
		kill -KILL "$supervisor"
	done
	touch /run/go
	end
	is "$(tail -n 1 "$work/said")" 'Function not implemented' 'without a supervisor: ENOSYS'
	like "$(cat "$work/err")" 'the supervisor was killed' '  and that is said'

	begin "$ctl" run -- "$tests/memfds" hold guest 4096
	pid=$(vmm memfds)
	kill -KILL "$run"
	end
	ok 'gmemctl is killed: the program lives' kill -0 "$pid"
	kill "$pid"
	wait_for nobody
	pass '  and when it ends, the supervisor does'
}

# A VMM that seals its memfd, as crosvm and Firecracker do.
test_qemu() {
	begin "$ctl" run -- sh -c 'echo ready; exec "$@"' sh qemu-system-x86_64 -accel kvm -S \
		-display none -nodefaults -m 64M -machine q35,memory-backend=m \
		-object memory-backend-memfd,id=m,size=64M,share=on,seal=on,prealloc=on
	wait_for has_memory
	is "$(ask 'd["files"][0]["hidden"]')" $((64 << 20)) "QEMU's memfd is hidden"
	kill "$run"
	end
	diag "$(cat "$work/err")"
	wait_for nobody
}

has_memory() {
	json ls
	[ "$(ask 'len(d["files"]) and d["files"][0]["populated"]')" = $((64 << 20)) ]
}

test_build() {
	test_calls
	test_hidden
	test_names
	test_status
	test_refused
	test_full
	test_slots
	test_stuck
	test_unread
	test_few_processes
	test_traced
	test_terminal
	test_hangup
	test_background
	test_stopped
	test_killed
}

set_up
for_each_build test_build
ctl=$plain
test_qemu
done_testing
