# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Completion of gmemctl for bash. Commands and options are what --help says, so
# this never lags behind.
#
# Users choose the names of files, and bash expands the words that compgen -W
# gets, and runs commands in them. So compgen -W gets only gmemctl's own words.

_gmemctl_commands() {
	"$1" --help 2>/dev/null | sed -n '/^$/,$ s/^  \([a-z]\{1,\}\)  *.*/\1/p'
}

_gmemctl_options() {
	"$1" ${2:+"$2"} --help 2>/dev/null | sed -n 's/^  \(--[a-z-]*=\{0,1\}\).*/\1/p'
}

# Offers the mounts, for an empty word. /proc/mounts has escapes in names, such as
# \040 for a blank.
_gmemctl_mounts() {
	local dir type
	COMPREPLY=()
	while read -r _ dir type _; do
		[ "$type" = gmemfs ] || continue
		printf -v dir '%b' "$dir"
		COMPREPLY+=("$dir/")
	done 2>/dev/null </proc/mounts
	compopt -o filenames 2>/dev/null
}

# Offers files: if there is no other offer, readline offers files itself, and quotes
# any name.
_gmemctl_files() {
	COMPREPLY=()
	compopt -o default 2>/dev/null
}

_gmemctl() {
	local program=$1 cur=${COMP_WORDS[COMP_CWORD]} prev='' command='' word
	local i nr=0 words=''
	COMPREPLY=()
	[ "$COMP_CWORD" -gt 0 ] && prev=${COMP_WORDS[COMP_CWORD - 1]}
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		-* | =) ;;
		*)
			# What follows --option= is no argument.
			[ "${COMP_WORDS[i - 1]}" != = ] || continue
			if [ -z "$command" ]; then
				command=$word
			else
				nr=$((nr + 1))
			fi
			;;
		esac
	done

	# Bash breaks words at "=".
	if [ "$cur" = = ]; then
		cur=
		prev=${COMP_WORDS[COMP_CWORD - 1]}
	elif [ "$prev" = = ] && [ "$COMP_CWORD" -gt 1 ]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi

	case $prev in
	--color) words='always never auto' ;;
	--svg | --output)
		_gmemctl_files
		return
		;;
	--base)
		if [ -n "$cur" ]; then _gmemctl_files; else _gmemctl_mounts; fi
		return
		;;
	--node)
		words=$(cd /sys/fs/gmemfs 2>/dev/null && printf '%s\n' node* | tr -d 'a-z*')
		;;
	--mount)
		_gmemctl_mounts
		return
		;;
	--timeout | --interval | --count | --cell | --name | --size | --pool | --zstd) return ;;
	*)
		case $command,$nr,$cur in
		,*,-*) words=$(_gmemctl_options "$program" '') ;;
		,*) words=$(_gmemctl_commands "$program") ;;
		run,0,[!-]*)
			mapfile -t COMPREPLY < <(compgen -c -- "$cur" | sort -u)
			return
			;;
		run,[!0]*)
			_gmemctl_files
			return
			;;
		*,-*) words=$(_gmemctl_options "$program" "$command") ;;
		show,0, | map,0, | verify,0, | convert,0, | save,0, | load,1,)
			_gmemctl_mounts
			return
			;;
		show,0,* | map,0,* | verify,0,* | convert,0,* | save,[01],* | load,[01],*)
			_gmemctl_files
			return
			;;
		convert,3,*) words='private shared' ;;
		esac
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	# An option that takes a value goes on.
	case ${COMPREPLY[0]-} in
	*=) compopt -o nospace 2>/dev/null ;;
	esac
}

complete -F _gmemctl gmemctl
