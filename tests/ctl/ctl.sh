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

# A finding is no exit status of gmemctl's own, and never looks like one.
export ASAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=print_stacktrace=1:exitcode=99

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
	status=0
	"$ctl" "$@" >"$work/out" 2>"$work/err" || status=$?
	out=$(cat "$work/out")
	err=$(cat "$work/err")
}

json() { # ARGUMENT...
	ctl "$@" --json
	cp "$work/out" "$work/json"
}

ask() { # EXPRESSION
	python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
value = eval(sys.argv[2])
print(json.dumps(value) if isinstance(value, (bool, type(None))) else value)
' "$work/json" "$1" 2>&1
}

# The last JSON is one that Python reads.
json_is_valid() {
	python3 -m json.tool "$work/json"
}

# Text as it comes to a terminal: of COLUMNS columns, and with colours.
on_terminal() { # COMMAND
	TERM=xterm script -qec "$1" /dev/null </dev/null
}

lines() { # TEXT
	printf '%s\n' "$1" | wc -l
}
