#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# How hostvm/ names a state of the source tree and brings a build tree up to date. No host is booted.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"; tap_at_exit' EXIT

hostvm=$here/../../hostvm
GMEMFS_SRC=$work/source
# shellcheck source=hostvm/lib/common.sh
. "$hostvm/lib/common.sh"
# shellcheck source=hostvm/lib/cache.sh
. "$hostvm/lib/cache.sh"
# shellcheck source=hostvm/lib/root.sh
. "$hostvm/lib/root.sh"
# shellcheck source=hostvm/lib/products.sh
. "$hostvm/lib/products.sh"

key() {
	source_pack source_list_products "$work/source.tar"
	sha256sum <"$work/source.tar"
}

# The key before and after a change to the tree.
#   changes COMMAND...
changes() {
	key_before=$(key)
	"$@"
	[ "$(key)" != "$key_before" ]
}

keeps() {
	! changes "$@"
}

in_tree() {
	(cd "$work/source" && sh -euc "$1")
}

in_tree_git() {
	in_tree "git -c user.name=t -c user.email=t@example.org $1" >/dev/null 2>&1
}

update() {
	source_pack source_list_products "$work/source.tar"
	tree_update "$work/tree" "$work/source.tar" || return
	tree_done "$work/tree"
}

as_if_unreadable() (
	PATH=$work/bin:$PATH
	tree_update "$work/tree" "$work/whole.tar"
)

update_in_little_memory() (
	# shellcheck disable=SC3045 # dash and bash have it
	ulimit -v 2000000
	update
)

built() {
	[ -e "$work/tree/src/$1" ]
}

# As after a compiler: younger than its source.
touch_object() {
	sleep 0.01
	touch "$work/tree/src/module/main.o"
}

mkdir -p "$work/source/module" "$work/source/docs" "$work/tree"
in_tree 'echo int a\; >module/main.c; echo int b\; >module/b.h; echo all: >Makefile; echo hi >docs/a.md'
in_tree_git 'init -q'
in_tree 'echo "*.o" >.gitignore'
in_tree_git 'add .'
in_tree_git 'commit -qm first'

ok 'an edit makes new products' changes in_tree 'echo int c\; >>module/main.c'
ok 'so does a new file' changes in_tree 'echo int d\; >"module/new file.c"'
ok 'and a file gone without git knowing' changes in_tree 'rm "module/new file.c" module/b.h'
ok 'and an executable bit' changes in_tree 'chmod +x module/main.c'
ok 'a new time does not' keeps in_tree 'touch -d 2001-01-01 module/main.c'
ok 'nor does a document' keeps in_tree 'echo more >>docs/a.md; echo new >README.md'
in_tree 'mkdir -p tests/module tests/lib; echo >tests/module/a.sh; echo >tests/module/a.t; echo >tests/lib/a.sh'
ok 'nor a test in sh' keeps in_tree 'echo new >tests/module/a.sh; echo new >tests/module/a.t'
in_tree 'mkdir -p bench/report; echo >bench/report/a.py; echo >bench/run'
ok 'nor the report of benchmarks' keeps in_tree 'echo new >bench/report/a.py; echo new >bench/run'
in_tree 'mkdir -p packaging debian tests/packaging; echo >packaging/deb; echo >debian/rules; echo >tests/packaging/a.c'
ok 'nor how packages are made' keeps in_tree 'echo new >packaging/deb; echo new >debian/rules; echo new >tests/packaging/a.c'
ok 'but what may be in a guest does' changes in_tree 'echo new >tests/lib/a.sh'
ok 'nor does a file that git ignores' keeps in_tree 'echo >module/main.o'
ok 'nor a commit' keeps in_tree_git 'commit -qam second'
ok 'nor a new file that git learns of' keeps in_tree_git 'add .'

