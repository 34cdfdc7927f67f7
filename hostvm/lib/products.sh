# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# The module, the library and the tools, built in the root from the source tree, once for every state
# of the tree.

# shellcheck source=hostvm/lib/git.sh
. "$hostvm/lib/git.sh"

# The tree to build. Our own tests put another one in its place.
source_dir=${GMEMFS_SRC:-$(cd "$hostvm/.." && pwd -P)}
# For who wants to know which lines run: see coverage_keep.
products_flavour=${GMEMFS_COVERAGE:+-coverage}

# Names of the source files, NUL-separated: in a checkout the files that git knows or would add. Elsewhere,
# or if git fails, everything except what a build leaves.
source_list() {
	source_names | source_in_tree
}

source_names() {
	if [ ! -e "$source_dir/.git" ] ||
		! git_of "$source_dir" ls-files -z -co --exclude-standard; then
		(cd "$source_dir" && find . \( -name .git -o -path ./build \) -prune -o \
			\( -type f -o -type l \) -printf '%P\0')
	fi
}

# git lists the names of an index as they are, though it wouldn't add ../x, /x or .git/config to one. For
# git, a file whose folder a symbolic link has replaced is a deleted one, and still listed; we would follow
# the link. Neither is a file of the tree's, nor is a device. And a file of a terabyte that is one hole would
# be as many zeros in the cache. If it is too much in all, the list has a name that no tree can have.
# shellcheck disable=SC2016 # for perl
source_in_tree() {
	perl -0 -e '
		my ($all, $most, $most_of_all) = (0, 64 << 20, 1 << 30);
		sub left_out {
			my ($why, $name) = @_;
			$name =~ s{[^ -~]}{?}g;
			print STDERR qq(hostvm: left out, $why: $name\n);
		}
		chdir shift or die qq($!\n);
		NAME: while (my $name = <STDIN>) {
			chomp(my $folder = $name);
			$folder =~ s{/\z}{};
			if ($folder =~ m{(^|/)(\.{0,2}|\.git)(/|\z)}i) {
				left_out(q(no file of the tree), $folder);
				next;
			}
			next unless -l $folder || -f _;
			my $size = -s _;
			if ($size > $most) {
				left_out(q(more than 64 MiB), $folder);
				next;
			}
			while ($folder =~ s{/[^/]*\z}{}) {
				next NAME if $is_link{$folder} //= -l $folder ? 1 : 0;
			}
			$all += $size;
			print $all > $most_of_all ? qq(/too much\0) : $name;
		}' "$source_dir"
}

# The same without what cannot change the products: tests in sh run from the tree, or are shared
# with a host, and the benchmarks' report is made from the tree. What is in tests/lib may be in a
# guest's initrd.
source_list_products() {
	source_list | LC_ALL=C grep -z -v -E \
		-e '^(hostvm|packaging|debian|tests/(hostvm|packaging|check|debug)|\.github)/' -e '\.md$' \
		-e '^bench/(report/|(draw|make-programs|make-report|plots\.gp|run)$)' \
		-e '^tests/(compare|coverage|kernels|run)$' -e '^tests/gcov/([^/]*\.py|module|user)$' \
		-e '^tests/[^/]*/([^/]*\.t|table)$' -e '^tests/lib/(start|together|table\.sh)$' \
		-e '^tests/(abuse|bench|ctl|devices|e2e|guard|libgmem|module|pager|vmm)/[^/]*\.sh$'
}

# An archive of those files that depends on nothing but their names, contents and modes, so that its
# hash names them. A file that is deleted but not yet committed is still listed: it is left out.
#   source_pack LIST_FUNCTION ARCHIVE
source_pack() {
	"$1" | LC_ALL=C sort -zu >"$2.list"
	! grep -q -z -x '/too much' "$2.list" ||
		die 'the source tree has more than 1 GiB in files that git would add: remove them, or name them in .gitignore'
	tar -C "$source_dir" --create --file="$2" --format=gnu --null --no-recursion \
		--mtime=@0 --owner=0 --group=0 --numeric-owner --mode='u+rw,go=u,go-w' \
		--ignore-failed-read --warning=no-failed-read --warning=no-file-changed \
		--files-from="$2.list" 2>"$2.err" || [ $? -eq 1 ] || {
		cat "$2.err" >&2
		die 'could not read the source tree'
	}
}

# Sets $products: a directory laid out as /opt/gmemfs.
products_need() {
	source_pack source_list_products "$run/source.tar"
	products_key=$({ echo "$root_id $kver$products_flavour" && cat "$run/source.tar"; } | sha256sum | cut -c1-32)
	products_dir=$cache/products/$root_id-$products_key
	products=$products_dir/opt
	if ! products_hold; then
		cache_locked products products_make
		products_hold || die "$products_dir vanished while in use: is something cleaning the cache?"
	fi
	rm -f "$run"/source.tar*
}

