#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What systemd's unit dev-gmem.mount gets of /etc/default/gmemfs.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
work=$(mktemp -d)
trap 'rm -rf "$work"; tap_at_exit' EXIT
made=$work/units/dev-gmem.mount.d/10-default-gmemfs.conf

# Prints the options; or nothing, where the unit's own stay.
generate() { # FILE
	rm -rf "$work/units"
	GMEMFS_DEFAULTS=$1 packaging/systemd/gmemfs-generator "$work/units" "$work/early" "$work/late" || return
	[ ! -e "$made" ] || sed -n 's/^Options=//p' "$made"
}

#   gives OPTIONS NAME LINE...
gives() {
	want=$1 name=$2
	shift 2
	printf '%s\n' "$@" >"$work/defaults"
	is "$(generate "$work/defaults")" "$want" "$name"
}

is "$(generate packaging/default/gmemfs)" "$(sed -n 's/^Options=//p' packaging/systemd/dev-gmem.mount)" \
	"the file as it is installed has the unit's own options"
is "$(head -n 1 "$made")" '[Mount]' '  in the right section'
is "$(generate "$work/nothing")" '' 'without the file the unit keeps its own'
usual=mode=1770,gid=kvm
gives $usual,size=50%% 'what is not set is as it was installed' '# GMEMFS_SIZE=1g' '; GMEMFS_OPTIONS=' GMEMFS_POOL=2G
gives $usual,size=8g 'a size alone' GMEMFS_SIZE=8g
gives huge=always,size=50%% 'options alone' GMEMFS_OPTIONS=huge=always
gives size=8g 'no options, if that is said' GMEMFS_OPTIONS= GMEMFS_SIZE=8g
gives huge=always 'nor a size' GMEMFS_OPTIONS=huge=always GMEMFS_SIZE=
gives mode=700,size=4g 'blanks before a line' '  GMEMFS_OPTIONS=mode=700' '	GMEMFS_SIZE=4g'
gives mode=1777,statfs=hugetlbfs,size=8g 'both' GMEMFS_SIZE=8g GMEMFS_OPTIONS=mode=1777,statfs=hugetlbfs
gives $usual,size=25%% 'a percentage is no specifier of systemd' GMEMFS_SIZE=25%
gives $usual,size=8g "with systemd's quotes" 'GMEMFS_SIZE="8g"'
gives $usual,size=7g '  of both kinds' "GMEMFS_SIZE='7g'"
gives $usual,size=2g 'the last line counts, as for systemd' GMEMFS_SIZE=1g GMEMFS_SIZE=2g
printf GMEMFS_SIZE=3g >"$work/defaults"
is "$(generate "$work/defaults")" $usual,size=3g 'a last line without an end'
# The mount fails then, and names the file.
for odd in '8 g' '8g # much' '$(reboot)' "8g\\nWhat=x" '8g"'; do
	gives see_/etc/default/gmemfs "no option has a character of these: $odd" "GMEMFS_SIZE=$odd"
done
# Neither a line that systemd would read, and the generator doesn't, is left out.
for odd in 'export GMEMFS_OPTIONS=mode=700' 'GMEMFS_SIZE =4g' "$(printf '\357\273\277')GMEMFS_SIZE=4g"; do
	gives see_/etc/default/gmemfs "nor is it set in another way: $odd" "$odd"
done
done_testing
