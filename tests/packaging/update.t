#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A new kernel comes by apt, and DKMS builds the module for it, or says why not: updated.sh.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=tests/packaging/in-chroot.sh
. tests/packaging/in-chroot.sh

in_chroot_prepare
in_chroot tests/packaging/updated.sh
