#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What gmemvm gets from the process that starts it, and from others: signals, descriptors, a terminal, a
# socket's name, and paths of any bytes.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/vmm/vmm.sh
. /share/vmm/vmm.sh

work=/run/vmm
mkdir -p "$work"
vmm=${GMEMVM:-/opt/gmemfs/bin/gmemvm}
plain='--memory=size=64M,backend=memfd'

# guest NAME [FLAG]
guest() {
	# shellcheck disable=SC2086 # a word or none
	cc ${2-} -x assembler-with-cpp -c -o "$work/$1.o" /share/vmm/still.S
	objcopy --output-target=binary "$work/$1.o" "$work/$1"
}

begin() { # OPTION...
	rm -f "$work/control"
	go_on "$@"
	wait_for socat -u OPEN:/dev/null "UNIX-CONNECT:$work/control"
}

# The console is no terminal, and there are no keys.
go_on() { # OPTION...
	# shellcheck disable=SC2086 # words
	"$vmm" --kernel="$work/still" $plain --control="$work/control" "$@" \
		</dev/null >"$work/out" 2>"$work/err" &
	vmm_pid=$!
}

end() {
	kill "$vmm_pid"
	status=0
	wait "$vmm_pid" || status=$?
}

# The process that starts it ignores SIGCHLD, and has blocked SIGUSR1, which interrupts threads.
test_signals() {
	# shellcheck disable=SC2086 # words
	timeout --signal=KILL 60 python3 -c '
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGALRM])
os.execv(sys.argv[1], sys.argv[1:])' "$vmm" --kernel="$work/off" $plain </dev/null >"$work/out" 2>&1 &&
		status=0 || status=$?
	is "$status" 0 'SIGCHLD is ignored by who starts it: it ends with its guest'
	is "$(cat "$work/out")" '' '  without a word'
}

open_in() { # PID
	for fd in "/proc/$1/fd"/*; do
		echo "${fd##*/} $(readlink "$fd")"
	done
}

test_descriptors() {
	echo secret >"$work/secret"
	exec 3</root 7<>"$work/secret"
	truncate -s 1M "$work/disk"
	begin --disk=path="$work/disk"
	exec 7<&- 3<&-
	wait_for pgrep -P "$vmm_pid"
	child=$(pgrep -P "$vmm_pid")
	wait_for grep -q 'Seccomp:.2' "/proc/$child/status"
	open_in "$child" >"$work/open"
	sed 's/^/# /' "$work/open"
	for what in /root secret /dev/kvm "$work/still"; do
		not_ok "in the sandbox, $what isn't open" grep -q "$what\$" "$work/open"
	done
	ok '  the disk is' grep -q "$work/disk" "$work/open"
	not_ok '  and nothing that is not listed in docs/threat-model.md' grep -v -E \
		' (/dev/null|/var/tmp/coverage/programs|'"$work"'/(out|err|disk)|socket:\[[0-9]+\]|anon_inode:(\[(eventfd|signalfd|io_uring)\]|kvm-(vm|vcpu:[0-9]+))|/memfd:.* \(deleted\))$' \
		"$work/open"
	end
	is "$status" 0 'it ends'
	for closed in '<&-' '<&- >&-' '<&- >&- 2>&-'; do
		status=0
		eval "timeout --signal=KILL 60 $vmm --kernel=$work/off $plain $closed" || status=$?
		is "$status" 0 "without its descriptors ($closed) it runs"
	done
}

# A path may have any bytes. These are a byte that isn't UTF-8, a C1 control, an escape and others.
test_json() {
	disk=$(printf '%s/d\377\302\233x\033"\303\244' "$work")
	truncate -s 1M "$disk"
	begin --disk=path="$disk"
	echo status | socat -t 60 - "UNIX-CONNECT:$work/control" >"$work/json"
	is "$(python3 -c '
import json, os, sys
said = json.load(open(sys.argv[1], encoding="ascii"))["disks"][0]["path"]
print(said == os.fsencode(sys.argv[2]).decode(errors="replace"))' "$work/json" "$disk" 2>&1 | tail -n 1)" \
		True 'a path that is no UTF-8: the answer is JSON'
	end
}

# Another gmemvm, or another file, has the socket's name by then.
test_socket() {
	begin
	first=$vmm_pid
	rm "$work/control"
	go_on
	wait_for socat -u OPEN:/dev/null "UNIX-CONNECT:$work/control"
	second=$vmm_pid
	vmm_pid=$first
	end
	is "$status" 0 'the first ends'
	ok '  and leaves the socket of the second' test -S "$work/control"
	vmm_pid=$second
	end
	not_ok '  which takes it away' test -e "$work/control"
	begin
	rm "$work/control"
	echo mine >"$work/control"
	end
	is "$(cat "$work/control")" mine "nor is anybody's file removed"
}

