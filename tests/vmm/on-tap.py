#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""on-tap.py TAP FLAGS PROGRAM [ARGUMENT...]: PROGRAM with a tap as descriptor 9,
opened with flags as "vnet_hdr,no_pi": as whoever may open one starts a VMM that
may not."""
import fcntl
import os
import struct
import sys

TUNSETIFF = 0x400454ca
FLAGS = {"tap": 2, "no_pi": 0x1000, "vnet_hdr": 0x4000}

name, flags, program = sys.argv[1], sys.argv[2].split(","), sys.argv[3:]
tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, TUNSETIFF, struct.pack(
    "16sH22x", name.encode(), sum(FLAGS[flag] for flag in flags)))
os.dup2(tap, 9)
os.execvp(program[0], program)
