#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Hosts that start from a saved one: they differ in what has to differ, are judged as others are, and a
# state that is no good harms nobody.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
cd "$here/../.."
work=$(mktemp -d)
end() {
	[ -z "$(state)" ] || rm -rf "$(state)"
	rm -rf "$work"
	tap_at_exit
}
trap end EXIT
states=${GMEMFS_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/gmemfs}/states

# Nobody else has a host with this argument, so none is saved before we do.
mark=saved.t.${work##*.}
host() {
	hostvm/run --kernel "${KERNEL:-6.12}" --cpus 1 --mem 1G --append "$mark" --no-load "$@"
}

# Sets $status and leaves $work/out and $work/err.
try() {
	status=0
	host "$@" >"$work/out" 2>"$work/err" || status=$?
}

state() {
	grep -l -s -F "$mark" "$states"/*/console | sed 's|/console$||'
}

# The partition is made when a saved host goes on. No two boots come to this line at the same microsecond.
tell='if test -b /dev/vdb1; then echo saved; else echo booted; fi
	head -c 16 /dev/urandom | xxd -p
	dmesg | grep -m 1 "Run /init"'

line() { # NUMBER FILE
	sed -n "$1p" "$work/$2"
}

# To save it would take longer than to boot it twice.
first() {
	try -- sh -c "$tell"
	is "$status $(line 1 out)" '0 booted' 'the first run of a kind boots its host'
	is "$(state)" '' '... and saves none'
}

# Neither finds a saved host, and one of them makes it.
two_at_once() {
	host -- sh -c "$tell" >"$work/first" 2>"$work/first.err" &
	try -- sh -c "$tell"
	is "$status" 0 'of two runs at once, one ends well'
	status=0
	wait $! || status=$?
	is "$status" 0 '... and so does the other'
	is "$(cat "$work/err" "$work/first.err")" '' '... both without a word'
	is "$(line 1 first) $(line 1 out)" 'saved saved' '... and both start from a saved host'
	is "$(line 3 first)" "$(line 3 out)" '... the same one'
	booted=$(line 3 out)
	is "$(line 2 first | wc -c)" 33 '... with random bytes'
	not_ok '... of their own' test "$(line 2 first)" = "$(line 2 out)"
	is "$(state | wc -l)" 1 '... and there is one'
}

# The emulator's timing alone makes hosts differ sooner or later: so see what the kernel is told. It is
# told once more, up to where the partition is there already.
entropy() {
	try -- sh -c 'strace -e trace=ioctl perl /run/hostvm-await /dev/vdb 2>&1 | grep RND'
	like "$(line 1 out)" 'RNDADDENTROPY, .*buf_size=64.* = 0$' 'the kernel gets 64 bytes from outside'
	like "$(line 2 out)" 'RNDRESEEDCRNG.* = 0$' '... and uses them from there on'
}

# It was right when the host was saved, which is longer ago than what is allowed here.
clock() {
	until [ $(($(date +%s) - $(stat -c %Y "$(state)/memory"))) -ge 5 ]; do sleep 0.5; done
	before=$(date +%s)
	try -- date +%s
	after=$(date +%s)
	is "$status" 0 'a host that was saved a while ago starts'
	diag "its clock says $(cat "$work/out"), between $before and $after it was asked"
	ok '... and its clock is right' test "$(cat "$work/out")" -ge $((before - 2)) -a \
		"$(cat "$work/out")" -le $((after + 2))
}

kept_log() {
	sed -n "s/^hostvm: the host's console: //p" "$work/err"
}

judged() {
	try -- sh -c 'echo "WARNING: a test" >/dev/kmsg'
	is "$status" 99 'a kernel report of a host that was saved fails the run'
	like "$(cat "$work/err")" 'WARNING: a test' '... and is shown'
	ok '... and is in the log that is kept' grep -q 'WARNING: a test' "$(kept_log)"
	ok '... as is how the host booted' grep -q 'Linux version' "$(kept_log)"
	rm -f "$(kept_log)"
	try --timeout 5 -- sh -c 'echo early; sleep 100'
	is "$status" 124 'a command in it that takes too long is ended'
	is "$(cat "$work/out")" early '... and nothing printed before is lost'
	rm -f "$(kept_log)"
	is "$(state | wc -l)" 1 'neither is a fault of what was saved'
}

qmp_ask() {
	perl -MIO::Socket::UNIX -e '
		my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "connect: $!\n";
		$s->autoflush(1);
		print $s q({"execute":"qmp_capabilities"}{"execute":"query-status"}); alarm 20;
		while (<$s>) { exit 0 if /"status": "running"/ } exit 1' "$1"
}

control() {
	host --qmp "$work/qmp" --share "$work" -- sh -c 'test -b /dev/vdb1 && echo up; sleep 10' \
		>"$work/out" 2>"$work/err" &
	wait_for grep -q '^up$' "$work/out"
	ok 'the control socket of a host that was saved answers' qmp_ask "$work/qmp"
	status=0
	wait $! || status=$?
	is "$status" 0 '... and it ends well'
}

really_boots() {
	try --boot -- sh -c "$tell"
	is "$status $(line 1 out)" '0 booted' '--boot boots a host'
	not_ok '... another one' test "$(line 3 out)" = "$booted"
	is "$(GMEMFS_BOOT=yes host -- sh -c "$tell" | head -n 1)" booted 'so does GMEMFS_BOOT=yes'
}

damaged() {
	truncate -s 8M "$(state)/memory"
	try -- sh -c "$tell"
	is "$status $(line 1 out)" '0 booted' 'where half of a saved host is missing, one is booted'
	is "$(cat "$work/err")" \
		'hostvm: the saved host did not resume, and is thrown away: booting one' '... and says so'
	is "$(state)" '' '... and the saved one is gone'
}

hostvm/run --kernel "${KERNEL:-6.12}" -- true || bail_out 'no host'
first
two_at_once
entropy
clock
judged
control
really_boots
damaged
done_testing
