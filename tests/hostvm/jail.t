#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What a step of a build can do to the machine: whoever runs the tests, root or not, runs a branch's
# Makefiles. They run as nobody on the machine, and see nothing of it. No host is booted.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
in_root=$here/../../hostvm/in-root
work=$(mktemp -d)
sleeper=
end() {
	[ -z "$sleeper" ] || kill -- "-$sleeper" 2>/dev/null || :
	rm -rf "$work"
	tap_at_exit
}
trap end EXIT

secret=$work/secret
echo 'for me only' >"$secret"
chmod 600 "$secret"

# A build step that tries all it can. It gets the secret's path, and says what it got.
# shellcheck disable=SC2016 # for the shell in the root
step='
secret=$1
try() { # NAME COMMAND...
	name=$1
	shift
	if "$@" >/out/said 2>&1; then echo "$name: yes"; else echo "$name: no"; fi
}
of() { # KEY: of /proc/self/status
	sed -n "s/^$1:\t//p" /proc/self/status
}
builds() {
	echo "int main(void) { return 0; }" >/src/a.c
	cc -o /out/a /src/a.c && /out/a
}
is_root() { [ "$(id -u)" = 0 ]; }
has_capabilities() { of "Cap[A-Z][a-z]*" | grep -v "^0*\$"; }
can_gain() { ! [ "$(of NoNewPrivs)" = 1 ]; }
has_groups() { ! [ "$(id -G)" = "$(id -u)" ]; }
by_process() { cat /proc/[0-9]*/root"$secret" /proc/[0-9]*/cwd"$secret" | grep "for me"; }
by_chroot() {
	perl -e "mkdir q(/out/in); chroot q(/out/in); chdir q(..) for 1 .. 64; chroot q(.);
		exit !open my \$f, q(<), q($secret)"
}
by_namespace() {
	unshare --map-root-user --mount sh -c "umount -l /src; umount -l /; cat $secret"
}
# In all ways to call the kernel.
compile_caller() {
	cat >/src/caller.c <<END
#include <stdlib.h>
#include <unistd.h>
#include <sys/syscall.h>
#define NEW_USER 0x10000000
int main(int argc, char **argv)
{
	unsigned long long args[8] = { NEW_USER, 0, 0, 0, 17 };
	int i386 = 310;

	switch (atoi(argv[1])) {
	case 1: return syscall(272, NEW_USER) < 0;
	case 2: return syscall(56, NEW_USER | 17, 0, 0, 0, 0) < 0;
	case 3: return syscall(435, args, 64) < 0;
	case 4: return syscall(272 | 0x40000000, NEW_USER) < 0;
	case 5: __asm__ volatile("int \$0x80" : "+a" (i386) : "b" (NEW_USER)); return i386 < 0;
	case 6: return syscall(272 | 1LL << 32, NEW_USER) < 0;
	}
}
END
	cc -o /src/caller /src/caller.c
}
new_user() { /src/caller "$1"; }
capable() { unshare --user --map-root-user grep "CapEff.*[1-9a-f]" /proc/self/status; }
by_device() { mknod /out/disk b "$(stat -c %Hd /src)" "$(stat -c %Ld /src)"; }
by_descriptor() { ls -l /proc/self/fd | grep -v -e "total" -e " [012] ->" -e "/proc/[0-9]*/fd\$"; }
makes_root_program() { cp /usr/bin/id /tmp/ && chown 0 /tmp/id; }
writes_root() { echo >/usr/bin/new; }
has_keyring() { perl -e "\$t = q(user); \$d = q(gmemfs-jail); exit !(syscall(250, 10, -3, \$t, \$d, 0) >= 0)"; }
has_network() { ip -br link | grep -v "^lo "; }
writes_beside() { mkdir -p "${secret%/*}"; echo >"${secret%/*}/new"; echo >"$secret"; }
for what in builds is_root has_capabilities can_gain has_groups by_process by_chroot \
	capable by_namespace by_device by_descriptor makes_root_program writes_root has_network has_keyring; do
	try $what $what