# The first has bound its socket, and doesn't listen yet, as the second begins.
test_at_once() {
	rm -f "$work/control" "$work/go" "$work/waits"
	cat >"$work/slow.c" <<'END'
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>
int listen(int fd, int backlog)
{
	close(open(WORK "/waits", O_CREAT | O_WRONLY, 0600));
	while (access(WORK "/go", F_OK))
		usleep(50000);
	return syscall(SYS_listen, fd, backlog);
}
END
	cc -shared -fPIC -DWORK="\"$work\"" -o "$work/slow.so" "$work/slow.c"
	# shellcheck disable=SC2086 # words
	LD_PRELOAD="$work/slow.so" "$vmm" --kernel="$work/still" $plain --control="$work/control" \
		</dev/null >"$work/first" 2>&1 &
	first=$!
	wait_for test -e "$work/waits"
	go_on
	wait_for socat -u OPEN:/dev/null "UNIX-CONNECT:$work/control"
	touch "$work/go"
	tries=600
	while kill -0 "$first" 2>/dev/null && [ "$tries" != 0 ]; do
		tries=$((tries - 1))
		sleep 0.1
	done
	kill "$first" 2>/dev/null || :
	status=0
	wait "$first" || status=$?
	is "$status" 1 'two at once: one of them ends'
	like "$(cat "$work/first")" 'control: Address already in use' '  and says why'
	ok '  the other answers' socat -u OPEN:/dev/null "UNIX-CONNECT:$work/control"
	end
	is "$status" 0 '  until it ends'
	is "$(find "$work" -type s)" '' '  and no socket is left'
}

# Another user's socket comes in place of the one that nobody listens on, just before that is removed. All
# may write to the folder.
test_live_socket() {
	shared=$work/shared
	mkdir -m 777 "$shared"
	chmod 777 "$shared"
	cat >"$work/slow.c" <<'END'
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned int flags)
{
	if (!strcmp(from, "control")) {
		close(open(WORK "/waits", O_CREAT | O_WRONLY, 0600));
		while (access(WORK "/go", F_OK))
			usleep(50000);
	}
	return syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}
END
	cc -shared -fPIC -D_GNU_SOURCE -DWORK="\"$shared\"" -o "$work/slow.so" "$work/slow.c"
	echo 1 >/proc/sys/fs/protected_hardlinks
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$shared/control"
	chmod 777 "$shared/control"
	# shellcheck disable=SC2086 # words
	setpriv --reuid=65534 --regid=65534 --clear-groups env LD_PRELOAD="$work/slow.so" \
		"$vmm" --kernel="$work/still" $plain --control="$shared/control" </dev/null >"$work/second" 2>&1 &
	second=$!
	wait_for test -e "$shared/waits"
	rm "$shared/control"
	socat "UNIX-LISTEN:$shared/control,fork" OPEN:/dev/null &
	listener=$!
	wait_for socat -u OPEN:/dev/null "UNIX-CONNECT:$shared/control"
	touch "$shared/go"
	status=0
	wait "$second" || status=$?
	is "$status" 1 "another user's socket has come: it ends"
	like "$(cat "$work/second")" 'control: ' '  and says why'
	ok '  the other answers' socat -u OPEN:/dev/null "UNIX-CONNECT:$shared/control"
	is "$(find "$shared" -type s)" "$shared/control" '  and no other socket is left'
	kill "$listener"
	wait "$listener" || :
	rm -r "$shared"
}

