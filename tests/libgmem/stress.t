#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# LIBGMEM_SECONDS=60 for a long one.
exec "$(dirname "$0")/../../hostvm/run" --kernel "${KERNEL:-6.12}" \
	--timeout "$((10 * ${LIBGMEM_SECONDS:-4} + 300))" -- \
	env LIBGMEM_SECONDS="${LIBGMEM_SECONDS:-4}" /opt/gmemfs/tests/libgmem/stress
