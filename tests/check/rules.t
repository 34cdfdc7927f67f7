#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Each of our own rules finds what breaks it, and nothing else.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"

GMEMFS_SRC=$(mktemp -d)
export GMEMFS_SRC
victim=$GMEMFS_SRC.victim
faults=$GMEMFS_SRC.faults
trap 'rm -rf "$GMEMFS_SRC" "$victim" "$faults"; tap_at_exit' EXIT
cd "$GMEMFS_SRC"

# put FILE [LINE...]: below a licence
put() {
	put_file=$1
	shift
	mkdir -p "$(dirname "$put_file")"
	printf '%s\n' '// SPDX-License-Identifier: GPL-2.0' "$@" >"$put_file"
}

good_tree() {
	find . -mindepth 1 -delete
	mkdir LICENSES
	: >LICENSES/GPL-2.0
	put module/compat.h '#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)'
	put module/directmap.c 'set_memory_np(addr, 1);'
	put module/mapslot.c 'set_pte(entry, pte);'
	put module/symbol.c 'register_kprobe(&kp);'
	put module/guard.c '#include <linux/kvm_host.h>'
	put module/kvm_6_12.c '#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)'
	put ctl/reach.c 'fd = openat(dir, name, O_PATH);'
	put ctl/kernel.c 'fd = open(path, O_RDONLY);'
	put ctl/etc.c 'fd = open(path, O_RDONLY);'
	put ctl/a.c 'fd = open("/proc/kcore", O_RDONLY);' 'list = reach_list(dir, &err);' \
		'fdopen(fd, "r"); inventory_open(inv, f);' '/* open(path) */'
	put include/uapi/linux/gmemfs.h '#define GMEM_GET_INFO _IOWR(0xB9, 0, int)'
	printf '#!/bin/sh\n# SPDX-License-Identifier: GPL-2.0\n' >script
	chmod +x script
	printf '%s\n' '# A heading, with `code`' '[a](#a-heading-with-code)' \
		'[b](docs/b.md#b) [c](https://example.org/c)' >README.md
	mkdir docs
	printf '%s\n' '# B' '[up](../README.md)' '[a](../docs/./b.md#b) [folder](../docs) [top](..) [m](../module/)' '```' '[no](link)' '```' >docs/b.md
}

# check NAME: the rule passes
check() {
	"$here/run" "$1"
}

# breaks RULE WHAT MESSAGE: it fails, and says so
breaks() {
	not_ok "$1: $2" check "$1"
	like "$tap_output" "$3" '  and says what and where'
	good_tree
}

# A check takes its time, so one looks at many faults. Each is in a file of its own.
#	also WHAT MESSAGE	there is this fault, too
#	all_break RULE		it fails, and says all of them
also() {
	printf '%s\n%s\n' "$1" "$2" >>"$faults"
}

all_break() { # RULE
	not_ok "$1: $(($(wc -l <"$faults") / 2)) kinds of faults" check "$1"
	while read -r what && read -r message; do
		like "$tap_output" "$message" "$1: $what"
	done <"$faults"
	: >"$faults"
	good_tree
}

good_tree
for rule in names spdx modes text links design; do
	ok "$rule: nothing wrong in a good tree" check "$rule"
done

# Names that a tool would take for something else, and no tool gets to see.
for name in -l a=b 'a b' 'a"b' "a'b" 'a\b' 'a*' "$(printf 'a\nb')" "$(printf '\033c')" m/a:b; do
	put "./$name" 'int i; '
done
ok 'text: odd names are not looked at' check text
not_ok 'names: odd names' check names
for shown in -l a=b 'a b' 'a"b' "a'b" 'a\\b' 'a\*' 'a\?b' '\?c' m/a:b; do
	like "$tap_output" "$shown: a name that begins with -, or has others than" "names: $shown"
done
good_tree
put "licences=$victim"
printf '# SPDX-License-Identifier: id\n' >m.sh
check spdx >/dev/null 2>&1 || :
not_ok "a name that looks like awk's variable sets none" test -e "$victim"
good_tree
: >-l
changed=$(stat -c %z script)
check text >/dev/null 2>&1 || :
is "$(stat -c %z script)" "$changed" "a name that looks like an option of cp's isn't one"
good_tree
echo 'a secret ' >"$victim"
ln -s "$victim" module/a.c
ok 'what a link leads to is not looked at' check text
rm "$victim"
good_tree

echo 'int i;' >module/a.c
breaks spdx 'no licence' 'module/a\.c: no SPDX'
printf '// SPDX-License-Identifier: MIT\n' >module/a.c
breaks spdx 'a licence without its text' 'LICENSES/MIT: missing'

chmod -x script
breaks modes 'a script nobody can run' 'script: begins with #! but'
chmod +x module/guard.c
breaks modes 'a source file that is executable' 'module/guard\.c: is executable'

put module/a.c 'int i; '
breaks text 'a trailing blank' 'module/a\.c:2:'
printf 'no end' >>module/guard.c
breaks text 'no line break at the end' 'module/guard\.c: no line break'
printf 'a\r\n' >>README.md
breaks text 'a carriage return' 'README\.md: has CR'

