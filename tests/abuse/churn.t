#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Eight processes at the same two files.
exec "$(dirname "$0")/ten_minutes.sh" module/churn
