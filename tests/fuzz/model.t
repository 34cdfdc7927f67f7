#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# FUZZ_SECONDS=N FUZZ_SEED=N: for longer, and as before. FUZZ_STEPS=N FUZZ_EVERY=1: up to that step,
# and looking at all after each. FUZZ_WITHOUT=STEP,STEP: without these.
exec "$(dirname "$0")/../../hostvm/run" --kernel "${KERNEL:-6.12}" \
	--timeout $((${FUZZ_SECONDS:-60} + 300)) -- \
	/opt/gmemfs/tests/fuzz/model "${FUZZ_SECONDS:-60}" "${FUZZ_SEED:-0}" \
	"${FUZZ_STEPS:-0}" "${FUZZ_EVERY:-64}" "${FUZZ_WITHOUT:-}"
