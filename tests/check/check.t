#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# long: "make check" is the same
exec "$(dirname "$0")/run"