# The first finds a socket on which nobody listens. Until it has taken that away, the second comes; until
# it has put its own there, the third.
test_three() {
	rm -f "$work"/waits* "$work"/go* "$work"/tried*
	cat >"$work/slow.c" <<'END'
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>
static void make(const char *name)
{
	close(open(name, O_CREAT | O_WRONLY, 0600));
}
static void wait_until(const char *waits, const char *go)
{
	make(waits);
	while (access(go, F_OK))
		usleep(50000);
}
int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned int flags)
{
	int first = !strcmp(getenv("NUMBER"), "1") && !strcmp(from, "control"), ret;

	if (first)
		wait_until(WORK "/waits", WORK "/go");
	ret = syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
	if (first)
		wait_until(WORK "/waits-again", WORK "/go-on");
	return ret;
}
int flock(int fd, int how)
{
	int ret = syscall(SYS_flock, fd, how);

	if (ret)
		make(strcmp(getenv("NUMBER"), "2") ? WORK "/tried-3" : WORK "/tried-2");
	return ret;
}
END
	cc -shared -fPIC -D_GNU_SOURCE -DWORK="\"$work\"" -o "$work/slow.so" "$work/slow.c"
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$work/control"
	begin_number 1
	wait_for test -e "$work/waits"
	begin_number 2
	wait_for waits_or_answers 2
	touch "$work/go"
	wait_for test -e "$work/waits-again"
	begin_number 3
	wait_for waits_or_answers 3
	touch "$work/go-on"
	wait_for test -S "$work/control"
	tries=600
	until is_alone || [ "$tries" = 0 ]; do
		tries=$((tries - 1))
		sleep 0.1
	done
	ok 'three at once: two of them end' is_alone
	ok '  the other answers' socat -u OPEN:/dev/null "UNIX-CONNECT:$work/control"
	is "$(find "$work" -type s)" "$work/control" '  and no other socket is left'
	for number in 1 2 3; do
		kill "$(cat "$work/pid-$number")" 2>/dev/null || :
	done
	wait
	is "$(find "$work" -type s)" '' '  nor its own when it has ended'
}

begin_number() { # NUMBER
	# shellcheck disable=SC2086 # words
	NUMBER=$1 LD_PRELOAD="$work/slow.so" "$vmm" --kernel="$work/still" $plain --control="$work/control" \
		</dev/null >"$work/said-$1" 2>&1 &
	echo $! >"$work/pid-$1"
}

waits_or_answers() { # NUMBER
	[ -e "$work/tried-$1" ] || socat -u OPEN:/dev/null "UNIX-CONNECT:$work/control"
}

is_alone() {
	left=0
	for number in 1 2 3; do
		! kill -0 "$(cat "$work/pid-$number")" 2>/dev/null || left=$((left + 1))
	done
	[ "$left" = 1 ]
}

test_no_proc() {
	status=0
	# shellcheck disable=SC2016,SC2086 # for that shell; words
	unshare --mount sh -c 'mount -t tmpfs none /proc && exec "$@"' sh "$vmm" --kernel="$work/still" $plain \
		--control="$work/none" </dev/null >"$work/out" 2>&1 || status=$?
	is "$status" 1 '--control without /proc: it ends'
	like "$(cat "$work/out")" '^gmemvm: --control: /proc must be mounted$' '  and says what to do'
}

has_lived() { # TIMES
	[ "$(wc -c <"$work/out")" -ge "$1" ]
}

# A guest that breaks both of its devices in each of its lives, which are short.
test_warnings() {
	since=$(date +%s)
	# shellcheck disable=SC2086 # words
	"$vmm" --kernel="$work/break" $plain </dev/null >"$work/out" 2>"$work/err" &
	vmm_pid=$!
	wait_for has_lived 6
	end
	most=$((($(date +%s) - since) / 10 + 1))
	sed 's/^/# /' "$work/err"
	for device in rng balloon; do
		lines=$(grep -c "$device [01]: .* queue is invalid" "$work/err" || :)
		diag "$device: $lines lines, $most at most, in $(wc -c <"$work/out") lives"
		ok "a guest that resets itself: $device is warned of in a life" test "$lines" -ge 1
		ok '  and not again in each' test "$lines" -le "$most"
	done
}

# More keys are typed than fit, and the guest reads none.
test_keys() {
	is "$(python3 -c '
import os, pty, sys, time
pid, fd = pty.fork()
if not pid:
	os.execv(sys.argv[1], sys.argv[1:])
while b"-icanon" not in os.popen(f"stty -a </proc/{pid}/fd/0").read().encode():
	time.sleep(0.1)
for i in range(60):
	os.write(fd, b"x" * 100)
	time.sleep(0.01)
os.write(fd, b"\x01x")
for i in range(600):
	ended, status = os.waitpid(pid, os.WNOHANG)
	if ended:
		print("ended", status)
		break
	time.sleep(0.1)
else:
	os.kill(pid, 9)' "$vmm" --kernel="$work/still" $plain)" 'ended 0' \
		'Ctrl-A x ends a guest that reads no key'
}

guest still
guest off -DOFF
guest break -DBREAK
test_signals
test_descriptors
test_json
test_socket
test_at_once
test_live_socket
test_three
test_no_proc
test_warnings
test_keys
done_testing
