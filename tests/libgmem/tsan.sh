#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The stress test under TSan, for which addresses must not be too random.
exec setarch --addr-no-randomize /opt/gmemfs/tests/libgmem/tsan/stress 4
