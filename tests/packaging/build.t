#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# "make deb": the packages, what is in them, and that they are the same wherever they are built.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
command -v dpkg-deb >/dev/null || skip_all 'no dpkg-deb here'
work=$(mktemp -d)
trap 'rm -rf "$work"; tap_at_exit' EXIT
version=$(sed -n 's/^Version: *//p' META)

ok 'make deb: they build, and lintian finds no error and no warning' packaging/deb
[ "$tap_last" -eq 0 ] || bail_out 'there is nothing to look at'
ok 'they build in another folder' packaging/deb --in /out/another/place/gmemfs --into deb-again

deb() { # PACKAGE
	echo "build/deb/${1}_$version"-*.deb
}

names() { # FOLDER: all but what tells how and where they were built
	(cd "$1" && find . -type f ! -name '*.buildinfo' ! -name '*.changes' ! -name log ! -name key) | LC_ALL=C sort
}

names build/deb >"$work/names"
is "$(names build/deb-again)" "$(cat "$work/names")" '  into the same files'
while read -r file; do
	ok "  the same bytes: ${file#./}" cmp "build/deb/$file" "build/deb-again/$file"
done <"$work/names"

is "$(sed -n 's/^\.\/\([^_]*\)_.*\.deb$/\1/p' "$work/names" | grep -v dbgsym | LC_ALL=C sort | xargs)" \
	'gmemfs gmemfs-dkms gmemfs-tools gmemvm libgmem-dev libgmem0' 'the packages'

has() { # PACKAGE FILE...
	package=$1
	shift
	dpkg-deb --fsys-tarfile "$(deb "$package")" | tar -t >"$work/files"
	for file; do
		ok "$package has $file" grep -q -x "\./$file" "$work/files"
	done
}

has gmemfs usr/share/doc/gmemfs/README.md usr/share/doc/gmemfs/docs/qemu.md usr/share/doc/gmemfs/changelog.gz
src=usr/src/gmemfs-$version
has gmemfs-dkms "$src/dkms.conf" "$src/META" "$src/check-kernel" "$src/module/Kbuild" "$src/include/uapi/linux/gmemfs.h"
is "$(grep -c "^\./$src/module/.*\.[ch]\$" "$work/files")" "$(printf '%s\n' module/*.[ch] | wc -l)" \
	"  and all of the module's sources"
has gmemfs-tools usr/sbin/gmemctl usr/share/man/man8/gmemctl.8.gz usr/share/bash-completion/completions/gmemctl \
	usr/lib/systemd/system/dev-gmem.mount usr/lib/systemd/system/gmemfs-pool.service \
	usr/lib/systemd/system-generators/gmemfs-generator etc/default/gmemfs usr/bin/gmem-pager \
	usr/share/man/man1/gmem-pager.1.gz usr/share/bash-completion/completions/gmem-pager \
	usr/lib/systemd/system/gmem-pager@.service
has gmemvm usr/bin/gmemvm usr/share/man/man1/gmemvm.1.gz
lib=usr/lib/x86_64-linux-gnu
has libgmem0 "$lib/libgmem.so.0" "$lib/libgmem.so.$version"
has libgmem-dev usr/include/gmem.h usr/include/gmem_channel.h usr/include/gmem_file.h usr/include/gmem_window.h usr/include/linux/gmemfs.h "$lib/libgmem.a" \
	"$lib/libgmem.so" "$lib/pkgconfig/libgmem.pc" usr/share/man/man3/gmem_region_create.3.gz

dpkg-deb --control "$(deb gmemfs-tools)" "$work/scripts"
not_ok 'no script stops a unit: guests may use what it has mounted' \
	grep -r 'invoke stop' "$work/scripts"
done_testing
