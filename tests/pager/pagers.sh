# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
#
# What the pager's tests share. Who sources this has sourced tap.sh. There are two builds: gmem-pager,
# and one that has ASan and UBSan, which runs without the sandbox: the sanitizers make calls of their own.
#
#	make_snapshot MIB	$snapshot, with other bytes in each block
#	make_file SIZE		$file, of that size, in place of the last one
#	pager_start OPTION...	on $file, in the background; returns when somebody can be served
#	pager_end		waits for it; sets $status, and $err to its messages
#	pager_kill SIGNAL	the same, after that signal
#	missing			prints how many KiB of $file are
#	ask KEY			prints a value of what the status socket says

work=/run/pager
snapshot=$work/snapshot
file=/dev/gmem/guest
socket=$work/socket
pager=/opt/gmemfs/bin/gmem-pager
sanitized=/opt/gmemfs/tests/pager/gmem-pager
mkdir -p "$work"
export ASAN_OPTIONS=exitcode=99:detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1:exitcode=99

make_snapshot() { # MIB
	head -c "$1M" /dev/urandom >"$snapshot"
}

make_file() { # SIZE
	rm -f "$file"
	truncate --size="$1" "$file"
}

# It listens before it opens the channel: so the channel is what is waited for.
pager_start() { # OPTION...
	rm -f "$socket"
	"$pager" --status="$socket" "$@" "$file" 2>"$work/err" &
	pager_pid=$!
	until grep -q -s '^gmem-missing:.*[1-9]' "/proc/$pager_pid/fdinfo/"*; do
		kill -0 "$pager_pid" 2>"$work/null" || break
		sleep 0.05
	done
}

pager_end() {
	status=0
	wait "$pager_pid" || status=$?
	err=$(cat "$work/err")
}

pager_kill() { # SIGNAL
	kill -s "$1" "$pager_pid"
	pager_end
}

missing() {
	sed -n 's/^gmem-missing:[[:space:]]*\([0-9]*\) kB/\1/p' /proc/self/fdinfo/3 3<"$file"
}

ask() { # KEY
	socat -t 5 - "UNIX-CONNECT:$socket" </dev/null |
		python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}
