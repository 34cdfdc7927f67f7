#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# How gmemctl is called: help, wrong usage, exit statuses, what the manual page
# has, and completion.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/ctl/ctl.sh
. /share/ctl/ctl.sh

commands='status ls show map convert reserve release verify audit check top metrics save load setup run'
sorted='audit check convert load ls map metrics release reserve run save setup show status top verify'
completion=/opt/gmemfs/share/bash-completion/completions/gmemctl
man=/share/man/gmemctl.8

# wrong ERE ARGUMENT...: exit status 2, and one line that matches
wrong() {
	want=$1
	shift
	ctl "$@"
	is "$status" 2 "gmemctl $*: wrong usage"
	is "$(lines "$err")$out" 1 '  one line, nothing on stdout'
	like "$err" "$want" '  with a hint'
}

test_help() {
	ctl --help
	is "$status" 0 '--help'
	for command in $commands; do
		like "$out" "^  $command  " "  names $command"
	done
	ctl --version
	like "$out" '^gmemctl [0-9]+\.[0-9]+\.[0-9]+$' '--version'
	is "gmemctl $(cat /sys/module/gmemfs/version)" "$out" '  which is that of the module'
	for command in $commands; do
		ctl "$command" --help
		is "$status" 0 "$command --help"
		like "$out" "^usage: gmemctl $command \\[OPTION\\]" '  says how it is called'
		like "$out" '^  --json ' '  and that it can do JSON'
	done
}

test_wrong() {
	wrong "a command is needed.*--help"
	wrong "unknown command 'statsu'; did you mean 'status'\\?" statsu
	wrong "unknown command 'conv'; did you mean 'convert'\\?" conv
	wrong "unknown command 'frobnicate' \\(try" frobnicate
	wrong "did you mean --svg" map --svgg x
	wrong "unknown option --nothing-like-it \\(try 'gmemctl status --help" \
		status --nothing-like-it
	wrong "the command must come before" --json status
	wrong 'the arguments must be FILE' show
	wrong "too many arguments: 'extra'" status extra
	wrong 'FILE OFFSET SIZE private' convert /dev/gmem/x 0 4K
	wrong "private or shared, not 'secret'" convert /dev/gmem/x 0 4K secret
	wrong 'OFFSET must be a multiple of 4K,' convert /dev/gmem/x 1 4K shared
	wrong 'OFFSET must be a multiple of 4K,' convert /dev/gmem/x 4P2 4K shared
	wrong 'SIZE must be a multiple of 4K and not 0' convert /dev/gmem/x 0 0 shared
	wrong 'SIZE must be a multiple of 4K and not 0' convert /dev/gmem/x 0 4Q shared
	wrong 'SIZE must be a multiple of 4K and not 0' convert /dev/gmem/x 0 16777216T shared
	wrong 'SIZE must be a multiple of 4K and not 0' convert /dev/gmem/x 0 0x1000 shared
	wrong 'SIZE must be a multiple of 4K and not 0' convert /dev/gmem/x 0 '4 K' shared
	wrong 'SIZE must be a multiple of 4K and not 0' convert /dev/gmem/x 0 4e3 shared
	wrong 'OFFSET must be a multiple of 4K,' convert /dev/gmem/x -- -4K 4K shared
	wrong 'SIZE must be a multiple of 4K and not 0' convert /dev/gmem/x 0 99999999999999999999 shared
	wrong 'SIZE must be a multiple of 4K and not 0' convert /dev/gmem/x 0 '' shared
	wrong 'timeout: must be 0 to 2000000 seconds' convert --timeout=soon /dev/gmem/x 0 4K shared
	wrong 'timeout: must be 0 to 2000000 seconds' convert --timeout=0x10 /dev/gmem/x 0 4K shared
	wrong 'timeout: must be 0 to 2000000 seconds' convert --timeout=1e3 /dev/gmem/x 0 4K shared
	wrong 'timeout: must be 0 to 2000000 seconds' convert --timeout=1.5.2 /dev/gmem/x 0 4K shared
	wrong 'timeout: must be 0 to 2000000 seconds' convert --timeout=nan /dev/gmem/x 0 4K shared
	wrong 'timeout: must be 0 to 2000000 seconds' convert --timeout=2000001 /dev/gmem/x 0 4K shared
	wrong 'count: must be a number' top --count=-1
	wrong 'count: must be a number' top --count=1x
	wrong 'count: must be a number' top --count=99999999999999999999
	wrong 'node: must be a number' reserve 2M --node=0x0
	wrong 'node: must be a number' reserve 2M --node=-1
	wrong 'SIZE must be like 512M' reserve lots
	wrong 'SIZE must be like 512M' reserve 0
	wrong 'node: must be a number' reserve 2M --node=x
	wrong 'timeout: must be 0 to 2000000 seconds' reserve 2M --timeout=soon
	wrong 'either FILE or --all' verify
	wrong 'either FILE or --all' verify --all /dev/gmem/x
	wrong 'always, never or auto' ls --color=sometimes
	wrong 'needs an argument' top --count
	wrong 'count: must be a number' top --count=0
	wrong 'interval: must be 0.1 to' top --interval=0
	wrong 'the arguments must be \[--\] VMM' run --name=x
	wrong "the output is the VMM's" run --json true
	wrong 'the arguments must be FILE OUT' save /dev/gmem/x
	wrong 'zstd: must be a level from 1' save --zstd=0 /dev/gmem/x /nowhere/x
	wrong 'zstd: must be a level from 1' save --zstd=99 /dev/gmem/x /nowhere/x
	wrong 'zstd: must be a level from 1' save --zstd=fast /dev/gmem/x /nowhere/x
	wrong 'unknown option --zstd=3' load --zstd=3 /nowhere/x /dev/gmem/x
	wrong 'PID must be the number of a process' audit qemu
	wrong 'PID must be the number of a process' audit 1 0
}

