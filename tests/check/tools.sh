# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Checks by tools of the Debian root. A check prints what it finds and fails.

# Runs a command in the root: the sources are /src, the current directory, and
# what it leaves in /out is there for the next one. What it makes of the sources
# isn't: they are a copy, as later checks read them with the rights of who runs them.
in_root() {
	in_root_with "$work/out" "$@"
}

#   in_root_with OUT COMMAND...
in_root_with() {
	in_userns rm -rf "$work/copy"
	cp -R "$work/src" "$work/copy"
	root_run "$work/copy" "$@"
}

# As xargs, which can't call a function.
#   with_files LIST_FUNCTION COMMAND...
with_files() {
	with_list=$1
	shift
	# shellcheck disable=SC2046 # names have no spaces
	set -- "$@" $("$with_list")
	in_root "$@"
}

check_syntax() {
	with_files list_sh sh -c '
		for file; do
			case $(head -n 1 "$file") in
			*bash*) bash -n "$file" ;;
			*) dash -n "$file" ;;
			esac || failed=1
		done
		exit ${failed:-0}
	' sh
}

list_sh_programs() {
	list_sh | xargs awk 'FNR == 1 && /^#!/ { print FILENAME } { nextfile }'
}

list_sh_libraries() {
	list_sh | xargs awk 'FNR == 1 && !/^#!/ { print FILENAME } { nextfile }'
}

# Not SC2016, because programs for awk and other shells are quoted like that, nor
# SC2317, because it takes functions that only a trap calls for dead. A library
# by itself may use and set what others set and use (SC2154, SC2034), and relies
# on their set -e (SC2164).
check_shellcheck() {
	programs=0
	with_files list_sh_programs \
		shellcheck --external-sources --exclude=SC2016,SC2317 || programs=$?
	with_files list_sh_libraries \
		shellcheck --external-sources --exclude=SC2016,SC2317,SC2154,SC2034,SC2164
	return "$programs"
}

list_prose() {
	list . | grep -v '^LICENSES/'
}

check_codespell() {
	with_files list_prose codespell --ignore-words=tests/check/words
}

# It has one.
check_readme() {
	sed -n '/^```c$/,/^```$/{/^```/!p}' README.md >"$work/readme.c"
	grep -q main "$work/readme.c" || return
	in_root gcc -x c -fsyntax-only -Iinclude/uapi -Ilib/include \
		-Wall -Wextra -Werror - <"$work/readme.c"
}

# As strict as a VMM's author may compile.
check_header() {
	for language in c c++; do
		for header in include/uapi/linux/gmemfs.h lib/include/*.h; do
			in_root gcc -x "$language" -fsyntax-only -Iinclude/uapi -Ilib/include \
				-Wall -Wextra -Wpedantic -Werror "$header" || return
		done
	done
}

# What programs are linked with: a line that goes from the file breaks them, and
# one that comes has to be kept from then on.
check_symbols() {
	in_root make --no-print-directory --silent -C lib products OUT=/out/lib KVER="$kver"
	in_root nm --dynamic --defined-only --with-symbol-versions \
		/out/lib/lib/libgmem.so | awk '{ print $3 }' | LC_ALL=C sort >"$work/symbols"
	grep -v '^#' lib/libgmem.symbols | diff - "$work/symbols"
	no_dynamic_tls /out/lib/lib/libgmem.so
}

# Signal handlers call the library, and by this a thread's first access to a variable of its own may
# be a malloc().
no_dynamic_tls() { # LIBRARY
	in_root readelf --wide --relocs --dyn-syms "$1" >"$work/relocations"
	! grep -E '__tls_get_addr|_DTPMOD|_TLSDESC' "$work/relocations" || {
		echo "$1: has variables of threads that are allocated late; see TLS in lib/Makefile"
		return 1
	}
}

# What has products to build, but for the module and the Makefile above all.
list_components() {
	list '/Makefile$' | grep -v '^module/' | xargs grep -l '^products:' |
		sed 's|/Makefile$||'
}

# As each is built, with what the kernel's own build asks for on top.
check_warnings() {
	# shellcheck disable=SC2086 # a word list
	for component in $(list_components); do
		in_root env CFLAGS="-O2 $more_warnings" make --no-print-directory \
			--silent -C "$component" products OUT=/out/user KVER="$kver" ||
			warnings=failed
	done
	[ -z "${warnings:-}" ]
}

more_warnings='-Wshadow -Wvla -Wundef -Wstrict-prototypes -Wmissing-prototypes'

list_user_sources() {
	list_user_c | grep '\.c$'
}

list_module_sources() {
	list '^module/.*\.c$'
}

# The module without the kernel's headers, of which cppcheck makes nothing: it
# needs to know only the macros that change what a line means. No style, since
# checkpatch knows better; nor nullPointerOutOfResources, since it doesn't see
# that our die() never returns; nor subtractPointers, since it doesn't know what
# symbols of a linker are.
cppcheck_on() {
	cppcheck_list=$1
	shift
	with_files "$cppcheck_list" cppcheck --quiet --error-exitcode=1 --inline-suppr \
		--std=c11 --enable=warning,performance,portability \
		--suppress=missingInclude --suppress=missingIncludeSystem \
		--suppress=normalCheckLevelMaxBranches \
		--suppress=nullPointerOutOfResources --suppress=subtractPointers \
		--template='{file}:{line}: {severity}: {message} [{id}]' "$@"
}

check_cppcheck() {
	cppcheck_on list_module_sources \
		--include=tests/check/cppcheck-kernel.h
	cppcheck_on list_user_sources -Iinclude/uapi -Ilib/include
}

# Both builds of the module, with all of their warnings; what is built already is
# not built again.
#   module_build VARIABLE=VALUE...
module_build() {
	in_root make --no-print-directory -C module products OUT=/out KVER="$kver" \
		W=1 GMEM_WERROR= "$@" >"$work/build" 2>&1 || {
		cat "$work/build"
		return 1
	}
	grep -E -A 3 '(warning|WARNING|error|ERROR):' "$work/build" |
		grep -v -E '^  [A-Z]+ ' | nothing
}

check_w1() {
	module_build
}

# C=2: also those files that don't need to be compiled. Linux 7 asks a script whether it may use sparse,
# which Debian's headers lack, and then doesn't: KBUILD_CHECKSRC has it do so all the same.
check_sparse() {
	module_build C=2 KBUILD_CHECKSRC=2 \
		CHECK="sparse -include /src/tests/check/sparse-kernel.h"
}

# Built twice, in two places.
check_reproducible() {
	for place in /out/here /out/over/there; do
		in_root make --no-print-directory -C module release OUT="$place" \
			KVER="$kver" >"$work/build" 2>&1 || {
			cat "$work/build"
			return 1
		}
	done
	in_root cmp /out/here/gmemfs.ko /out/over/there/gmemfs.ko
}
