# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Rules of this project that no tool knows. A check prints what breaks it and
# then fails. Mind that set -e is in force in here. Runs in a copy of the tree; $work/files lists what is in there.

# What git knows or would add, as far as it is a plain file; a name a line. Of names there are only those
# that are nothing but names to xargs, awk, a shell and all other programs: an operand like a=b sets awk's
# variable, one like -l is an option. The others go to $work/odd.
list_files() {
	: >"$work/odd"
	source_list | perl -0 -ne '
		BEGIN { open $odd, q(>), shift or die qq($!\n) }
		chomp;
		if (!m{\A[A-Za-z0-9_.][A-Za-z0-9_.+/-]*\z}) {
			s{[^ -~]}{?}g;
			print $odd qq($_\n);
		} elsif (!-l) {
			print qq($_\n);
		}' "$work/odd"
}

# The files whose names match.
#   list ERE
list() {
	grep -E -e "$1" "$work/files"
}

list_c() {
	list '\.[ch]$'
}

list_kernel_c() {
	list '^(module|include)/.*\.[ch]$'
}

list_user_c() {
	list_c | grep -v -E '^(module|include)/'
}

# Whatever its name: scripts and what scripts read in.
list_sh() {
	xargs awk '
		FNR <= 3 && /^#!.*\/(env )?(ba|da)?sh( |$)|^# shellcheck shell=/ {
			print FILENAME
			nextfile
		}' <"$work/files"
}

# Fails if something comes in, and passes it on.
nothing() {
	! grep '^'
}

# Other checks don't get to see them.
check_names() {
	sed 's/$/: a name that begins with -, or has others than letters, digits and _ . + - in it/' \
		"$work/odd" | nothing
}

# Plain text without comments, other people's text, or too short to matter; and of Debian's files those whose
# format has no place for it.
check_spdx() {
	list . | grep -v -E '\.md$|^LICENSES/|(^|/)\.git(ignore|attributes)$|^debian/(changelog|copyright|source/format)$' |
		xargs awk '
		function judge() {
			if (name && !licence)
				print name ": no SPDX-License-Identifier at the top"
		}
		FNR == 1 { judge(); name = FILENAME; licence = "" }
		FNR <= 3 && sub(/.*SPDX-License-Identifier: */, "") {
			sub(/ *(\*\/|-->) *$/, "")
			licence = $0
			print licence >licences
		}
		END { judge() }' licences="$work/licences" >"$work/missing"
	tr -s ' ' '\n' <"$work/licences" | grep -v -x -E 'AND|OR|WITH' | sort -u |
		while read -r licence; do
			[ -e "LICENSES/$licence" ] || echo "LICENSES/$licence: missing"
		done >>"$work/missing"
	nothing <"$work/missing"
}

check_modes() {
	while read -r file; do
		script=no
		[ "$(head -c 2 "$file")" != '#!' ] || script=yes
		case $script$([ ! -x "$file" ] || echo x) in
		yes) echo "$file: begins with #! but is not executable" ;;
		nox) echo "$file: is executable but does not begin with #!" ;;
		esac
	done <"$work/files" | nothing
}

check_text() {
	list . | grep -v '^LICENSES/' | while read -r file; do
		grep -n -H '[[:blank:]]$' "$file" || :
		[ -z "$(tail -c 1 "$file")" ] || echo "$file: no line break at the end"
		if grep -q "$(printf '\r')" "$file"; then
			echo "$file: has CR"
		fi
	done | nothing
}

# Links as TARGET a line.
links_in() {
	awk '/^```/ { code = !code } !code' "$1" |
		grep -o '\][(][^)]*[)]' | sed 's/^](//; s/)$//'
}

# A heading's anchor, as the usual web front ends make it.
anchors_in() {
	awk '/^```/ { code = !code } !code && sub(/^#+ */, "")' "$1" |
		tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'
}

check_links() {
	list '\.md$' | while read -r document; do
		links_in "$document" | while read -r link; do
			check_link "$document" "$link" || echo "$document: $link leads nowhere"
		done
	done | nothing
}

# A path without . and .. in it; or it fails, as the path leaves the tree.
plain_path() { # PATH
	printf '%s\n' "$1" | awk -F / '{
		for (i = 1; i <= NF; i++) {
			if ($i == "..") {
				if (!depth--)
					exit 1
			} else if ($i != "" && $i != ".") {
				part[++depth] = $i
			}
		}
		for (i = 1; i <= depth; i++)
			printf "%s%s", (i > 1 ? "/" : ""), part[i]
	}'
}

is_folder() { # PATH
	[ -z "$1" ] || path=$1/ awk 'index($0, ENVIRON["path"]) == 1 { found = 1 } END { exit !found }' "$work/files"
}

# Only what is in the tree is looked at: elsewhere is what has no end, too.
#   check_link DOCUMENT TARGET
check_link() {
	case $2 in
	*://* | mailto:*) return 0 ;;
	esac
	target=$1
	[ -z "${2%%#*}" ] || target=$(plain_path "$(dirname "$1")/${2%%#*}") || return 1
	if grep -q -x -F -e "$target" "$work/files"; then
		case $2 in
		*'#'*) anchors_in "$target" | grep -q -x -F -e "${2#*#}" ;;
		esac
	else
		is_folder "$target"
	fi
}