# A zero in front means nothing: no number is octal.
test_decimal() {
	ctl reserve 010T
	is "$status" 1 '010T is 10T'
	like "$err" 'less memory than 10T' '  not 8T'
	truncate -s 2M /dev/gmem/x
	ctl convert /dev/gmem/x 0 04096 private
	is "$status" 0 '04096 is a page'
	ctl reserve --no-wait 2M --node=0000
	is "$status" 0 'node 0000 is node 0'
	ctl release
	rm /dev/gmem/x
}

test_failures() {
	ctl show /dev/gmem/none
	is "$status" 1 'no such file: exit status 1'
	like "$err" '/dev/gmem/none: No such file' '  and why'
	ctl map /etc/passwd
	is "$status" 1 'not a file of gmemfs'
	like "$err" 'not in a gmemfs mount' '  and why'
	ctl show /dev/gmem
	is "$status" 1 'a folder'
	ctl verify /dev/null
	is "$status" 1 'a device'
	full=0
	"$ctl" status >/dev/full 2>"$work/err" || full=$?
	is "$full" 1 'output that goes nowhere is a failure'
	ctl show "$(printf '/dev/gmem/\033[2J')"
	is "$(tr -dc '\033' <"$work/err" | wc -c)" 0 \
		'a name is not a command to the terminal'
}

# No file that gmemctl opens may get the number of a descriptor that gmemctl prints to.
test_closed() {
	closed=0
	"$ctl" ls >&- 2>"$work/err" || closed=$?
	is "$closed" 1 'no descriptor for output: a failure'
	like "$(cat "$work/err")" "can't write the output" '  and why'
	closed=0
	"$ctl" ls --json >"$work/json" <&- 2>&- || closed=$?
	is "$closed" 0 'none for input and messages'
	ok '  the output is as ever' json_is_valid
	head -c 2M /dev/zero | tr '\0' G >/dev/gmem/guest
	closed=0
	"$ctl" convert /dev/gmem/guest 4M 4K shared <&- >&- 2>&- || closed=$?
	is "$closed" 1 'none at all: convert fails'
	is "$(tr -d G </dev/gmem/guest)" '' "  and its message isn't in the guest's memory"
	rm /dev/gmem/guest
}

# The shell may have waited for it already, and then it is gone.
has_ended() { # PID
	[ ! -e "/proc/$1" ] || [ "$(awk '/^State/ { print $2 }' "/proc/$1/status")" = Z ]
}

# The process that starts gmemctl may have ignored SIGCHLD, and blocked signals.
test_signals() {
	: >"$work/top"
	python3 -c '
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
os.execv(sys.argv[1], sys.argv[1:])' "$ctl" top --json --interval=1000 >"$work/top" &
	top=$!
	wait_for test -s "$work/top"
	ignored=$(awk '/^SigIgn/ { print $2 }' "/proc/$top/status")
	is "$((0x$ignored >> 16 & 1))" 0 'SIGCHLD that was ignored is not: helpers are waited for'
	kill "$top"
	wait_for has_ended "$top"
	pass '  SIGTERM that was blocked ends it'
	wait "$top" || :
}

test_not_loaded() {
	umount /dev/gmem
	rmmod gmemfs
	for arguments in status ls 'verify --all' 'reserve 2M' release audit top metrics 'run true'; do
		# shellcheck disable=SC2086 # words
		ctl $arguments
		is "$status" 3 "not loaded: $arguments: exit status 3"
		like "$err" 'gmemfs is not loaded' '  and why'
	done
	json status
	is "$(ask 'd["loaded"]')" false '  status --json says so'
	insmod /opt/gmemfs/gmemfs.ko
	mount -t gmemfs gmemfs /dev/gmem
}

# The manual page has all commands and all options, and no others.
test_man() {
	for command in $commands; do
		like "$(cat $man)" "^\\.It Cm $command\\b" "man: $command"
	done
	for command in '' $commands; do
		"$ctl" ${command:+"$command"} --help | sed -n 's/^  --\([a-z-]*\).*/\1/p'
	done | sort -u >"$work/options"
	ok 'man: there are options' test -s "$work/options"
	while read -r option; do
		like "$(cat $man)" "Fl Fl $option\\b" "man: --$option"
	done <"$work/options"
	sed -n 's/.*Fl Fl \([a-z-]*\).*/\1/p' $man | sort -u >"$work/in-man"
	is "$(cat "$work/in-man")" "$(cat "$work/options")" 'man: and no others'
}

