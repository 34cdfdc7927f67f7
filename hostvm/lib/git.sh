# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Runs git on a tree that somebody else may have written. A tree's .git/config can name programs that git
# then runs, by a dozen keys and more with each version. So git doesn't see it. It sees a folder made here,
# with copies of the files that only tell which files and commits there are.

# Sets $git_dir, and $git_common, the folder that all work trees of a repository share; or fails.
#   git_find TREE
git_find() {
	git_dir=$1/.git
	if [ -f "$git_dir" ]; then
		git_dir=$(sed -n '1s/^gitdir: //p' "$git_dir")
		case $git_dir in
		/*) ;;
		*) git_dir=$1/$git_dir ;;
		esac
	fi
	git_common=$git_dir
	if [ -f "$git_dir/commondir" ]; then
		git_common=$(head -n 1 "$git_dir/commondir")
		case $git_common in
		/*) ;;
		*) git_common=$git_dir/$git_common ;;
		esac
	fi
	[ -d "$git_common/objects" ] && have git
}

# A link isn't followed: it may lead out of the tree.
#   git_copy FROM NAME
git_copy() {
	[ ! -e "$1/$2" ] || [ -L "$1/$2" ] || cp -R -P "$1/$2" "$git_apart/"
}

# The folder has the index, refs and the list of ignored files. Objects are read where they are, and no
# other repository is asked for a missing object.
git_fill() {
	git init --quiet --bare --template= "$git_apart"
	rm -rf "$git_apart/refs"
	git_copy "$git_common" refs
	git_copy "$git_common" packed-refs
	git_copy "$git_common" shallow
	git_copy "$git_dir" HEAD
	for index in "$git_dir/index" "$git_dir"/sharedindex.*; do
		git_copy "$git_dir" "${index##*/}"
	done
	mkdir -p "$git_apart/refs" "$git_apart/info"
	if [ -f "$git_common/info/exclude" ]; then
		cat "$git_common/info/exclude" >"$git_apart/info/exclude"
	fi
}

# Runs git with such a folder.
#   git_of TREE ARGUMENTS...
git_of() (
	git_tree=$1
	shift
	git_find "$git_tree" || exit
	unset GIT_INDEX_FILE GIT_COMMON_DIR GIT_NAMESPACE GIT_CONFIG_PARAMETERS GIT_ALTERNATE_OBJECT_DIRECTORIES
	git_apart=$(mktemp -d)
	trap 'rm -rf "$git_apart"' EXIT
	git_fill || exit
	cd "$git_tree" || exit
	GIT_DIR=$git_apart GIT_WORK_TREE=. GIT_OBJECT_DIRECTORY=$git_common/objects git "$@"
)
