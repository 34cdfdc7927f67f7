# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# For update.t, in the root in which the packages are installed. The kernels that come are packages made here, which
# do what Debian's do for DKMS: their scripts run the hooks in /etc/kernel. Their headers are those of the root's own
# kernel under another version, so that the module can be compiled for them.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/tap.sh
# shellcheck source=tests/packaging/packages.sh
. /share/packages.sh
headers=$(readlink -f "/lib/modules/$kernel/build")

hooks() { # SCRIPT FOLDER VERSION: a package's script
	cat <<-END
	#!/bin/sh
	set -e
	if [ -d /etc/kernel/$2 ]; then
	    DEB_MAINT_PARAMS="\$*" run-parts --report --exit-on-error \\
	        --arg=$3 --arg=/boot/vmlinuz-$3 /etc/kernel/$2
	fi
	END
}

#   make_package NAME: of what is in packages/NAME, into packages/NAME.deb
make_package() {
	mkdir -p "packages/$1/DEBIAN"
	cat >"packages/$1/DEBIAN/control" <<-END
	Package: $1
	Version: 1
	Architecture: amd64
	Maintainer: nobody <nobody@localhost>
	Description: a kernel of a test
	END
	dpkg-deb --root-owner-group --build "packages/$1" "packages/$1.deb" >/dev/null
	rm -r "packages/$1"
}

make_image() { # VERSION
	image=packages/linux-image-$1
	mkdir -p "$image/boot" "$image/DEBIAN" "$image/usr/lib/modules/$1"
	echo kernel >"$image/boot/vmlinuz-$1"
	cp "/lib/modules/$kernel"/modules.builtin* "/lib/modules/$kernel/modules.order" "$image/usr/lib/modules/$1/"
	for script in preinst:preinst.d postinst:postinst.d prerm:prerm.d postrm:postrm.d; do
		hooks "${script%:*}" "${script#*:}" "$1" >"$image/DEBIAN/${script%:*}"
	done
	# Before the hooks, as Debian's does.
	sed -i "3i depmod $1" "$image/DEBIAN/postinst"
	chmod 755 "$image"/DEBIAN/p*
	make_package "linux-image-$1"
}

make_headers() { # VERSION [ERROR]
	tree=packages/linux-headers-$1/usr/src/linux-headers-$1
	mkdir -p "$tree" "packages/linux-headers-$1/usr/lib/modules/$1" "packages/linux-headers-$1/DEBIAN"
	cp -a "$headers/." "$tree/"
	ln -s "/usr/src/linux-headers-$1" "packages/linux-headers-$1/usr/lib/modules/$1/build"
	echo "$1" >"$tree/include/config/kernel.release"
	echo "#define UTS_RELEASE \"$1\"" >"$tree/include/generated/utsrelease.h"
	[ -z "${2-}" ] || echo "#error $2" >>"$tree/include/generated/autoconf.h"
	hooks postinst header_postinst.d "$1" >"packages/linux-headers-$1/DEBIAN/postinst"
	chmod 755 "packages/linux-headers-$1/DEBIAN/postinst"
	make_package "linux-headers-$1"
}

installs() { # NAME PACKAGE...
	name=$1
	shift
	# shellcheck disable=SC2046 # words
	tap_capture apt_get install $(printf './packages/%s.deb ' "$@")
	is "$tap_status" 0 "$name"
	[ "$tap_last" -eq 0 ] || diag "$tap_output"
}

module_for() { # VERSION
	modinfo -F vermagic "$(ls "/lib/modules/$1/updates/dkms"/gmemfs.ko* 2>/dev/null)" 2>/dev/null |
		cut -d' ' -f1
}

built_for() { # VERSION
	is "$(module_for "$1")" "$1" "  DKMS has built the module for $1"
	is "$(modprobe --set-version "$1" --show-depends gmemfs 2>/dev/null | grep -c 'gmemfs\.ko')" 1 \
		'  which modprobe finds there'
}

not_built_for() { # VERSION
	is "$(module_for "$1")" '' "  there is no module for $1"
	is "$(dkms status -k "$1" | grep -c installed)" 0 '  and DKMS knows of none'
}

nothing_left_to_do() {
	is "$(dpkg --audit)" '' '  nothing is left to do'
	is "$(module_for "$kernel")" "$kernel" "  and the module for $kernel is as it was"
}

next=$(printf '%s' "$kernel" | sed 's/^\([0-9]*\.[0-9]*\)\.[0-9]*/\1.901/')
later=$(printf '%s' "$kernel" | sed 's/^\([0-9]*\.[0-9]*\)\.[0-9]*/\1.902/')
broken=$(printf '%s' "$kernel" | sed 's/^\([0-9]*\.[0-9]*\)\.[0-9]*/\1.903/')
unknown=$(printf '%s' "$kernel" | sed 's/^[0-9]*\.[0-9]*\.[0-9]*/99.1.1/')
for new in "$next" "$later" "$unknown"; do
	make_image "$new"
	make_headers "$new"
done
make_image "$broken"
make_headers "$broken" 'this kernel has other functions'

ok 'apt installs gmemfs-dkms' apt_get install /share/gmemfs-dkms_*.deb
[ "$tap_last" -eq 0 ] || bail_out 'there is nothing to update'
is "$(module_for "$kernel")" "$kernel" "  for $kernel"

# ---- a kernel update ----

installs 'a kernel comes, with its headers' "linux-image-$next" "linux-headers-$next"
built_for "$next"
nothing_left_to_do
installs 'a kernel comes without its headers' "linux-image-$later"
not_built_for "$later"
nothing_left_to_do
installs '  and then they come' "linux-headers-$later"
built_for "$later"
nothing_left_to_do
ok 'a kernel goes' apt_get purge "linux-image-$next" "linux-headers-$next"
is "$(find "/lib/modules/$next" -name 'gmemfs*' 2>/dev/null)" '' '  and its module'
is "$(dkms status | grep -c "$next")" 0 '  of which DKMS knows nothing'
nothing_left_to_do

# ---- one that gmemfs doesn't know ----

installs 'an unknown kernel comes' "linux-image-$unknown" "linux-headers-$unknown"
like "$tap_output" "^gmemfs $version isn't built for Linux $(printf '%s' "$unknown" | sed 's/[.+]/\\&/g'): it knows Linux " \
	'  apt says why it has no gmemfs'
not_built_for "$unknown"
nothing_left_to_do
echo 'options gmemfs force=1' >/etc/modprobe.d/gmemfs-force.conf
ok '  with force=1, DKMS tries' dkms autoinstall -k "$unknown"
built_for "$unknown"
rm /etc/modprobe.d/gmemfs-force.conf
ok '  it goes' apt_get purge "linux-image-$unknown" "linux-headers-$unknown"
nothing_left_to_do

# ---- one that gmemfs should know ----

tap_capture apt_get install "./packages/linux-image-$broken.deb" "./packages/linux-headers-$broken.deb"
is "$([ "$tap_status" -ne 0 ] && echo failed)" failed 'a known kernel for which it does not compile: apt fails'
not_built_for "$broken"
is "$(module_for "$kernel")" "$kernel" "  the module for $kernel is as it was"
ok '  apt removes that kernel' apt_get purge "linux-image-$broken" "linux-headers-$broken"
nothing_left_to_do
done_testing
