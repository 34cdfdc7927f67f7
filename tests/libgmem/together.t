#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# short: guest_memfd, where there is one
exec "$(dirname "$0")/../lib/together" libgmem
