#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# FUZZ_SECONDS=N FUZZ_SEED=N: for longer, and as before. abuse/ioctls: for ten minutes.
exec "$(dirname "$0")/../../hostvm/run" --kernel "${KERNEL:-6.12}" \
	--timeout $((${FUZZ_SECONDS:-10} + 300)) -- \
	/opt/gmemfs/tests/fuzz/ioctls "${FUZZ_SECONDS:-10}" "${FUZZ_SEED:-0}"
