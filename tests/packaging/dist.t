#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# "make dist": the tarball, from copies of the tree in two places and of two ages.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
work=$(mktemp -d)
trap 'rm -rf "$work"; tap_at_exit' EXIT
version=$(sed -n 's/^Version: *//p' META)
name=gmemfs-$version

ok 'make dist' packaging/dist
cp "build/dist/$name.tar.gz" build/dist/SHA256SUMS "$work/"
ok 'its checksum is right' sh -c 'cd "$1" && sha256sum --check --quiet SHA256SUMS' sh "$work"
tar -tzf "$work/$name.tar.gz" >"$work/list"
is "$(grep -v -c "^$name/" "$work/list")" 0 "all of it is in the folder $name"
for file in META Makefile README.md CHANGELOG.md LICENSES/GPL-2.0 module/main.c packaging/dkms/dkms.conf.in; do
	ok "  $file" grep -q -x "$name/$file" "$work/list"
done
is "$(grep -c -E "^$name/(debian|build|\.git)/" "$work/list")" 0 "  and neither Debian's files, nor what is built, nor git's"

# Elsewhere it is no checkout, and Debian's changelog only tells the time.
mkdir -p "$work/else where"
tar -xzf "$work/$name.tar.gz" -C "$work/else where"
not_ok 'make dist of what it has packed wants debian/' "$work/else where/$name/packaging/dist"
cp -r debian "$work/else where/$name/"
find "$work/else where" -exec touch -h -d 2001-01-01 {} +
chmod -R go-rwx "$work/else where"
ok '  with which it packs' "$work/else where/$name/packaging/dist"
ok '  the same bytes' cmp "$work/$name.tar.gz" "$work/else where/$name/build/dist/$name.tar.gz"
done_testing
