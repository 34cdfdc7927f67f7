#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# And the fuzzer.
exec "$(dirname "$0")/in-one-host" guard fuzz
