#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# No host: the report is made in the root.
exec "$(dirname "$0")/../../hostvm/in-root" --kernel "${KERNEL:-6.12}" tests/bench/report.sh
