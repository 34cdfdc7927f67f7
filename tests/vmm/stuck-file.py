#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A file server that doesn't answer: its files are there, and can't be read.

stuck-file.py FOLDER ASKED    names of numbers in FOLDER are files; ASKED gets a line for each read
"""
import ctypes
import os
import struct
import sys

LOOKUP, GETATTR, OPEN, READ, INIT = 1, 3, 14, 15, 26
ASYNC_READ = 1  # who waits for a read can be killed
SILENT = 2, 36, 42  # FORGET, INTERRUPT, BATCH_FORGET
ENOSYS = 38
SIZE = 64 << 20
FOLDER, FILE = 0o40755, 0o100644


def attributes(inode):
    mode = FOLDER if inode == 1 else FILE
    return struct.pack("<6Q10I", inode, SIZE, 8, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def answer(operation, inode, rest):
    if operation == INIT:
        return struct.pack("<4I2H2I", 7, 31, 65536, ASYNC_READ, 16, 12, 65536, 1) + bytes(36)
    if operation == LOOKUP:
        found = int(rest.rstrip(b"\0")) + 2
        return struct.pack("<4Q2I", found, 0, 1000, 1000, 0, 0) + attributes(found)
    if operation == GETATTR:
        return struct.pack("<Q2I", 1000, 0, 0) + attributes(inode)
    if operation == OPEN:
        return struct.pack("<Q2I", 1, 0, 0)
    return None


def serve(device, asked):
    while True:
        request = os.read(device, 1 << 18)
        _, operation, number, inode = struct.unpack_from("<2I2Q", request)
        if operation == READ:
            with open(asked, "a") as f:
                f.write("read\n")
            continue
        if operation in SILENT:
            continue
        data = answer(operation, inode, request[40:])
        error = 0 if data else -ENOSYS
        os.write(device, struct.pack("<IiQ", 16 + len(data or b""), error, number) + (data or b""))


def main():
    folder, asked = sys.argv[1:]
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"stuck", folder.encode(), b"fuse", 0, options.encode()):
        sys.exit(f"mount: {os.strerror(ctypes.get_errno())}")
    serve(device, asked)


main()
