# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Completion of gmem-pager for bash.

_gmem_pager()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}

	# bash splits words at =.
	[ "$word" != = ] || word=
	if [ "$before" = = ]; then
		before=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	case $before in
	--from | --record | --replay | --status)
		compopt -o filenames
		# shellcheck disable=SC2207 # words
		COMPREPLY=($(compgen -f -- "$word"))
		return
		;;
	--ahead | --block | --ready-fd) return ;;
	esac
	case $word in
	-*)
		# shellcheck disable=SC2207 # words
		COMPREPLY=($(compgen -W '--from= --block= --ahead= --on-demand --record= --replay= --keep
			--reattach --status= --no-sandbox --ready-fd= --help --version' -- "$word"))
		[ "${COMPREPLY[0]%=}" = "${COMPREPLY[0]}" ] || compopt -o nospace
		;;
	*)
		compopt -o filenames
		# shellcheck disable=SC2207 # words
		COMPREPLY=($(compgen -f -- "$word"))
		;;
	esac
}
complete -F _gmem_pager gmem-pager
