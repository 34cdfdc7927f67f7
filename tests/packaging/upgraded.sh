# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# For upgrade.t, in the root in which the packages are installed. /share has those of now, /share/released those
# of an earlier version. The settings are those of an administrator, and have to stay as they are.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/tap.sh
# shellcheck source=tests/packaging/packages.sh
. /share/packages.sh
old=$(sed -n 's/^Version: *//p' /share/released/META)
defaults=/etc/default/gmemfs
record=/var/lib/gmemfs/setup

enabled() {
	systemctl --root=/ is-enabled dev-gmem.mount gmemfs-pool.service 2>/dev/null | xargs
}

# What holds after each step, of whichever version.
everything_is() { # VERSION
	is "$(installed_versions)" "$1" '  all six packages have that version'
	is "$(dpkg --audit)" '' '  and nothing is left to do'
	is "$(module_version)" "$1" '  so has the module'
	is "$(dkms status)" "gmemfs/$1, $kernel, x86_64: installed" '  and DKMS has no other'
	is "$(cd /usr/src && echo gmemfs-*)" "gmemfs-$1" '  nor its sources'
	is "$(modprobe --set-version "$kernel" --show-depends gmemfs | grep -c 'gmemfs\.ko')" 1 '  modprobe finds one'
	is "$(gmemctl --version)" "gmemctl $1" '  gmemctl has it'
	like "$(./program 2>&1)" '^guest' '  a program that was linked with the first one runs'
	settings_stay
}

settings_stay() {
	ok '  the settings are as they were' cmp $defaults defaults
	is "$(cd /etc/default && echo gmemfs*)" gmemfs '  and dpkg has left no other beside them'
	ok '  so is the record of setup' cmp $record record
}

# apt asks nobody: a question would end it, as there is nobody to answer.
changes_to() { # VERSION NAME APT-ARGUMENT...
	wanted=$1
	name=$2
	shift 2
	tap_capture apt_get "$@" </dev/null
	is "$tap_status" 0 "$name"
	[ "$tap_last" -eq 0 ] || diag "$tap_output"
	is "$(grep -E '(stop|restart).*(gmem|modprobe)' invoked)" '' '  no unit is stopped: guests may use it'
	everything_is "$wanted"
	is "$(enabled)" 'enabled enabled' '  the units are enabled as they were'
}

# What a package's script would have systemd do. There is none here, but they believe so.
mkdir -p /run/systemd/system
: >invoked
cat >/usr/bin/deb-systemd-invoke <<'END'
#!/bin/sh
echo "$*" >>/root/invoked
END

all_files >before
cat >program.c <<'END'
#include <gmem.h>
#include <stdio.h>

int main(void)
{
	struct gmem_region_options options = { .size = 2 << 20 };
	struct gmem_region *memory;
	char text[6] = "";

	if (gmem_region_create(&options, &memory))
		return 1;
	if (gmem_region_write(memory, 0, "guest", 5) ||
	    gmem_region_read(memory, 0, text, 5))
		return 1;
	puts(text);
	gmem_region_destroy(memory);
	return 0;
}
END

# ---- the earlier version, and what its administrator has done ----

# shellcheck disable=SC2046 # words
ok "apt installs $old" apt_get install $(debs /share/released)
[ "$tap_last" -eq 0 ] || bail_out 'there is nothing to upgrade'
# shellcheck disable=SC2046 # words
cc -o program program.c $(pkg-config --cflags --libs libgmem)
sed -i 's/^GMEMFS_SIZE=.*/GMEMFS_SIZE=25%/; s/^GMEMFS_POOL=.*/GMEMFS_POOL=64M/' $defaults
echo '# a line of the administrator' >>$defaults
cp $defaults defaults
mkdir -p /var/lib/gmemfs
printf 'GMEMFS_SIZE.was=50%%\nGMEMFS_SIZE.now=25%%\n' >$record
cp $record record
systemctl --root=/ enable dev-gmem.mount gmemfs-pool.service >/dev/null 2>&1
everything_is "$old"

# ---- there and back ----

# shellcheck disable=SC2046 # words
changes_to "$version" "apt upgrades $old to $version" install $(debs /share)
# shellcheck disable=SC2046 # words
changes_to "$version" 'apt installs the same once more' install --reinstall $(debs /share)
# shellcheck disable=SC2046 # words
cc -o program program.c $(pkg-config --cflags --libs libgmem)
# shellcheck disable=SC2046 # words
changes_to "$old" "apt goes back to $old" install --allow-downgrades $(debs /share/released)
# shellcheck disable=SC2046 # words
changes_to "$version" "apt upgrades again" install $(debs /share)

# ---- without, and with again ----

# shellcheck disable=SC2086 # words
ok 'apt removes the packages' apt_get remove $ours
is "$(grep -E '(stop|restart).*(gmem|modprobe)' invoked)" '' '  no unit is stopped: guests may use it'
is "$(module_version)" none '  and the module'
is "$(dkms status)" '' '  of which DKMS knows nothing'
settings_stay
# shellcheck disable=SC2046 # words
changes_to "$version" 'apt installs them again' install $(debs /share)

# An upgrade that was broken off, as by a machine that lost its power: the old one is unpacked, and not configured.
ok 'dpkg unpacks, and is broken off' dpkg --unpack /share/released/gmemfs-dkms_*.deb
# shellcheck disable=SC2046 # words
changes_to "$version" '  apt repairs it' install $(debs /share)

# shellcheck disable=SC2086 # words
ok 'dpkg purges them' dpkg --purge $ours
rm -f program
all_files >after
is "$(diff before after | grep '^[<>]' || :)" '' 'nothing is left behind, and nothing of others is gone'
done_testing
