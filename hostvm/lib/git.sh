# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Runs git on a tree that somebody else may have written. A configuration can name programs that git then
# runs, by a dozen keys and more with each version. So git sees none, the tree's or another. It sees a folder
# made here, with copies of the files that only tell which files and commits there are.

# Sets $git_dir, and $git_common, the folder that all work trees of a repository share; or fails.
#   git_find TREE
git_find() {
	git_dir=$1/.git
	if [ -f "$git_dir" ]; then
		git_dir=$(git_line "$git_dir" | sed -n 's/^gitdir: //p')
		case $git_dir in
		/*) ;;
		*) git_dir=$1/$git_dir ;;
		esac
	fi
	git_common=$git_dir
	if [ -f "$git_dir/commondir" ]; then
		git_common=$(git_line "$git_dir/commondir")
		case $git_common in
		/*) ;;
		*) git_common=$git_dir/$git_common ;;
		esac
	fi
	[ -d "$git_common/objects" ] && have git
}

# A file's first line, however much there is of it.
git_line() { # FILE
	head -c 4096 "$1" | head -n 1
}

# Only plain files are copied, and folders of them: a link may lead out of the tree, or to what has no end;
# git would wait at a FIFO for ever; and what is larger than 64 MiB is none of these.
#   git_copy FROM NAME...
git_copy() (
	cd "$1" || exit
	shift
	find "$@" -type f -size -65536k -exec cp --parents --target-directory="$git_apart" {} + 2>/dev/null || :
)

# The folder has the index, refs and the list of ignored files. Objects are read where they are, and no
# other repository is asked for a missing object.
git_fill() {
	git init --quiet --bare --template= "$git_apart" || return
	rm -rf "$git_apart/refs"
	git_copy "$git_common" refs packed-refs shallow
	[ -L "$git_common/info" ] || git_copy "$git_common" info/exclude
	git_copy "$git_dir" HEAD index
	for shared in "$git_dir"/sharedindex.*; do
		git_copy "$git_dir" "${shared##*/}"
	done
	mkdir -p "$git_apart/refs"
}

# Of what git reads where it is, such as objects and .gitignore, some may be a FIFO as well.
git_seconds=60

# Nor does it see the configuration of who runs this: a path in there may lead into the tree, as that of
# hooks does. And what a tree has doesn't depend on who asks. So no variable of git's is kept, and its HOME
# has nothing for it.
git_forget_user() {
	for variable in $(env | sed -n 's/^\(GIT_[A-Za-z0-9_]*\)=.*/\1/p'); do
		unset "$variable"
	done
	unset XDG_CONFIG_HOME
	export HOME="$git_apart" GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_ATTR_NOSYSTEM=1
}

git_run() {
	GIT_DIR=$git_apart GIT_WORK_TREE=. GIT_OBJECT_DIRECTORY=$git_common/objects \
		timeout --foreground "$git_seconds" git "$@"
}

# In a submodule git starts another git, which reads the .git/config that is there.
git_has_submodules() {
	git_run ls-files --stage >"$git_apart/staged" || return 0
	grep -q '^160000 ' "$git_apart/staged"
}

# Runs git with such a folder. Of a tree that has submodules it only lists files, for which it doesn't go
# into them, and fails if it is to do anything else.
#   git_of TREE ARGUMENTS...
git_of() (
	git_tree=$1
	shift
	git_find "$git_tree" || exit
	git_apart=$(mktemp -d)
	trap 'rm -rf "$git_apart"' EXIT
	# A signal alone would end the shell without that.
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	git_forget_user
	git_fill || exit
	cd "$git_tree" || exit
	[ "$1" = ls-files ] || ! git_has_submodules || exit
	git_run "$@"
)