update
touch_object
ok 'an update keeps what was built' update
ok '... of unchanged sources' built module/main.o
in_tree 'echo int e\; >module/main.c; touch -d 2001-01-01 module/main.c'
ok 'an older file with other contents' update
ok '... is newer than its object' test "$work/tree/src/module/main.c" -nt "$work/tree/src/module/main.o"
ok '... and has the contents' grep -q 'int e' "$work/tree/src/module/main.c"
ok '... and the object is still there' built module/main.o
in_tree 'rm docs/a.md; mkdir extra; echo 1 >extra/x.c'
ok 'an added folder is added' update
ok '... without starting anew' built module/main.o
ok '... whole' built extra/x.c
in_tree 'rm -r extra'
ok 'a removed file' update
not_ok '... starts anew' built module/main.o
touch_object
in_tree 'echo b: >>Makefile'
ok 'a changed Makefile' update
not_ok '... starts anew' built module/main.o

# What has run in a build has no part in the next one that is to be of other sources.
in_tree 'echo run >gen.sh; echo "#include \"b.h\"" >module/d.h; echo "#include \"d.h\"" >module/d.c; echo >module/b.h'
update
for change in 'echo evil >gen.sh' 'echo run >gen.sh' 'echo >module/x.awk' 'ln -s main.c module/y.c' \
	'echo >"module/a;b.c"' 'echo >module/a=b.h' 'echo >"module/\$z.S"'; do
	touch_object
	in_tree "$change"
	ok "$change" update
	not_ok '... starts anew' built module/main.o
done
in_tree 'rm module/y.c module/*[\;=\$]*'
update
touch_object
for change in 'echo int i\; >module/new.c' 'echo >module/new.h' 'echo >module/new.S'; do
	in_tree "$change"
	ok "$change" update
	ok '... does not' built module/main.o
done
mkdir -p "$work/tree/out/obj"
touch -d 2033-01-01 "$work/tree/out/obj/a.o"
in_tree 'echo int j\; >module/new.c'
ok 'with an object that a build has dated in the future, an update' update
not_ok '... starts anew' built module/main.o
touch_object
in_tree 'echo >>module/b.h'
ok 'a changed header' update
ok '... does not' built module/main.o
for file in d.c d.h; do
	ok "... but $file, which includes it, is newer than objects" \
		test "$work/tree/src/module/$file" -nt "$work/tree/src/module/main.o"
done
not_ok '... and what does not is not' \
	test "$work/tree/src/module/main.c" -nt "$work/tree/src/module/main.o"

# A link of the sources may lead to what is somebody else's, or to what has no end.
echo '#include "b.h"' >"$work/outside.h"
touch -d 2001-01-01 "$work/outside.h"
truncate -s 1T "$work/endless.h"
in_tree "ln -s '$work/outside.h' outside.h; ln -s '$work/endless.h' endless.h"
ok 'with links that lead out of the tree, an update' update
touch_object
in_tree 'echo >>module/b.h'
ok '... and one of a changed header' update_in_little_memory
ok '... without starting anew' built module/main.o
is "$(stat -c %y "$work/outside.h" | cut -c1-10)" 2001-01-01 '... and what is outside keeps its time'
in_tree 'rm outside.h endless.h'
update
# A build may make the same of a source.
truncate -s 1T "$work/tree/src/module/d.h"
touch -d 2001-01-01 "$work/tree/src/module/d.h"
in_tree 'echo >>module/b.h'
ok 'a source that a build has made endless: an update' update_in_little_memory
in_tree 'echo >>module/d.h'
update

