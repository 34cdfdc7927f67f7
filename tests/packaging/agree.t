#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What stands in two places, because Debian's files can't read ours, is the same in both.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh

version=$(sed -n 's/^Version: *//p' META)
like "$version" '^[0-9]+\.[0-9]+\.[0-9]+$' 'META has a version'
is "$(sed -n '1s/.*(\(.*\)-[^-]*).*/\1/p' debian/changelog)" "$version" \
	"the newest entry of Debian's changelog has it, and a revision"
like "$(grep '^## ' CHANGELOG.md)" "^## $version( |\$)" 'CHANGELOG.md says what it brings'

kernels=$(sed -n 's/^Linux: *//p' META)
is "$(sed -n 's/^#define TESTED_KERNELS.*"\(.*\)"/\1/p' ctl/check.c)" \
	"$(echo "$kernels" | sed 's/ /, /g; s/, \([^,]*\)$/ and \1/')" "gmemctl check names META's kernels"
is "$(sed -n '/tested_kernels\[\] = /s/[^0-9]*\([0-9]*\), \([0-9]*\) }/ \1.\2/gp' ctl/check.c | sed 's/ *};*$//' | xargs)" \
	"$kernels" '  and knows them'
like "$(cat docs/kernels.md)" "^\| ${kernels%% *}, " 'docs/kernels.md has the oldest'

# A symbol of a release stays, so the version beside it doesn't matter here.
is "$(sed -n 's/^ \([a-z].*\) .*/\1/p' debian/libgmem0.symbols)" \
	"$(sed -n 's/@@/@/p' lib/libgmem.symbols)" \
	"Debian's list of the library's symbols is that of lib/libgmem.symbols"
is "$(head -n 2 debian/libgmem0.symbols | tail -n 1 | cut -d' ' -f1)" \
	"$(sed -n 's/^SONAME.*:= //p' lib/Makefile)" '  for the same library'
done_testing