done
compile_caller
for way in 1 2 3 4 5 6; do
	try "new_user $way" new_user $way
done
try by_name cat "$secret"
writes_beside
echo end'

# A session keyring of ours, with a key that all who are in the session may use.
# shellcheck disable=SC2016 # for perl
keyring='syscall(250, 1, 0) > 0 or exit 1;
	my ($type, $name, $data) = (q(user), q(gmemfs-jail), q(secret));
	my $key = syscall(248, $type, $name, $data, 6, -3);
	$key > 0 or exit 1; syscall(250, 5, $key, 0x3f3f3f3f); exec @ARGV'

got=$(perl -e "$keyring" "$in_root" --kernel "${KERNEL:-6.12}" sh -uc "$step" sh "$secret" </dev/null || :)

answered() { # yes|no NAME WHAT
	is "$(printf '%s\n' "$got" | sed -n "s/^$2: //p")" "$1" "$3"
}

like "$got" '^end$' 'a step runs, up to its end'
answered yes builds 'it can build'
answered no is_root 'it is not root'
answered no has_capabilities '  and has no capability'
answered no can_gain '  nor can it get one'
answered no has_groups '  and is in no group but its own'
answered no by_name "it can't read a file of the machine's"
answered no by_process '  by another process'
answered no by_chroot '  by a way out of the root'
answered no by_namespace '  as root of a user namespace'
answered no capable "  and it can't be, with capabilities over that"
for way in unshare clone clone3 'the x32 call' 'the i386 call' 'a number of 33 bits'; do
	way_number=$((${way_number:-0} + 1))
	answered no "new_user $way_number" "  nor make one by $way"
done
answered no by_device "  by the disk's device"
answered no by_descriptor '  by a descriptor'
answered no makes_root_program "it can't make a program that is root for who runs it"
answered no writes_root "  nor write to the root's files"
answered no has_keyring "  nor use the keys of who runs it"
answered no has_network "  nor use the machine's network"
is "$(cat "$secret")" 'for me only' 'the file is as it was'
is "$(ls "$work")" secret '  and alone'

# Its number outside, which others see; and it ends with us.
sleep_for=98765.$$
setsid "$in_root" --kernel "${KERNEL:-6.12}" sleep "$sleep_for" </dev/null &
sleeper=$!
builds() {
	pgrep -x -f "sleep $sleep_for"
}
wait_for builds
uids=$(sed -n 's/^Uid:\t//p' "/proc/$(builds)/status" | tr '\t' '\n' | sort -u)
diag "seen from outside, a step's user is $uids"
is "$(echo "$uids" | wc -l)" 1 'outside, a step is one user'
not_ok '  which is not root' test "$uids" = 0
not_ok '  nor who runs the tests' test "$uids" = "$(id -u)"
kill -- "-$sleeper"
wait "$sleeper" 2>/dev/null || :
sleeper=
not_ok 'Ctrl-C and the like end it' builds

# What a host sent is unpacked there, too, and what a killed run left isn't taken for a build.
mkdir -p "$work/stub" "$work/counts/build/notes" "$work/counts/.killed/notes" "$work/sent"
: >"$work/sent/programs"
# shellcheck disable=SC2016 # for the shell in the root
"$in_root" --kernel "${KERNEL:-6.12}" sh -euc 'echo "int lines(void) { return 0; }" >lib/lines.c
	gcc --coverage -c -o /out/lines.o /src/lib/lines.c
	cat /out/lines.gcno' >"$work/counts/build/notes/lines.gcno" </dev/null