products_hold() {
	[ -e "$products_dir/complete" ] && cache_hold 5 "$products_dir" &&
		[ -e "$products_dir/complete" ]
}

products_make() {
	cache_sweep "$cache/products"
	[ ! -e "$products_dir/complete" ] || return 0
	products_tmp=$products_dir.tmp
	mkdir -p "$products_tmp/opt"
	slowly "building gmemfs for kernel $kver" "$products_tmp/log" products_build
	: >"$products_tmp/complete"
	rm -rf "$products_dir"
	mv "$products_tmp" "$products_dir"
	cache_prune "$cache/products" "$root_kernel-*" 5
	cache_prune "$cache/build" '*' 6
}

# In blocks of 512 bytes: 2 GiB. A file that is one hole would be as many zeros.
products_most=4194304

# The tree is built where it was built last time, into the same OUT, so that only what changed is
# compiled again. Objects, in OUT/obj, are not products.
products_build() {
	tree=$cache/build/$root_id-$(echo "$source_dir" | sha256sum | cut -c1-32)$products_flavour
	mkdir -p "$tree/src" "$tree/out"
	touch "$tree"
	# From one that was interrupted.
	root_give 0 "$tree"
	tree_update "$tree" "$run/source.tar" || return
	tree_make "$tree" products KVER="$kver" ${products_flavour:+COVERAGE=yes} || return
	[ -e "$tree/out/gmemfs.ko" ] || {
		echo "make products left no OUT/gmemfs.ko"
		return 1
	}
	(
		ulimit -f "$products_most" 2>/dev/null || : # it is lower already
		in_userns tar -C "$tree/out" --exclude=./obj --mode=ug-s --create --file="$run/products.tar" .
	)
	tar -C "$products_tmp/opt" --extract --file="$run/products.tar"
	rm -f "$run/products.tar"
}

# A compiler or a make that is killed may leave half an object, younger than its source. Memory that runs out
# kills any of them, and the make above it only says that something failed. So after a failure, all that this
# make has written is removed; and if we are killed ourselves, the next build restarts: see tree_must_restart.
#   tree_make TREE ARGUMENT...
tree_make() {
	made=$1
	shift
	touch "$made/started" || return
	sleep 0.05 # longer than a tick of the clock that files have their times from
	made_status=0
	root_run "$made/src" "$made/out" make --jobs="$(nproc)" OUT=/out "$@" || made_status=$?
	[ "$made_status" -eq 0 ] || tree_drop_new "$made" || return
	# One that has also changed sources has lost these now: then the next build restarts, too.
	! tree_has_all "$made" || tree_done "$made" || return
	return "$made_status"
}

tree_has_all() {
	cut -d' ' -f4- "$1/manifest.new" | (
		cd "$1/src" || exit
		while read -r file; do
			[ -e "$file" ] || [ -L "$file" ] || exit
		done
	)
}

tree_drop_new() {
	in_userns find "$1/src" "$1/out" -newer "$1/started" ! -type d -delete
}

tree_done() {
	mv "$1/manifest.new" "$1/manifest"
}

# Brings a build tree up to date by content, not by time: a file that differs gets a time of now, so
# make sees every change, even to an older version. What it becomes has the name of these sources, so no
# other sources may have a part in it, whatever they were: see tree_must_restart.
#   tree_update TREE ARCHIVE
# Each step may fail, on a full disk for one, and set -e isn't in force in what a caller looks at the status of.
tree_update() {
	rm -rf "$1/new" &&
		mkdir "$1/new" &&
		tar -C "$1/new" --extract --touch --file="$2" &&
		tree_names_are_plain "$1/new" &&
		tree_manifest "$1/new" >"$1/manifest.new" &&
		tree_manifest_is_whole "$1/manifest.new" &&
		: >>"$1/manifest" &&
		mv "$1/manifest" "$1/manifest.old" || return
	if tree_must_restart "$1"; then
		tree_restart "$1"
	else
		tree_go_on "$1"
	fi
}

tree_restart() {
	in_userns rm -rf "$1/src" "$1/out" &&
		mkdir "$1/out" &&
		mv "$1/new" "$1/src"
}

tree_go_on() {
	tree_changed "$1" >"$1/changed" || return
	while read -r file; do
		mkdir -p "$(dirname "$1/src/$file")" &&
			rm -f "$1/src/$file" &&
			mv "$1/new/$file" "$1/src/$file" || return
	done <"$1/changed"
	tree_touch_includers "$1" <"$1/changed" &&
		rm -rf "$1/new"
}

newline='
'

