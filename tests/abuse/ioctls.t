#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Ioctls with random structs.
exec "$(dirname "$0")/ten_minutes.sh" fuzz/ioctls
