# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Messages and small helpers. stdout belongs to the command that runs in the host, so everything
# said here goes to stderr.

say() {
	printf 'hostvm: %s\n' "$*" >&2
}

# Makes text of others safe for a terminal: leaves printable ASCII, tab and newline. In UTF-8 there are more
# control characters, and others that turn a line around.
printable() {
	LC_ALL=C tr -d '\000-\010\013-\037\177-\377'
}

# The host could not be built or booted.
die() {
	say "$*"
	exit 125
}

# Runs a function that takes long: says so, gives a sign of life, and if it fails shows the end of its
# output and gives up. It runs in the background because `set -e` would not stop it at its first
# failure on the left of an `||`.
#   slowly WHAT LOGFILE FUNCTION ARGUMENTS...
slowly() {
	slow_what=$1 slow_log=$2
	shift 2
	say "$slow_what"
	"$@" >"$slow_log" 2>&1 </dev/null &
	slow_job=$!
	slow_tick "$slow_job" &
	slow_ticker=$!
	slow_status=0
	wait "$slow_job" || slow_status=$?
	kill "$slow_ticker" 2>/dev/null || :
	wait "$slow_ticker" 2>/dev/null || :
	[ "$slow_status" -ne 0 ] || return 0
	tail -n 60 "$slow_log" | printable >&2
	die "failed ($slow_status): $slow_what"
}

# Its sleep must not keep the lock of cache_locked.
slow_tick() {
	seconds=0
	while sleep 15 >/dev/null 2>&1 9>&- && kill -0 "$1" 2>/dev/null; do
		seconds=$((seconds + 15))
		say "  ... $seconds s"
	done
}

# Makes a folder for results in a tree that may be anybody's. A link on the way, which is easily a file of the
# tree's, would have us write and delete where it leads.
#   results_folder TREE NAME
results_folder() {
	results=$1 results_left=$2/
	while [ -n "$results_left" ]; do
		results=$results/${results_left%%/*}
		results_left=${results_left#*/}
		if [ -L "$results" ]; then
			say "$results is a symbolic link, and results don't go where it leads: remove it"
			return 1
		fi
		mkdir -p "$results" || return
	done
}

# A word a shell reads back as exactly these bytes.
quote() {
	printf "'"
	printf '%s' "$1" | LC_ALL=C sed "s/'/'\\\\''/g"
	printf "'"
}

# QEMU's option syntax takes a doubled comma for a comma.
qemu_word() {
	printf '%s' "$1" | LC_ALL=C sed 's/,/,,/g'
}

am_root() {
	[ "$(id -u)" -eq 0 ]
}

have() {
	command -v "$1" >/dev/null 2>&1
}