# offer WORD...: what bash offers for the last word; sets $offers, sorted, on one line
offer() {
	offers=$(bash -c '
		. "$0"
		COMP_WORDS=(gmemctl "$@")
		COMP_CWORD=$#
		_gmemctl gmemctl
		printf "%s\n" "${COMPREPLY[@]}"' $completion "$@" |
		sort | tr '\n' ' ')
	offers=${offers% }
}

test_completion() {
	offer ''
	is "$offers" "$sorted" 'completion: all commands'
	offer re
	is "$offers" 'release reserve' '  of those that begin so'
	offer map --
	is "$offers" '--cell= --color= --help --json --svg=' '  options of map'
	offer verify --a
	is "$offers" --all '  an option of verify'
	offer save --z
	is "$offers" --zstd= '  one of save'
	offer setup --d
	is "$offers" --dry-run '  one of setup'
	offer --v
	is "$offers" --version '  before a command'
	offer map --color = n
	is "$offers" never '  what an option takes'
	offer reserve --node = ''
	is "$offers" 0 '  a node'
	offer convert /dev/gmem/guest0 0 2M p
	is "$offers" private '  private'
	offer run --m
	is "$offers" --mount= '  an option of run'
	offer run --mount = /dev/gmem qemu-im
	is "$offers" qemu-img '  a program to run'
}

# typed LINE: the arguments that gmemctl is called with when all offers are on the line
typed() {
	LC_ALL=C timeout 120 python3 /share/ctl/tab.py $completion "$1" 2>&1
}

# Users choose the names, and root types the tabs.
# shellcheck disable=SC2016 # no commands, but names
test_completion_of_names() {
	mkdir "$work/names" "$work/names/d \$(touch made)"
	cd "$work/names"
	touch 'a blank' "$(printf 'two\nlines')" '$(touch made)' '`touch made`' "quo'te" 'v${PATH}' \
		'd $(touch made)/in'
	is "$(typed 'gmemctl show ./')" \
		'show|./$(touch made)|./`touch made`|./a blank|./d $(touch made)|./quo'"'"'te|./two~lines|./v${PATH}' \
		'names: all that there are, as they are'
	is "$(typed 'gmemctl verify ./a')" 'verify|./a blank' '  one with a blank'
	is "$(typed 'gmemctl map ./tw')" 'map|./two~lines' '  one of two lines'
	is "$(typed 'gmemctl convert ./d\ \$\(touch\ made\)/')" 'convert|./d $(touch made)/in' '  in a folder'
	is "$(typed 'gmemctl load ./a')" 'load|./a blank' '  for load'
	is "$(typed 'gmemctl save ./a\ blank ./q')" "save|./a blank|./quo'te" '  for what save writes'
	is "$(typed 'gmemctl map --svg=./a')" 'map|--svg=./a blank' '  for --svg'
	is "$(typed 'gmemctl metrics --output=./a')" 'metrics|--output=./a blank' '  for --output'
	not_ok '  no command in them was run' test -e made
	cd /
	rm -r "$work/names"
}

# shellcheck disable=SC2016 # no commands, but names
test_completion_of_mounts() {
	dir="$work/m \$(touch $work/made)"
	mkdir -p "$dir"
	mount -t gmemfs none "$dir"
	umount /dev/gmem
	is "$(typed 'gmemctl show ')" "show|$dir/" 'names: a mount'
	not_ok '  no command in it was run' test -e "$work/made"
	umount "$dir"
	mount -t gmemfs gmemfs /dev/gmem
	offer show ''
	is "$offers" /dev/gmem/ '  a mount'
}

# leaky ARGUMENT...: a run that leaks memory, with notes of its own
leaky() {
	LEAKS_SEEN=$work/notes LEAKS_LEAK=yes ctl "$@"
}

# Only a run that executes something new looks for leaks (tests/lib/leaks.c).
test_leaks() {
	if ! ldd "$ctl" | grep -q libasan; then
		skip 5 'gmemctl was built without sanitizers'
		return
	fi
	truncate -s 1M "$work/notes"
	leaky --version
	is "$status" 99 'memory that is leaked fails a run with sanitizers'
	like "$err" 'LeakSanitizer: detected memory leaks' '  which says so'
	LEAKS_SEEN=$work/notes ctl --version
	is "$status" 0 '  none is found where there is none'
	leaky --version
	is "$status" 0 '  nor in a run that executes nothing new'
	leaky status
	is "$status" 99 '  but in one that does'
}

test_build() {
	test_help
	test_wrong
	test_decimal
	test_failures
	test_closed
	test_signals
	test_not_loaded
}

for_each_build test_build
with_sanitizers test_leaks
ctl=$plain
test_man
test_completion
test_completion_of_names
test_completion_of_mounts
done_testing
