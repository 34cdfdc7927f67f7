#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What hostvm/run and hostvm/in-root answer to a wrong command line. No host is built or booted.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
cd "$here/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"; tap_at_exit' EXIT
mkdir -p "$work/a/same" "$work/b/same"

# One line that names the trouble and the way to help, nothing on stdout, and 2.
#   refuses PROGRAM TEXT ARGUMENTS...
refuses() {
	program=$1 text=$2
	shift 2
	status=0
	"hostvm/$program" "$@" >"$work/out" 2>"$work/err" || status=$?
	cat "$work/err"
	[ "$status" -eq 2 ] && [ ! -s "$work/out" ] && [ "$(wc -l <"$work/err")" -eq 1 ] &&
		grep -q -F -e "$text" "$work/err" && grep -q -e '--help' "$work/err"
}

ok 'no command' refuses run 'which command?'
ok 'no command after --' refuses run 'which command?' --
ok 'an unknown option' refuses run 'unknown option --bogus' --bogus -- true
ok 'a command without --' refuses run 'after --' true
ok 'an option without its argument' refuses run '--mem needs an argument' --mem
ok 'an unknown kernel' refuses run 'no kernel 5.4' --kernel 5.4 -- true
ok 'no CPUs' refuses run '--cpus' --cpus 0 -- true
ok 'no nodes' refuses run '--nodes' --nodes 0 -- true
ok 'more nodes than CPUs' refuses run '--nodes' --nodes 3 -- true
ok 'CPUs in words' refuses run '--cpus' --cpus two -- true
ok 'a bad size' refuses run '--mem' --mem 4Q -- true
ok 'a bad time' refuses run '--timeout' --timeout 1m -- true
ok 'no such device' refuses run '--device' --device floppy -- true
ok 'no file of variables' refuses run '--uefi' --uefi /nonexistent -- true
ok 'a directory that is not there' refuses run '--share' --share /nonexistent -- true
ok 'two directories of one name' refuses run 'two directories named same' \
	--share "$work/a/same" --share "$work/b/same" -- true
ok 'a command and --shell' refuses run '--shell takes no command' --shell -- true
ok 'in-root: no command' refuses in-root 'which command?'
ok 'in-root: an unknown option' refuses in-root 'unknown option --bogus' --bogus
ok 'in-root: an unknown kernel' refuses in-root 'no kernel 5.4' --kernel 5.4 true

like "$(hostvm/run --help)" '^usage: hostvm/run' 'run --help'
like "$(hostvm/in-root --help)" '^usage: hostvm/in-root' 'in-root --help'

# Results go into the tree, and a link in there may lead anywhere. No host is built or booted.
mkdir "$work/tree" "$work/victim"
cp -R hostvm tests bench "$work/tree/"
tells_of_link() { # LINK COMMAND...
	shift
	status=0
	(cd "$work/tree" && "$@" >"$work/out" 2>&1) || status=$?
	cat "$work/out"
	[ "$status" -eq 2 ] && grep -q 'is a symbolic link' "$work/out"
}
cannot_follow() { # LINK COMMAND...
	for name in bench coverage said; do
		mkdir -p "$work/victim/$name"
		echo mine | tee "$work/victim/results.json" >"$work/victim/$name/results.json"
	done
	find "$work/victim" | sort >"$work/before"
	mkdir -p "$(dirname "$work/tree/$1")"
	ln -s "$work/victim" "$work/tree/$1"
	ok "$1 is a link: $2 says so" tells_of_link "$@"
	is "$(find "$work/victim" | sort)" "$(cat "$work/before")" '  and leaves what is there'
	rm "$work/tree/$1"
}
for link in build build/bench; do
	cannot_follow "$link" bench/run --only speed
done
cannot_follow build/coverage tests/coverage user
cannot_follow build/said tests/run hostvm/usage
cannot_follow build/said/6.12 env KERNEL=6.12 tests/run hostvm/usage
cannot_follow build/said/6.12/tests env SAID=build/said/6.12 KERNEL=6.12 tests/run --one tests/lib/start tests/hostvm/none
done_testing
