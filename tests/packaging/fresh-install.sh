# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# For fresh.t, in the root in which the packages are installed: what the README says, in a folder that has them.
set -eu
# shellcheck source=tests/packaging/packages.sh
. /share/packages.sh

cd /share
apt_get install ./gmemfs_*.deb ./gmemfs-dkms_*.deb ./gmemfs-tools_0*.deb
[ -n "$(ls "$built"/gmemfs.ko*)" ]
