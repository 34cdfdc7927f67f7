#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The packages in a host, whose kernel has the module: host.sh.
set -eu
cd "$(dirname "$0")/../.."
packaging/deb >/dev/null || {
	echo 'Bail out! make deb fails'
	exit 1
}
exec hostvm/run --kernel "${KERNEL:-6.12}" --no-load --timeout 1200 \
	--share build/deb --share tests/packaging --share tests/lib -- sh /share/packaging/host.sh