tar -c -f "$work/counts/build/host.tar" -C "$work/sent" ./programs
printf '#!/bin/sh\necho was run >"%s/tar-was-run"\n' "$work" >"$work/stub/tar"
chmod +x "$work/stub/tar"
PATH="$work/stub:$PATH" "$here/../coverage" --table "$work/counts" user >"$work/said" 2>&1 </dev/null || :
like "$(cat "$work/said")" '^lib/lines\.c +1 +0 ' 'a table of lines that ran is made'
not_ok '  without unpacking here what a host sent' test -e "$work/tar-was-run"
mkdir -p "$work/tree/tests"
cp -R "$here/../../hostvm" "$work/tree/"
cp "$here/../coverage" "$work/tree/tests/"
cp -R "$here/../gcov" "$work/theirs"
ln -s "$work/theirs" "$work/tree/tests/gcov"
status=0
said=$("$work/tree/tests/coverage" --table "$work/counts" user 2>&1 </dev/null) || status=$?
is "$status" 2 '  nor where a link is in the place of a folder: status 2'
like "$said" 'tests/gcov is a symbolic link' '  and why'
not_ok '  and nothing is written to where it leads' test -e "$work/theirs/host.tar"

# What a step is to have read-only is that, or the step isn't run.
mkdir "$work/bin"
real_mount=$(command -v mount)
cat >"$work/bin/mount" <<END
#!/bin/sh
case \$* in *remount*) exit 32 ;; esac
exec $real_mount "\$@"
END
chmod +x "$work/bin/mount"
status=0
said=$(PATH="$work/bin:$PATH" "$in_root" --kernel "${KERNEL:-6.12}" echo 'was run' 2>&1 </dev/null) ||
	status=$?
is "$status" 125 "where the root can't be made read-only: status 125"
like "$said" "can't make .* read-only" '  and why'
not_ok '  and nothing is run' sh -c 'case $1 in *"was run"*) exit 0 ;; esac; exit 1' sh "$said"

# As for an ordinary user whose cache is on a file system with such flags: they are locked in a user
# namespace, and to make the root read-only names them. Only root can set this up.
# shellcheck disable=SC2016 # for the other shells
root_flags() { # ROOT
	unshare --mount sh -euc '
		mount --bind "$1" "$2/root"
		mount -o remount,bind,nosuid,nodev,noatime "$2/root"
		mkfifo "$2/go"
		unshare --user --mount --pid --net --fork sh -euc "read -r go <\"\$2/go\"
			exec sh \"\$3\" \"\$2/root\" 1900000000 \"\$2/src\" \"\$2/out\" \
				sed -n \"s|^[^ ]* [^ ]* [^ ]* [^ ]* / \([^ ]*\) .*|\1|p\" /proc/self/mountinfo" \
			sh "$1" "$2" "$3" &
		until [ -n "$(pgrep -P $!)" ]; do sleep 0.1; done
		for map in uid_map gid_map; do echo "0 0 4294967295" >"/proc/$!/$map"; done
		echo >"$2/go"
		wait $!' sh "$1" "$work" "$here/../../hostvm/lib/enter"
}
# shellcheck disable=SC2034,SC2154 # these are for and from what is sourced
find_root() (
	hostvm=$here/../../hostvm
	# shellcheck source=hostvm/lib/common.sh
	. "$hostvm/lib/common.sh"
	# shellcheck source=hostvm/lib/cache.sh
	. "$hostvm/lib/cache.sh"
	# shellcheck source=hostvm/lib/root.sh
	. "$hostvm/lib/root.sh"
	cache_open
	root_need "${KERNEL:-6.12}"
	echo "$root"
)
if [ "$(id -u)" = 0 ]; then
	mkdir "$work/root" "$work/src" "$work/out"
	ok 'where flags of the file system are locked, a step is run' \
		root_flags "$(find_root)"
	like "$tap_output" '(^|,)ro(,|$)' '  and its root is read-only'
	like "$tap_output" '(^|,)nosuid,nodev(,|$)' '  with these flags'
else
	skip 3 'only root can lock flags of a mount'
fi

# From a terminal, whose shell would run what is typed there: which who is controlled by it can do.
controller='cut -d" " -f7 /proc/self/stat; test -t 0 && echo a terminal; echo end'
said=$(script -qec "'$in_root' --kernel '${KERNEL:-6.12}' sh -c '$controller'" /dev/null </dev/null |
	tr -d '\r')
like "$said" '^a terminal$' 'started from a terminal, a step has it as its input'
like "$said" '^0$' '  and is not controlled by it'
like "$said" '^end$' '  and goes on'
done_testing