# What a build leaves is followed nowhere.
mkdir "$work/elsewhere"
mv "$work/tree/src/module" "$work/tree/src/away"
ln -s "$work/elsewhere" "$work/tree/src/module"
in_tree 'echo int f\; >module/main.c'
ok 'where a build has put a link in place of a folder, an update' update
is "$(ls "$work/elsewhere")" '' '... writes nothing to where it leads'
ok '... and has the contents' grep -q 'int f' "$work/tree/src/module/main.c"
not_ok '... in a folder' test -L "$work/tree/src/module"
ln -s "$work/elsewhere" "$work/tree/src/new"
touch_object
ok 'a link that a build has added' update
not_ok '... starts anew' built module/main.o
in_tree 'ln -s main.c module/link'
ok 'a link of the sources' update
touch_object
ok '... is one more time' update
ok '... no reason to start anew' built module/main.o
touch_object
rm "$work/tree/manifest"
ok 'after an interruption it' update
not_ok '... starts anew' built module/main.o
root_run() {
	touch "$1/module/half.o"
	[ -z "$root_run_source" ] || touch "$1/$root_run_source"
	return "$root_run_status"
}
root_run_source=''
for root_run_status in 0 2 137; do
	touch_object
	tree_update "$work/tree" "$work/source.tar"
	status=0
	tree_make "$work/tree" all || status=$?
	is "$status" "$root_run_status" "a make that ends with $root_run_status"
	ok '... and an update' tree_update "$work/tree" "$work/source.tar"
	ok '... does not start anew' built module/main.o
	if [ "$root_run_status" -ne 0 ]; then
		not_ok '... what it has written is gone' built module/half.o
	else
		ok '... what it has written stays' built module/half.o
	fi
	tree_done "$work/tree"
done

root_run_source=module/main.c root_run_status=2
tree_update "$work/tree" "$work/source.tar"
not_ok 'a make that has changed a source and failed' tree_make "$work/tree" all
ok '... and an update' tree_update "$work/tree" "$work/source.tar"
ok '... brings it back' built module/main.c
tree_done "$work/tree"

too_much() {
	(update) 2>&1
}
in_tree 'mkdir big; for i in $(seq 17); do truncate -s 64M big/$i; done'
not_ok 'a tree of more than 1 GiB' too_much
like "$tap_output" 'more than 1 GiB.*gitignore' '... and what to do'
in_tree 'rm -r big'

# A full disk, or its like.
in_tree 'head -c 20000 /dev/urandom | od >module/z.c'
source_pack source_list_products "$work/source.tar"
cp "$work/source.tar" "$work/whole.tar"
head -c 20000 "$work/whole.tar" >"$work/source.tar"
not_ok 'half an archive: an update fails' tree_update "$work/tree" "$work/source.tar"
ok 'the next one' tree_update "$work/tree" "$work/whole.tar"
ok '... has all of it' cmp "$work/source/module/z.c" "$work/tree/src/module/z.c"
tree_done "$work/tree"
mkdir "$work/bin"
printf '#!/bin/sh\ncase $1 in *z.c) exit 1 ;; esac\nexec %s "$@"\n' "$(command -v sha256sum)" >"$work/bin/sha256sum"
chmod +x "$work/bin/sha256sum"
not_ok 'a file that cannot be read: an update fails' as_if_unreadable
in_tree 'rm module/z.c'
update

# Names that a manifest's lines would show as others: we write as ourselves, and not as nobody.
mkdir "$work/mine"
echo precious >"$work/mine/file"
refused() { # WHAT COMMAND...
	in_tree "$2"
	not_ok "$1: not built" update
	like "$tap_output" 'rename it' '... and why'
	is "$(cat "$work/mine/file")" precious "... and what is ours is untouched"
	in_tree "$3"
	ok '... without it, all is well' update
}
refused "a link's target that looks like a name" "ln -s $work/mine 'd  .'; ln -s 'd  .' sub" \
	"rm sub 'd  .'"
refused "a link's target of two lines" \
	"ln -s \"\$(printf 't\n644 0000  ./../../../mine/file\nq')\" z" 'rm z'
refused 'a name of two lines' 'echo >"$(printf "a\nb")"' 'rm a*b'
refused 'a name with a backslash' "echo >'a\\b'" "rm a*b"
ok 'a link that becomes a folder' sh -euc "cd '$work/source'; ln -s '$work/mine' sub"
ok '... is a link' update
in_tree 'rm sub; mkdir sub; echo new >sub/file'
ok '... is a folder then' update
is "$(cat "$work/mine/file")" precious '... and nothing is written through it'
ok '... but in it' built sub/file

