# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# For scripts that install the packages in a root, from /share and without a network: installed.sh and others.
cd /root || exit
# shellcheck disable=SC2034 # for who sources this
version=$(sed -n 's/^Version: *//p' /share/META)
kernel=$(ls /lib/modules)
# shellcheck disable=SC2034 # for who sources this
built=/lib/modules/$kernel/updates/dkms
ours='gmemfs gmemfs-dkms gmemfs-tools gmemvm libgmem0 libgmem-dev'

# All files, but what dpkg and apt write down, and DKMS's key, which belongs to it.
all_files() {
	find / -xdev \( -path /tmp -o -path /root -o -path /run -o -path /share -o -path /var/log -o -path /var/cache \
		-o -path '/var/lib/dpkg/*' -o -path '/var/lib/apt/*' -o -path '/var/lib/dkms/mok.*' \) -prune -o -print |
		LC_ALL=C sort
}

apt_get() {
	apt-get -q -y -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 "$@"
}

# The files of all six packages in a folder.
#   debs FOLDER
debs() {
	for package in $ours; do
		echo "$1/${package}"_*.deb
	done
}

# VERSION of all six, or of each of those that differ.
installed_versions() {
	# shellcheck disable=SC2086 # words
	dpkg-query -W -f '${db:Status-Abbrev} ${Version}\n' $ours 2>/dev/null | sort -u |
		sed -n 's/^ii *\(.*\)-[^-]*$/\1/p' | xargs
}

module_version() {
	modinfo -F version "$(ls "$built"/gmemfs.ko* 2>/dev/null)" 2>/dev/null || echo none
}

# A kernel of which there are headers enough for DKMS to ask.
fake_kernel() { # VERSION [SED-COMMAND]
	mkdir -p "/lib/modules/$1/build/include"
	sed "${2-}" "/lib/modules/$kernel/build/.config" >"/lib/modules/$1/build/.config"
}
