#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# hostvm/run as those who call it see it: what comes out, with which status, and what is left behind.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
cd "$here/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"; tap_at_exit' EXIT

host() {
	hostvm/run --kernel "${KERNEL:-6.12}" "$@"
}

# Sets $status and leaves $work/out and $work/err.
try() {
	status=0
	host "$@" >"$work/out" 2>"$work/err" || status=$?
}

said() {
	grep -q -e "$1" "$work/err" || {
		cat "$work/err"
		return 1
	}
}

# The log that a failed run says it kept.
kept_log() {
	sed -n "s/^hostvm: the host's console: //p" "$work/err"
}

# One boot for all that a healthy run promises.
healthy() {
	mkdir -p "$work/my share/sub"
	head -c 3000000 /dev/urandom >"$work/my share/sub/big"
	printf '#!/bin/sh\nexit 0\n' >"$work/my share/program"
	chmod +x "$work/my share/program"
	odd="line
break
"
	# shellcheck disable=SC2016 # for the host's shell
	try --cpus 1 --mem 2G --append my.argument=1 --share "$work/my share" -- sh -c '
		cat "/share/my share/sub/big"
		exec >&2
		test "$1" = "a b" || echo "odd argument 1"
		test "$2" = "\"'\''\$HOME\\\`!*" || echo "odd argument 2"
		test "$3" = "line
break
" || echo "odd argument 3"
		test "$4" = "" || echo "odd argument 4"
		test $# = 4 || echo "odd number of arguments"
		test "$(id -u)" = 0 || echo "not root"
		test "$(nproc)" = 1 || echo "not one CPU"
		test "$(sed -n "s/^MemTotal: *\(.*\) kB/\1/p" /proc/meminfo)" -lt 2200000 || echo "not 2 GiB"
		grep -q my.argument=1 /proc/cmdline || echo "not our kernel argument"
		grep -q " /dev/gmem gmemfs " /proc/mounts || echo "gmemfs is not mounted"
		test -c /dev/kvm || echo "no KVM"
		case $PATH in /opt/gmemfs/bin:*) ;; *) echo "PATH=$PATH" ;; esac
		"/share/my share/program" || echo "the shared program does not run"
		cat || echo "stdin is not readable"
		for fd in /proc/self/fd/*; do
			case ${fd##*/} in
			[012]) ;;
			*) ! [ -e "$fd" ] || echo "open: $(ls -l "$fd")" ;;
			esac
		done
		qemu-system-x86_64 --version | grep -q "version 1[0-9]" || echo "no QEMU"
		exit 7
	' sh 'a b' "\"'\$HOME\\\`!*" "$odd" ''
	is "$status" 7 "the status is the command's"
	ok 'stdout is, byte by byte' cmp "$work/out" "$work/my share/sub/big"
	is "$(cat "$work/err")" '' 'so is stderr: all was as promised, and we added nothing'
}

no_load() {
	# shellcheck disable=SC2016 # for the host's shell
	try --no-load -- sh -c 'grep gmem /proc/modules /proc/mounts; ls /opt/gmemfs/gmemfs.ko; kill -9 $$'
	is "$(cat "$work/out")" /opt/gmemfs/gmemfs.ko '--no-load leaves gmemfs to the command'
	is "$status" 137 'a killed command has the status a shell would give it'
}

# Two hosts at a time: one that fails over a report, and one that does not care.
splats() {
	host --no-load --allow-splat -- sh -c 'echo "WARNING: a test" >/dev/kmsg; exit 3' \
		>"$work/allowed.out" 2>"$work/allowed.err" &
	try --no-load -- sh -c 'echo "WARNING: a test" >/dev/kmsg; echo fine'
	is "$status" 99 'a kernel report fails the run'
	is "$(cat "$work/out")" fine '... after the command'
	ok '... is shown' said 'WARNING: a test'
	ok '... and is in the log that is kept' grep -q 'WARNING: a test' "$(kept_log)"
	rm -f "$(kept_log)"
	status=0
	wait $! || status=$?
	is "$status" 3 '--allow-splat keeps the status'
	is "$(cat "$work/allowed.err")" '' '... and says nothing'
}

panic() {
	try --no-load -- sh -c 'echo before; echo c >/proc/sysrq-trigger; sleep 100'
	is "$status" 99 'so does a panic'
	is "$(cat "$work/out")" before '... and nothing printed before it is lost'
	ok '... and it is shown' said 'Kernel panic'
	rm -f "$(kept_log)"
}

# A host's root writes to its status port. No shell here may evaluate the words.
liar() { # LINE...
	# shellcheck disable=SC2016 # for perl
	try --no-load -- perl -e '
		my $name = readlink "/dev/virtio-ports/gmem.status" or die "no port\n";
		my ($fd) = map { readlink eq $name ? m{(\d+)\z} : () } glob "/proc/1/fd/*";
		my $port = syscall(438, syscall(434, 1, 0), $fd + 0, 0);
		open my $status, ">&=", $port or die "$!\n";
		syswrite $status, "$_\n" for @ARGV;
		sleep 1;
		open my $reset, ">", "/proc/sysrq-trigger";
		syswrite $reset, "b";
		sleep 100' "$@"
	rm -f "$(kept_log)"
}

lies() {
	sleep 1000 &
	victim=$!
	liar 'exit 0' "tainted (qemu=$victim)" 'done'
	ok 'words about the kernel that are no number are not evaluated' kill -0 "$victim"
	is "$status" 99 '... and fail the run'
	ok '... which says why' said 'the kernel is tainted (it says no number)'
	# shellcheck disable=SC2016 # not to be expanded
	liar 'exit qemu[$(kill -9 '"$victim"')]' 'tainted 0' 'done'
	ok 'nor is the status' kill -0 "$victim"
	is "$status" 125 '... which fails the run'
	liar "$(printf 'failed \033[2J')" 'exit 99999999999999999999' 'tainted 04096' 'done'
	is "$status" 99 'nor are numbers taken that init would not say'
	kill "$victim"
}

time_out() {
	try --no-load --timeout 5 -- sh -c 'echo early; sleep 100'
	is "$status" 124 'a command that takes too long is ended'
	is "$(cat "$work/out")" early '... and nothing printed before that is lost'
	ok '... and the log is kept' test -s "$(kept_log)"
	rm -f "$(kept_log)"
}

no_boot() {
	try --append root=/dev/nope -- true
	is "$status" 125 'a host that does not boot'
	ok '... says so' said 'did not boot'
	ok '... and shows the end of its console' said 'the root does not mount'
	rm -f "$(kept_log)"
	try --append quiet --mem 9999999G -- true
	is "$status" 125 'an emulator that does not start'
	ok '... is quoted' said 'cannot set up guest memory\|Cannot allocate memory\|exceeds'
	rm -f "$(kept_log)"
}

# The command line is on the console, too, and says what a host says that the emulator has failed.
emulator_fails() { # COMMAND-LINE WHAT-IT-DID NAME
	try --append "$1" -- true
	is "$status" 125 "$3"
	is "$(grep -c "$2 while the host booted: once more" "$work/err")" 2 '... is booted twice more'
}

stalled_boot() {
	emulator_fails 'x="rcu: INFO: a detected stall"' 'lost a timer' 'a host that stalls while it boots'
	ok '... and says so' said 'stalled while it booted'
	rm -f "$(kept_log)"
}

stack_end() {
	try --no-load -- sh -c 'rmmod stack_end; insmod /opt/gmemfs/emulator/stack_end.ko lose=1'
	is "$status" 99 'a stack that has lost its mark'
	for what in 'by its own address' 'by the direct map' 'page 3: pfn'; do
		ok "... is shown: $what" grep -q "stack_end: $what" "$(kept_log)"
	done
	rm -f "$(kept_log)"
}

# It dies, for it has no root.
replaced_code() {
	emulator_fails 'root=/dev/nope x="Oops: int3"' 'ran code that had been replaced' \
		'a host that dies of an int3 while it boots'
	rm -f "$(kept_log)"
}

# $1: what the report says after the function
dies_of_int3() {
	export GMEMFS_STALE_CODE="$work/stale"
	rm -f "$GMEMFS_STALE_CODE"
	try --no-load -- sh -c 'printf "Oops: int3: 0000 [#1]\n" >/dev/kmsg
		printf "RIP: 0010:__schedule+0x1/0x2%s\n" "$1" >/dev/kmsg' sh "$1"
	unset GMEMFS_STALE_CODE
	is "$status" 99 "an int3 in __schedule()$1"
	rm -f "$(kept_log)"
}

stale_code() {
	dies_of_int3 ''
	ok '... may be the emulator, which is said' said 'it may be the emulator'
	ok '... and noted for who runs the tests' test -e "$work/stale"
	dies_of_int3 ' [kvm]'
	not_ok '... of a module is not' test -e "$work/stale"
}

qmp_ask() {
	{
		echo '{"execute":"qmp_capabilities"}{"execute":"query-status"}'
		sleep 1
	} | perl -MIO::Socket::UNIX -e '
		my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "connect: $!\n";
		print $s <STDIN>; $s->flush; alarm 60;
		while (<$s>) { exit 0 if /"status": "running"/ } exit 1' "$1"
}

# Live output, the control socket, and what is left of a run that is ended from outside.
interrupted() {
	# Not by host(): the shell around that function would get the signal.
	hostvm/run --kernel "${KERNEL:-6.12}" --no-load --qmp "$work/a,b" -- sh -c 'echo up; sleep 100' \
		>"$work/out" 2>"$work/err" &
	running=$!
	ok 'output comes while the command runs' wait_for grep -q '^up$' "$work/out"
	ok 'the control socket answers' qmp_ask "$work/a,b"
	kill -TERM "$running"
	status=0
	wait "$running" || status=$?
	is "$status" 143 'a terminated run says so'
	not_ok '... and its socket is gone' test -e "$work/a,b"
}

reader_gone() {
	{
		status=0
		host --no-load --timeout 300 -- sh -c 'echo first; yes' 2>"$work/err" || status=$?
		echo "$status" >"$work/status"
	} | head -n 1 >"$work/out"
	is "$(cat "$work/out")" first 'a reader who has enough got it'
	is "$(cat "$work/status")" 141 '... and ends the run'
	is "$(cat "$work/err")" '' '... without a word'
}

interactive() {
	status=0
	# shellcheck disable=SC2016 # for the host's shell
	printf 'echo $((6 * 7))-$(tty)\nexit 5\n' |
		host --no-load --timeout 60 --shell >"$work/out" 2>"$work/err" || status=$?
	is "$status" 5 '--shell: the status is that of the shell'
	like "$(cat "$work/out")" '42-/dev/hvc0' '... which is on a terminal'
}

# Where the limit is long, the watch looks less often. It runs beside the other tests.
begin_long_time_out() {
	host --no-load --timeout 30 -- sh -c 'echo early; sleep 1000' >"$work/long.out" 2>"$work/long.err" &
	long=$!
}

long_time_out() {
	status=0
	wait "$long" || status=$?
	is "$status" 124 'a limit of 30 s ends a command, too'
	is "$(cat "$work/long.out")" early '... and nothing printed before that is lost'
	rm -f "$(sed -n "s/^hostvm: the host's console: //p" "$work/long.err")"
}

# Without the first host, the rest would only repeat its failure.
hostvm/run --kernel "${KERNEL:-6.12}" -- true || bail_out 'no host'
begin_long_time_out
healthy
no_load
splats
panic
lies
time_out
no_boot
stack_end
stalled_boot
replaced_code
stale_code
interrupted
reader_gone
interactive
long_time_out
done_testing