# Files that git knows of, in a folder that has become a link: those behind it are somebody's.
in_tree 'mkdir -p folder/in; echo 1 >folder/file; echo 1 >folder/in/file'
in_tree_git 'add .'
mkdir -p "$work/mine/in"
cp "$work/mine/file" "$work/mine/in/"
packs() { # ERE
	source_pack source_list "$work/source.tar"
	tar -tf "$work/source.tar" | grep -q "$1"
}
ok 'files in folders are packed' packs '^folder/in/file$'
for link in folder folder/in; do
	in_tree "mv $link ../kept; ln -s '$work/mine' $link"
	not_ok "$link becomes a link: what is behind it is not packed" packs "^$link/"
	not_ok '... nor its contents' grep -q precious "$work/source.tar"
	ok '... but the link' packs "^$link\$"
	in_tree "echo /folder >>.git/info/exclude"
	not_ok '... nor where git ignores it' packs "^$link/"
	in_tree ": >.git/info/exclude; rm $link; mv ../kept $link"
done
ok '... and as folders again, they are' packs '^folder/in/file$'

# An index may be anybody's, and have names that git doesn't add.
# shellcheck disable=SC2016 # for perl
index_names() { # NAME
	stand_in=$(printf '%s' "$1" | sed 's/./_/g')
	in_tree "echo >'$stand_in'"
	in_tree_git "add '$stand_in'"
	in_tree "rm '$stand_in'"
	from=$stand_in to=$1 perl -MDigest::SHA=sha1 -0777 -i -pe '
		s/\Q$ENV{from}\E\0/$ENV{to}\0/ or die;
		substr($_, -20) = sha1(substr $_, 0, -20)' "$work/source/.git/index"
}
in_tree 'cp .git/index ../kept'
for name in ../mine/file "$work/mine/file" folder/../../mine/file .git/config; do
	index_names "$name"
	like "$(source_list 2>&1 | tr '\0' '\n')" "left out, no file of the tree: $name" \
		"an index with $name: it is left out"
	packs . 2>/dev/null
	not_ok '... and so is what is there' \
		grep -q -i -e precious -e repositoryformatversion "$work/source.tar"
	in_tree 'cp ../kept .git/index'
done
in_tree 'echo >plain'
in_tree_git 'add plain'
in_tree 'rm plain; mkfifo plain'
not_ok 'what is neither a file nor a link is no source' packs '^plain$'
in_tree 'rm plain; mv ../kept .git/index; truncate -s 65M large'
like "$(source_list 2>&1 | tr '\0' '\n')" 'left out, more than 64 MiB.*: large' 'nor is what is too large'
in_tree 'rm large; for i in $(seq 17); do truncate -s 64M large$i; done'
listed=$(source_list 2>/dev/null | tr '\0' '\n' | grep -c large)
ok '... nor what all of it would be' test "$listed" -le 16
in_tree 'rm large*'

# A tree's own configuration names programs that git runs, even if it only reads: for the index, as a filter
# of contents, and to fetch a missing object.
printf '#!/bin/sh\ntouch "%s/was-run"\nexit 1\n' "$work" >"$work/program"
chmod +x "$work/program"
in_tree "echo '*.c filter=f' >.gitattributes; touch module/main.c"
names_programs() { # FOLDER
	for key in core.fsmonitor filter.f.clean core.sshCommand diff.external \
		remote.origin.uploadpack core.pager pager.describe pager.diff pager.ls-files; do
		in_tree_git "-C $1 config $key '$work/program'"
	done
}
names_programs .
in_tree_git "config remote.origin.url '$work/source'"
in_tree_git 'config remote.origin.promisor true'
in_tree_git 'config core.repositoryFormatVersion 1'
in_tree_git 'config extensions.partialClone origin'
ok "a tree's .git/config that names programs: its files are listed" packs '^folder/in/file$'
not_ok '... and none of them is run' test -e "$work/was-run"
like "$(git_of "$work/source" describe --always --dirty)" '^[0-9a-f]{7,}-dirty$' '... it has a version'
not_ok '... and none of them is run' test -e "$work/was-run"