echo '[x](nowhere.md)' >>docs/b.md
breaks links 'a link to no file' 'docs/b\.md: nowhere\.md leads nowhere'
echo '[x](../../../../../../../../../../dev/zero)' >>docs/b.md
breaks links 'a link out of the tree' 'zero leads nowhere'
echo '[x](../../../../../../../../../../etc/passwd)' >>docs/b.md
breaks links 'one to a file of the machine' 'passwd leads nowhere'
echo '[x](docs/b.md#nothing)' >>README.md
breaks links 'a link to no heading' 'README\.md: docs/b\.md#nothing leads'

put module/a1.c '#if LINUX_VERSION_CODE > 1'
also 'a version conditional' 'outside compat\.h.*: module/a1\.c:2'
put module/kvm_a.c '#if LINUX_VERSION_CODE > 1'
also 'a version conditional in what only looks like KVM' \
	'outside compat\.h.*: module/kvm_a\.c:2'
put module/a2.c 'set_direct_map_valid_noflush(page, 1, true);'
also 'an edit of the direct map' 'outside directmap\.c: module/a2\.c:2'
put module/a3.c 'flush_tlb_all();'
also 'a flush' 'outside directmap\.c: module/a3\.c:2'
put module/a4.c 'set_pte(entry, pte);'
also 'a page-table entry set' 'outside mapslot\.c: module/a4\.c:2'
put module/a5.c 'register_kprobe(&kp);'
also 'a symbol looked up' 'outside symbol\.c: module/a5\.c:2'
put module/a6.h '#include <linux/kvm_host.h>'
also 'KVM internals' "outside of the guard's files: module/a6\.h:2"
put module/a7.c '#include "kvm.h"'
also 'KVM internals by a header of ours' \
	"outside of the guard's files: module/a7\.c:2"
put module/a8.h '#define GMEM_B _IO(0xB9, 1)'
also 'an ioctl' 'include/uapi: module/a8\.h:2'
for call in 'open(path, O_RDONLY)' 'fopen(path, "re")' 'opendir(dir)' 'fts_open(paths, 0, NULL)' \
	'stat(path, &st)' 'openat(dir, name, O_RDONLY)' 'access(path, F_OK)'; do
	n=$((${n-0} + 1))
	put "ctl/b$n.c" "x = $call;"
	also "gmemctl: $call" "outside reach\\.c: ctl/b$n\\.c:2"
done
put lib/a.c "/* $(printf 'TO%s' DO): later */"
also 'something left open' 'left open: lib/a\.c:2'
put module/a9.c 'set_page_private(page, 1);'
also "a page's word" 'outside pageword\.\[ch\]: module/a9\.c:2'
put module/a10.c 'gmem_set_state(frames, page, GMEM_HIDDEN);' 'gmem_set_states(frames, page, 2, 1);'
also 'a change of what a page is' 'outside frame\.c, exposure\.c, common\.c and device\.c: module/a10\.c:3'
yes 'int i;' | head -n 601 >module/a11.c
also 'a long file' 'module/a11\.c: 601 lines'
mkdir tests
yes 'int i;' | head -n 901 >tests/a.c
also 'a long test' 'tests/a\.c: 901 lines'
all_break design

# commit MESSAGE: the only one of a history
commit() {
	rm -rf .git
	git init -q
	git -c user.name=A -c user.email=a@example.org commit -q --allow-empty --cleanup=verbatim -m "$1"
}

signed='Signed-off-by: A <a@example.org>'
commit "area: it is so

Because of that.

Fixes: 0123456789ab (\"area: a subject that is longer than the lines of the body of a message may be\")
$signed"
ok 'commits: nothing wrong with a good one' check commits
commit "area: it is so

$signed"
breaks commits 'no body' '[0-9a-f]+: no body'
commit 'area: it is so

Because of that.'
breaks commits 'no sign-off' 'no Signed-off-by'
commit "it is so

Because of that.

$signed"
breaks commits 'no area' 'without an area: it is so'
commit "area: it is so.
Because of that.

$signed"
breaks commits 'a full stop' 'a full stop'
commit "area: it is so
Because of that.

It was not.

$signed"
breaks commits 'no empty line' 'no empty line'
commit "area: $(printf 'it is so %.0s' 1 2 3 4 5 6 7 8)

Because of that.

$signed"
breaks commits 'a long subject' 'more than 72'
commit "area: it is so

Because of that.

Fixes: abc
$signed"
breaks commits 'a commit that is mended, by half' 'not of this form'
commit "area: it is so

Because of that.

$signed"
git update-index --add --cacheinfo "160000,$(git rev-parse HEAD),sub"
breaks commits 'a submodule, so that git is not asked' 'the tree has a submodule'
commit "area: it is so

Because of that.

$signed"
rm -f .git/objects/??/*
breaks commits 'a commit that is not there' "can't read"

done_testing
