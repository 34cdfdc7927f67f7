#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A guest that makes KVM reach everywhere into memory that goes.
exec "$(dirname "$0")/ten_minutes.sh" guard/hostile
