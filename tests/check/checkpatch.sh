# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# The kernel's checkpatch. No package of Debian has it but that of the kernel's
# whole source, so it is taken from there, once, and kept in hostvm's cache.

checkpatch_package=linux-source-6.12
checkpatch_files='checkpatch.pl spelling.txt const_structs.checkpatch'

# Sets $checkpatch, a folder with $checkpatch_files.
checkpatch_need() {
	checkpatch=$cache/checkpatch/$checkpatch_package
	[ -e "$checkpatch" ] || cache_locked checkpatch checkpatch_make
}

checkpatch_make() {
	[ ! -e "$checkpatch" ] || return 0
	checkpatch_tmp=$checkpatch.tmp
	rm -rf "$checkpatch_tmp"
	# It looks for CamelCase names in the kernel's headers.
	mkdir -p "$checkpatch_tmp/scripts/include"
	slowly "getting checkpatch out of Debian's $checkpatch_package: once, 150 MB" \
		"$checkpatch_tmp/log" checkpatch_get
	mv "$checkpatch_tmp/scripts" "$checkpatch"
	rm -rf "$checkpatch_tmp"
}

# Leaves the machine's own package lists alone. The root has the tools to unpack
# what comes.
checkpatch_get() {
	boot_suite=$recipe_suite
	outside_sources | sed 's|^deb |&[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] |' \
		>"$checkpatch_tmp/sources"
	cd "$checkpatch_tmp"
	mkdir -p lists/partial archives/partial
	checkpatch_apt update
	checkpatch_apt download "$checkpatch_package"
	# shellcheck disable=SC2086 # names have no spaces
	in_root_with "$checkpatch_tmp" sh -euc '
		cd /out/scripts
		package=$1
		shift
		dpkg-deb --fsys-tarfile /out/*.deb |
			tar --extract --to-stdout "./usr/src/$package.tar.xz" >/out/source.tar.xz
		for file; do
			set -- "$@" "$package/scripts/$file"
			shift
		done
		tar --extract --xz --file=/out/source.tar.xz --occurrence=1 --strip-components=2 "$@"
	' sh "$checkpatch_package" $checkpatch_files
}

checkpatch_apt() {
	outside_apt_settings >apt.conf
	APT_CONFIG=$PWD/apt.conf apt-get --quiet \
		-o Dir::Etc::SourceList="$PWD/sources" -o Dir::Etc::SourceParts=- \
		-o Dir::State::Lists="$PWD/lists" -o Dir::Cache="$PWD" \
		-o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none "$@"
}

# The types of message that don't apply to a file, see checkpatch-ignore.
#   checkpatch_ignored FILE
checkpatch_ignored() {
	case $1 in
	module/* | include/* | tests/emulator/* | tests/guard/unmapper.c | tests/module/meddler.c) kind=kernel ;;
	*) kind=user ;;
	esac
	awk -v file="$1" -v kind="$kind" '
		$1 == file || $1 == kind || $1 == "all" { print $2 }' \
		"$check/checkpatch-ignore" | paste -s -d ,
}

# Lines of IGNORED FILE..., one for all files that have the same ones.
checkpatch_groups() {
	list_c | while read -r file; do
		echo "$(checkpatch_ignored "$file") $file"
	done | awk '
		{ files[$1] = files[$1] " " $2 }
		END { for (ignored in files) print ignored files[ignored] }'
}

check_checkpatch() {
	checkpatch_groups >"$work/groups"
	while read -r ignored files <&3; do
		# shellcheck disable=SC2086 # names have no spaces
		in_root_with "$checkpatch" perl /out/checkpatch.pl \
			--no-tree --root=/out --strict --terse --show-types --no-summary \
			--max-line-length=80 --ignore "$ignored" --file $files || failed=1
	done 3<"$work/groups"
	return "${failed:-0}"
}