# A manifest is lines of words: a name or a link's target that looks like more than one of them would
# have us write or remove files elsewhere, and we aren't nobody.
tree_names_are_plain() {
	odd=$(cd "$1" && LC_ALL=C find . \( -name "*$newline*" -o -name '*  *' -o -name '* ' \
		-o -name '*\\*' -o -lname '*[[:space:]\\]*' \) -printf '%p -> %l\n' | head -n 1)
	[ -n "$odd" ] || return 0
	echo "the source tree has '$odd': a name with a line break, a backslash or two blanks in a row, or a symbolic link to one with any blank, isn't built; rename it" >&2
	return 1
}

# Lines of MODE HASH NAME.
tree_manifest() {
	(
		cd "$1" &&
			find . -type f -printf '%m ' -exec sha256sum {} \; &&
			find . -type l -printf 'link %l  %p\n' || echo failed
	) | LC_ALL=C sort
}

# find doesn't tell that a program failed; then a line has no hash.
tree_manifest_is_whole() {
	! LC_ALL=C grep -a -v -E '^([0-7]+ [0-9a-f]{64}|link [^ ]+)  \./' "$1" >&2
}

# A build may have taken from us the right to list a folder, but not that to walk through it: we would follow a
# link that we can't see. In a user namespace, all can be seen. What can't be searched counts as new.
tree_has_new_links() {
	(cd "$1/src" && in_userns find . -type l -printf 'link %l  %p\n') >"$1/links.found" &&
		LC_ALL=C sort "$1/links.found" >"$1/links" || return 0
	[ -n "$(grep '^link ' "$1/manifest.old" | LC_ALL=C sort | LC_ALL=C comm -13 - "$1/links")" ]
}

tree_has_younger() {
	younger=$(in_userns find "$1/src" "$1/out" -newer "$1/new" -print -quit) || return 0
	[ -n "$younger" ]
}

tree_changed() {
	LC_ALL=C comm -13 "$1/manifest.old" "$1/manifest.new" | sed 's/^[^ ]* [^ ]*  //'
}

# Not every Makefile knows all headers that its programs include. So what includes a changed file, or a file
# that does so, is as good as changed. The names of such files come in. A link is neither read nor touched,
# as it may lead out of the tree, or to what has no end; nor is what a build has made larger than any source.
# What a build has made unreadable for us is read, too.
#   tree_touch_includers TREE
# shellcheck disable=SC2016 # for perl
tree_touch_includers() {
	in_userns perl -e '
		chdir "$ARGV[0]/src" or die qq($!\n);
		my (%includers, %seen);
		my @changed = map { m{([^/\n]*)\n} } <STDIN>;
		open my $manifest, q(<), "../manifest.new" or die qq($!\n);
		for my $file (map { m{^[0-7]+ [0-9a-f]{64}  (\./.*\.[chS])\n} } <$manifest>) {
			!-l $file && -f _ && -s _ <= 64 << 20 && open my $text, q(<), $file or next;
			push @{$includers{$_}}, $file for
				map { m{inc(?:lude|bin)[^<"]*[<"](?:[^>"]*/)?([^>"/]+)[>"]} } <$text>;
		}
		while (defined(my $name = pop @changed)) {
			for my $file (grep { !$seen{$_}++ } @{$includers{$name} // []}) {
				utime undef, undef, $file or die qq($file: $!\n);
				push @changed, $file =~ m{([^/]*)\z};
			}
		}' "$1"
}

# All but sources in C and assembler may be run by a build, and could have written anything, with any time,
# into the tree. A compiler only compiles, but writes the names of files into what make reads (*.d).
tree_compiled='[0-7]+ [0-9a-f]{64}  \./[A-Za-z0-9_./+-]+\.[chS]'

# A build goes on in what an earlier one left only if that one has run the same makefiles and scripts, as
# then it has done nothing else than this one would have. So no step may run what it has compiled. A deleted
# file may have been a header or made a product, and a link that the build has made we would follow. And
# where the clock was set back, objects look younger than the sources of now.
# The old manifest has been taken away: where an update or a build is interrupted, the next one restarts.
tree_must_restart() {
	cut -d' ' -f4- "$1/manifest.old" | LC_ALL=C sort >"$1/names.old" || return 0
	cut -d' ' -f4- "$1/manifest.new" | LC_ALL=C sort >"$1/names.new" || return 0
	[ -n "$(LC_ALL=C comm -23 "$1/names.old" "$1/names.new")" ] ||
		[ ! -s "$1/manifest.old" ] || tree_has_new_links "$1" || tree_has_younger "$1" ||
		LC_ALL=C comm -13 "$1/manifest.old" "$1/manifest.new" | grep -q -v -x -E "$tree_compiled"
}