# A path in the configuration of who runs this may lead into the tree.
mkdir -p "$work/home/.config/git"
in_tree 'mkdir .hooks; tee <../program .hooks/post-index-change .hooks/fsmonitor .hooks/clean; chmod +x .hooks/*' >"$work/said"
in_tree 'touch module/main.c' # the index's times differ
as_user() ( # COMMAND...
	export HOME="$work/home" GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.hooksPath GIT_CONFIG_VALUE_0=.hooks
	export GIT_EXTERNAL_DIFF=.hooks/clean
	"$@"
)
key_of_ours=$(key)
for key in core.fsmonitor=.hooks/fsmonitor core.hooksPath=.hooks filter.f.clean=.hooks/clean; do
	git config --file "$work/home/.gitconfig" "${key%%=*}" "${key#*=}"
done
echo '*.c' >"$work/home/.config/git/ignore"
is "$(as_user key)" "$key_of_ours" "a user's configuration changes no key"
as_user git_of "$work/source" diff --quiet --ignore-submodules=all HEAD || :
is "$(export GIT_DEFAULT_HASH=sha256 && as_user key)" "$key_of_ours" '... nor does his choice of hashes'
like "$(as_user git_of "$work/source" describe --always --dirty)" '-dirty$' '... nor what git says'
not_ok '... and what it names in the tree is not run' test -e "$work/was-run"
in_tree 'rm -r .hooks'

# In a submodule git would start another git, which sees the configuration that is there.
in_tree_git 'init -q sub/module'
in_tree_git '-C sub/module commit -q --allow-empty -m first'
in_tree_git 'add sub/module'
in_tree 'touch sub/module/file'
names_programs sub/module
rm -f "$work/was-run"
ok 'with a submodule that names programs: files are listed' packs '^folder/in/file$'
for ask in 'describe --always --dirty' 'diff --quiet HEAD' 'status --short'; do
	# shellcheck disable=SC2086 # words
	not_ok "... git $ask isn't run" git_of "$work/source" $ask
done
not_ok '... and none of them is run' test -e "$work/was-run"
in_tree 'rm -r sub/module'
in_tree_git 'rm -q --cached sub/module'
rm -f "$work/was-run"

# What isn't a plain file is not read, and what git waits for where it lies has an end.
ends() { # COMMAND...
	timeout 60 sh -euc 'hostvm=$1
		. "$1/lib/common.sh"
		. "$1/lib/git.sh"
		git_seconds=10
		tree=$2
		shift 2
		git_of "$tree" "$@" || [ $? -ne 124 ]' sh "$hostvm" "$work/source" "$@"
}
for name in index HEAD packed-refs shallow refs/heads/x refs/heads/y info/exclude; do
	in_tree "mv .git/$name ../kept 2>/dev/null || :"
	in_tree "mkfifo .git/$name"
	ok ".git/$name is a FIFO: git ends" ends ls-files -co --exclude-standard
	in_tree "rm .git/$name; ln -s /dev/zero .git/$name"
	ok '... or a link to what has no end' ends describe --always --all
	in_tree "rm .git/$name; mv ../kept .git/$name 2>/dev/null || :"
done
in_tree 'mv .gitignore ../kept; mkfifo .gitignore'
is_ended() {
	ends ls-files -co --exclude-standard || [ $? -eq 1 ]
}
ok 'git waits at a FIFO in the tree no longer than that' is_ended

# Ctrl-C, or its like.
mkdir "$work/tmp"
TMPDIR=$work/tmp setsid sh -euc 'hostvm=$1; . "$1/lib/common.sh"; . "$1/lib/git.sh"
	git_of "$2" ls-files -co --exclude-standard' sh "$hostvm" "$work/source" &
waiter=$!
has_folder() {
	[ -n "$(find "$work/tmp" -path '*/HEAD')" ]
}
wait_for has_folder
kill -- "-$waiter"
wait "$waiter" 2>/dev/null || :
is_empty() {
	[ -z "$(ls "$work/tmp")" ]
}
wait_for is_empty
pass 'a signal leaves no copies behind'
in_tree 'rm .gitignore; mv ../kept .gitignore'