# What a pattern is found in must be in one file of the module.
#   owned WHAT OWNER PATTERN
owned() {
	list '^module/.*\.[ch]$' | grep -v -E "$2" |
		xargs grep -n -E -e "$3" /dev/null | sed "s/^/$1: /"
}

# In gmemctl, what users control is opened by reach.c only. All other files may open and look at what
# has a fixed name, that no user can put there; kernel.c and etc.c have functions that take one. What is
# only read, and that by the caller's rights, input.c opens.
open_elsewhere() {
	list '^ctl/.*\.[ch]$' | grep -v -E '/(reach|kernel|etc|input)\.[ch]$' |
		xargs -r grep -n -E '(^|[^_[:alnum:].>])(f?open|open64|openat2?|creat|freopen|opendir|fts_open|nftw|scandir|stat|lstat|fstatat|statx|statfs|access|faccessat|readlink|truncate|mkdir|mknod|rename|unlink|gmem_file_open|gmem_file_create)\(' /dev/null |
		grep -v -E '[(]"/(proc|sys|dev/kvm|dev/null)' | grep -v -E ':[0-9]+:([^"]*/\*|[[:space:]]*\*)' |
		sed 's/^/opened outside reach.c: /'
}

check_design() {
	{
		open_elsewhere
		owned 'a version conditional outside compat.h, kvm_*.c and vfio_*.c' \
			'/(compat\.h|(kvm|vfio)_[0-9_]+\.c)$' 'LINUX_VERSION_CODE|KERNEL_VERSION\('
		owned 'an edit of the direct map outside directmap.c' '/directmap\.c$' \
			'\bset_(memory|direct_map)_[a-z_]+\(|\bflush_tlb_'
		owned 'a map slot outside mapslot.c' '/mapslot\.c$' \
			'\b(set_pte(_at)?|vmap|vm_unmap_aliases)\(|\binvlpg\b'
		owned 'a symbol looked up outside symbol.c' '/symbol\.c$' \
			'\b(register_kprobe|kallsyms_lookup_name)\('
		owned "KVM internals outside of the guard's files" \
			'/(kvm|kvm_[0-9_]+|gpc|vcpumap|borrow|guard|vmmexit|vms)\.[ch]$' \
			'#include (<linux/kvm_host\.h>|"kvm\.h")'
		owned "VFIO internals outside of VFIO's files" '/vfio(_[0-9_]+)?\.[ch]$' \
			'\b(vaddr_get_pfns|vfio_iommu_type1_[a-z_]+|struct vfio_batch)\b'
		list_c | grep -v -E '^(include/uapi|tests)/' |
			xargs grep -n -E '\b_IO[RW]*\(' /dev/null |
			sed 's/^/an ioctl defined outside include\/uapi: /'
		{ list_c && list_sh; } | grep -v '^tests/check/' |
			xargs grep -n -w -E 'TODO|FIXME|XXX' /dev/null |
			sed 's/^/left open: /'
		owned 'a page'"'"'s word outside pageword.[ch]' '/pageword\.[ch]$' \
			'\bset_page_private\(|WRITE_ONCE\([^)]*->private'
		owned 'a change of what a page is outside frame.c, exposure.c, common.c and device.c' \
			'/(frame|exposure|common|device|pageword)\.[ch]$' \
			'\bgmem_(set_(words?|states?|bit)|clear_bit|forget_(word|device))\('
		list_c | xargs wc -l | awk '$2 != "total" &&
			$1 > ($2 ~ /^tests\// ? 900 : 600) {
			print $2 ": " $1 " lines: is it one idea?" }'
	} | nothing
}

# What CONTRIBUTING says of a commit's message, for those of the newest that aren't merges. A tree
# without its history has none.
check_commits() {
	git_find "$source_dir" || return 0
	if ! git_of "$source_dir" ls-files --stage >"$work/staged" || grep -q '^160000 ' "$work/staged"; then
		echo "the tree has a submodule, or an index that git can't read: so git isn't asked for commits"
	elif git_of "$source_dir" rev-parse --quiet --verify HEAD >/dev/null 2>&1; then
		commit_faults
	fi | nothing
}

commit_faults() {
	git_of "$source_dir" log --no-merges --max-count=30 --format='%h' >"$work/commits" ||
		echo "git can't read all of the newest commits"
	while read -r commit; do
		git_of "$source_dir" log -1 --format=%B "$commit" | message_faults | sed "s/^/$commit: /"
	done <"$work/commits"
}

# A commit's message comes in, its faults go out.
message_faults() {
	awk '
		NR == 1 && length > 72 { print "a subject of more than 72 characters" }
		NR == 1 && !/^[a-zA-Z0-9_.,\/ -]+: [^ ]/ { print "a subject without an area: " $0 }
		NR == 1 && /\.$/ { print "a full stop after the subject" }
		NR == 2 && NF { print "no empty line after the subject" }
		NR > 2 && length > 100 && !/^(Fixes|Signed-off-by|Reported-by): / { print "a line of more than 100 characters" }
		NR > 2 && NF && !/^(Fixes|Signed-off-by|Reported-by): / { body = 1 }
		/^Signed-off-by: .+ <.+@.+>$/ { signed = 1 }
		/^Fixes: / && !/^Fixes: [0-9a-f]+ \(".+"\)$/ { print "not of this form: Fixes: HASH (\"SUBJECT\")" }
		END {
			if (!body) print "no body"
			if (!signed) print "no Signed-off-by"
		}'
}
