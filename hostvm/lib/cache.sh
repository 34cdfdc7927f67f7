# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# The cache folder: who may build what when, and what is thrown away. Everything in it can be
# deleted at any time and is made again.

cache_open() {
	cache=${GMEMFS_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/gmemfs}
	mkdir -p "$cache/kernels" "$cache/roots" "$cache/products" "$cache/build" "$cache/run" "$cache/logs" \
		"$cache/states"
	cache=$(cd "$cache" && pwd -P)
}

# Runs a function while no other process holds the lock of that name. In a subshell, so that the
# lock goes with it; children inherit it, so what an interrupted build left running is waited for.
#   cache_locked NAME FUNCTION ARGUMENTS...
cache_locked() {
	lock_name=$1
	shift
	(
		if ! flock --nonblock 9; then
			say "waiting for another run that builds $lock_name"
			flock 9
		fi
		"$@"
	) 9>"$cache/$lock_name.lock"
}

# The same for what takes no longer than a boot: without a word.
cache_locked_briefly() {
	lock_name=$1
	shift
	(
		flock 9
		"$@"
	) 9>"$cache/$lock_name.lock"
}

# Marks a directory as in use until this process and its children are gone. Fails if it is not
# there (any more).
#   cache_hold FD DIR
cache_hold() {
	[ -d "$2" ] || return 1
	eval "exec $1>>\"\$2/in-use\""
	flock --shared "$1"
	touch -c "$2"
	[ -e "$2/in-use" ]
}

# Removes a directory unless a process uses it.
#   cache_drop DIR
cache_drop() (
	[ -d "$1" ] || return 0
	exec 8>>"$1/in-use"
	flock --nonblock 8 || return 0
	mv "$1" "$1.gone.$$" 2>/dev/null || return 0
	in_userns rm -rf "$1.gone.$$"
)

# Removes all but the newest COUNT directories of a folder whose names match PATTERN.
#   cache_prune FOLDER PATTERN COUNT
cache_prune() {
	for prune_dir in $(newest_first "$1" "$2" | tail -n "+$(($3 + 1))"); do
		cache_drop "$1/$prune_dir"
	done
}

# The same with all but the newest that take KIB together. Another process may be removing one of them.
#   cache_prune_to FOLDER KIB
cache_prune_to() {
	prune_left=$2
	for prune_dir in $(newest_first "$1" '*'); do
		prune_size=$(du -sk "$1/$prune_dir" 2>/dev/null | cut -f1)
		prune_left=$((prune_left - ${prune_size:-0}))
		[ "$prune_left" -ge 0 ] || cache_drop "$1/$prune_dir"
	done
}

# Names in our own folders have no white space.
newest_first() {
	find "$1" -mindepth 1 -maxdepth 1 -name "$2" -printf '%T@ %f\n' | sort -rn | cut -d' ' -f2
}

# What an interrupted build left behind. Call with the folder's lock held.
#   cache_sweep FOLDER
cache_sweep() {
	find "$1" -mindepth 1 -maxdepth 1 \( -name '*.tmp' -o -name '*.gone.*' \) |
		while read -r sweep_dir; do
			in_userns rm -rf "$sweep_dir"
		done
}

# A directory for this run alone. Its lock is inherited by QEMU, so a run directory outlives a
# killed script exactly as long as its host does.
run_dir_make() {
	for old_run in "$cache"/run/*; do
		[ -d "$old_run" ] && run_dir_reap "$old_run"
	done
	run=$(mktemp -d "$cache/run/XXXXXX")
	exec 6>"$run/in-use"
	flock --shared 6
}

# A run directory younger than a minute may not have taken its lock yet.
run_dir_reap() (
	[ -n "$(find "$1" -maxdepth 0 -mmin +1 2>/dev/null)" ] || return 0
	exec 8>>"$1/in-use" || return 0
	flock --nonblock 8 || return 0
	in_userns rm -rf "$1"
)

run_dir_remove() {
	[ -z "${run:-}" ] || in_userns rm -rf "$run"
}

# Keeps the console of a failed run, after that of the host which was saved, if it began with one; and
# the last 20 of such.
log_keep() {
	kept_log="$cache/logs/$(date +%Y%m%d-%H%M%S)-$$.log"
	log_print >"$kept_log" 2>/dev/null || :
	newest_first "$cache/logs" '*.log' | tail -n +21 | while read -r old_log; do
		rm -f "$cache/logs/$old_log"
	done
	say "the host's console: $kept_log"
}

log_print() {
	if [ "$start" = resume ]; then
		cat "$state/console"
		echo 'hostvm: the host was saved here, and this run goes on:'
	fi
	cat "$run/console"
}
