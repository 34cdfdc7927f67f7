# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
#
# What gmemctl's tests share. Who sources this has sourced tap.sh. There are two
# builds: gmemctl, and one that has ASan and UBSan. Tests that take long run with
# the second alone, guest.sh with the first.
#
#	for_each_build FUNCTION		sets $ctl to the build
#	with_sanitizers FUNCTION	the same, for that build only
#	ctl ARGUMENT...			runs it; sets $status, $out and $err
#	json ARGUMENT...		with --json; the document is in $work/json
#	ask EXPRESSION			of that document, which is d in Python

work=/run/ctl
mkdir -p "$work"

# A finding is no exit status of gmemctl's own, and never looks like one. A run looks for leaks if it
# executes code that no run before it has executed: see tests/lib/leaks.c. Users run gmemctl, too.
export ASAN_OPTIONS=exitcode=99:leak_check_at_exit=0 UBSAN_OPTIONS=print_stacktrace=1:exitcode=99
export LEAKS_SEEN=$work/leaks-seen
truncate -s 1M "$LEAKS_SEEN"
chmod 666 "$LEAKS_SEEN"

plain=/opt/gmemfs/bin/gmemctl
sanitized=/opt/gmemfs/tests/ctl/gmemctl

for_each_build() { # FUNCTION
	for ctl in "$plain" "$sanitized"; do
		diag "with $ctl"
		"$1"
	done
}

with_sanitizers() { # FUNCTION
	ctl=$sanitized
	"$1"
}

ctl() { # ARGUMENT...
	ctl_to "$work/out" "$@"
}

json() { # ARGUMENT...
	ctl_to "$work/json" "$@" --json
}

# A process takes long to start in an emulated host: none is started to read an empty file.
ctl_to() { # FILE ARGUMENT...
	to=$1
	shift
	status=0 out='' err=''
	"$ctl" "$@" >"$to" 2>"$work/err" || status=$?
	[ ! -s "$to" ] || out=$(cat "$to")
	[ ! -s "$work/err" ] || err=$(cat "$work/err")
}

# Sets $preload, for LD_PRELOAD. Under ASan its library has to come first.
find_preload() { # NAME
	preload=/opt/gmemfs/tests/ctl/$1.so
	asan=$(ldd "$ctl" | awk '$1 ~ /^libasan/ { print $3 }')
	preload=$asan${asan:+:}$preload
}

# One process answers all questions of a test, see ask.py. It lives as long as the host.
ask() { # EXPRESSION
	if ! [ -p "$work/answer" ]; then
		mkfifo "$work/question" "$work/answer"
		/share/ctl/ask.py "$work/json" "$work/question" "$work/answer" >/dev/null 2>&1 &
	fi
	printf '%s' "$1" >"$work/question"
	cat "$work/answer"
}

# The last JSON is one that Python reads.
json_is_valid() {
	[ "$(ask '"valid"')" = valid ]
}

# Text as it comes to a terminal: of COLUMNS columns, and with colours.
on_terminal() { # COMMAND
	TERM=xterm script -qec "$1" /dev/null </dev/null
}

lines() { # TEXT
	printf '%s\n' "$1" | wc -l
}
