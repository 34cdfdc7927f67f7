#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The packages are installed, used, and purged, in a copy of the root that they are built in: installed.sh.
# No host is booted, and no module is loaded.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=tests/packaging/in-chroot.sh
. tests/packaging/in-chroot.sh

in_chroot_prepare
in_chroot tests/packaging/installed.sh