in_tree 'rm -f .git/objects/??/*'
git_of "$work/source" describe --always --dirty >"$work/said" 2>&1 || :
source_list >"$work/said" 2>&1
not_ok '... nor where objects are missing' test -e "$work/was-run"

# A work tree's .git is a file that names the folder with the rest.
in_tree 'mv .git ../by-itself; echo "gitdir: ../by-itself" >.git; echo ignored >../by-itself/info/exclude'
in_tree 'echo >ignored'
ok "where .git is a file, the tree's files are listed" packs '^folder/in/file$'
not_ok '... but those which git ignores' packs '^ignored$'
echo 'no index' >"$work/by-itself/index"
ok "where git can't say it, all files are sources" packs '^ignored$'

# Root can list any folder. For others, a build can make one whose owner can't list it, but walk through it.
mkdir "$work/users"
cp -R "$hostvm" "$work/users/hostvm"
# shellcheck disable=SC2016 # for the other shell
by_user() { # SCRIPT
	set -- sh -euc '
		work=$1
		hostvm=$work/hostvm
		GMEMFS_SRC=$work/source
		. "$hostvm/lib/common.sh"
		. "$hostvm/lib/cache.sh"
		. "$hostvm/lib/root.sh"
		. "$hostvm/lib/products.sh"
		# All files are one user'"'"'s, so no other ids are needed.
		in_userns() { unshare --map-root-user --mount -- "$@"; }
		update() {
			source_pack source_list_products "$work/source.tar"
			tree_update "$work/tree" "$work/source.tar" || return
			tree_done "$work/tree"
		}
		'"$1" sh "$work/users"
	if am_root; then
		setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	else
		"$@"
	fi
}
! am_root || chown -R 65534:65534 "$work/users"
chmod 711 "$work"
# shellcheck disable=SC2016 # for the other shell
if by_user 'in_userns true' 2>/dev/null; then
	ok 'a user builds' by_user 'mkdir -p "$work/source/module" "$work/theirs" "$work/tree"
		echo "int a;" >"$work/source/module/main.c"
		echo all: >"$work/source/Makefile"
		echo precious >"$work/theirs/util.h"
		update'
	ok '... and then, where a build has hidden a link in a folder' \
		by_user 'ln -s "$work/theirs" "$work/tree/src/module/x"
			chmod 311 "$work/tree/src/module"
			mkdir "$work/source/module/x"
			echo evil >"$work/source/module/x/util.h"
			update'
	is "$(cat "$work/users/theirs/util.h")" precious '... where it leads to, nothing is written'
	ok '... but in a folder' grep -q evil "$work/users/tree/src/module/x/util.h"
	ok '... and where it has hidden an object dated in the future' \
		by_user 'touch -d 2033-01-01 "$work/tree/src/module/main.o"
			chmod 311 "$work/tree/src/module"
			echo "int b;" >"$work/source/module/main.c"
			update'
	not_ok '... it starts anew' test -e "$work/users/tree/src/module/main.o"
	ok '... and where it has made a header unreadable' \
		by_user 'echo "#include <b.h>" >"$work/source/module/d.h"
			echo >"$work/source/module/b.h"
			update
			touch -d 2001-01-01 "$work/tree/src/module/d.h"
			chmod 0 "$work/tree/src/module/d.h"
			echo "int b;" >"$work/source/module/b.h"
			update'
	ok '... what it includes is looked at' \
		test "$work/users/tree/src/module/d.h" -nt "$work/users/tree/src/module/main.c"
else
	skip 8 'this user may not make user namespaces'
fi

in_tree 'rm -rf .git; mkdir build; echo >build/x'
like "$(source_list | tr '\0' '\n')" '^module/main.c$' 'outside of git, all files are sources'
is "$(printf 'a\033b\302\233c\342\200\256\177\r\td\n' | printable)" "$(printf 'abc\td')" \
	'for a terminal, only ASCII text is left of what others say'
not_ok '... but for build/' sh -c 'case $1 in *build/x*) exit 0 ;; esac; exit 1' sh \
	"$(source_list | tr '\0' '\n')"
done_testing
