#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A guest that makes KVM reach everywhere into memory that goes, for ten minutes.
# ABUSE_SECONDS=N: for as long instead. SEED=N: as the run that said so.
exec "$(dirname "$0")/../../hostvm/run" --kernel "${KERNEL:-6.12}" \
	--timeout $((${ABUSE_SECONDS:-600} + 300)) -- \
	/opt/gmemfs/tests/guard/hostile "${ABUSE_SECONDS:-600}" "${SEED:-0}"
