#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# From 0.1.0 to the version of now and back, removed, installed again, and purged, by apt: upgraded.sh. What that
# means for guests is upgrade-host.t's.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
# shellcheck source=tests/packaging/in-chroot.sh
. tests/packaging/in-chroot.sh
# shellcheck source=tests/packaging/released.sh
. tests/packaging/released.sh

in_chroot_prepare
released_need
mkdir "$run/share/released"
cp "$released"/build/deb/*.deb "$released/META" "$run/share/released/"
in_chroot tests/packaging/upgraded.sh
