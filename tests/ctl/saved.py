#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
What is known of files on a disk that gmemctl has written or read, without it.

saved.py cached FILE		how many bytes of it are in the page cache
saved.py unpack IN OUT MOST	decompresses IN by one call of libzstd, as `zstd -d`
				does; no more than MOST bytes come out
saved.py pack IN OUT		compresses it as another program may: without a
				checksum
"""
import ctypes
import os
import sys

SYS_CACHESTAT = 451
PAGE = 4096


def cached(path):
    libc = ctypes.CDLL(None, use_errno=True)
    whole = (ctypes.c_uint64 * 2)(0, 0)
    stat = (ctypes.c_uint64 * 5)()
    fd = os.open(path, os.O_RDONLY)
    if libc.syscall(ctypes.c_long(SYS_CACHESTAT), ctypes.c_int(fd), whole, stat, ctypes.c_uint(0)):
        sys.exit(os.strerror(ctypes.get_errno()))
    print(stat[0] * PAGE)


def libzstd():
    lib = ctypes.CDLL("libzstd.so.1")
    for name in "ZSTD_decompress", "ZSTD_compress", "ZSTD_compressBound":
        getattr(lib, name).restype = ctypes.c_size_t
    return lib


def convert(call, source, target, most, *more):
    with open(source, "rb") as file:
        data = file.read()
    out = ctypes.create_string_buffer(most or 1)
    size = call(out, ctypes.c_size_t(most), data, ctypes.c_size_t(len(data)), *more)
    if size > most:
        sys.exit(f"{source}: libzstd returns {size:x}")
    with open(target, "wb") as file:
        file.write(out.raw[:size])


def main(command, *arguments):
    if command == "cached":
        cached(*arguments)
    elif command == "unpack":
        convert(libzstd().ZSTD_decompress, *arguments[:2], int(arguments[2]))
    elif command == "pack":
        most = os.path.getsize(arguments[0]) + (1 << 20)
        convert(libzstd().ZSTD_compress, *arguments, most, ctypes.c_int(3))
    else:
        sys.exit(__doc__)


main(*sys.argv[1:])
