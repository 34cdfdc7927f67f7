#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# short: all that needs no host of its own
exec "$(dirname "$0")/../lib/together" module
