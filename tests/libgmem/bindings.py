#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""libgmem from Python, by ctypes: by the ABI alone, without the headers."""
import ctypes
import errno
import sys

PAGE = 4096
BLOCK = 512 * PAGE
PRIVATE = 1 << 3
HIDDEN = 1 << 0


class Options(ctypes.Structure):
    """struct gmem_region_options"""
    _fields_ = [
        ("size", ctypes.c_uint64),
        ("flags", ctypes.c_uint64),
        ("demand", ctypes.c_uint64),
        ("backends", ctypes.c_uint64),
        ("directory", ctypes.c_char_p),
        ("fd", ctypes.c_int),
        ("vm_fd", ctypes.c_int),
        ("windows", ctypes.c_uint32),
        ("reserved32", ctypes.c_uint32),
        ("reserved", ctypes.c_uint64 * 5),
    ]


class Protection(ctypes.Structure):
    """struct gmem_protection"""
    _fields_ = [(name, ctypes.c_uint64) for name in
                ("holds", "populated", "hidden", "lent", "shared", "huge")
                ] + [("reserved", ctypes.c_uint64 * 4)]


gmem = ctypes.CDLL(sys.argv[1])
gmem.gmem_last_error.restype = ctypes.c_char_p
gmem.gmem_region_address.restype = ctypes.c_void_p
gmem.gmem_region_size.restype = ctypes.c_uint64
gmem.gmem_region_backend.restype = ctypes.c_char_p

results = []


def ok(good, name):
    """A test, as a line of TAP."""
    results.append(good)
    print("ok" if good else "not ok", len(results), "-", name)


def u64(value):
    """For arguments that aren't as wide as an int."""
    return ctypes.c_uint64(value)


region = ctypes.c_void_p()
options = Options(size=4 * BLOCK, demand=HIDDEN)
ok(gmem.gmem_region_create(ctypes.byref(options), ctypes.byref(region)) == 0,
   "a region")
address = gmem.gmem_region_address(region)
ok(gmem.gmem_region_size(region) == 4 * BLOCK, "its size")
ok(gmem.gmem_region_backend(region) == b"gmemfs", "its backend")
ctypes.memset(address, 7, BLOCK)
protection = Protection()
ok(gmem.gmem_region_protection(region, ctypes.byref(protection)) == 0 and
   protection.holds & HIDDEN and protection.hidden == BLOCK, "it is hidden")

at = ctypes.c_uint64()
ok(gmem.gmem_region_convert(region, u64(PAGE), u64(PAGE), u64(0), u64(0), 0,
                            ctypes.byref(at)) == 0 and at.value == 2 * PAGE,
   "a page is shared")
states = (ctypes.c_uint8 * 3)()
fd = gmem.gmem_region_fd(region)
ok(gmem.gmem_file_state(fd, u64(0), u64(3 * PAGE), states) == 0 and
   [s >> 1 & 1 for s in states] == [0, 1, 0], "and no other")
ok(ctypes.string_at(address + PAGE, 2) == b"\7\7", "its contents stay")
data = ctypes.create_string_buffer(3)
ok(gmem.gmem_region_write(region, u64(100), b"abc", u64(3)) == 0 and
   gmem.gmem_region_read(region, u64(100), data, u64(3)) == 0 and
   data.raw == b"abc", "bytes that go in come out")
ok(gmem.gmem_region_read(region, u64(4 * BLOCK - 2), data, u64(3)) ==
   -errno.ERANGE, "not beyond the end")
ok(gmem.gmem_file_convert(fd, u64(1), u64(PAGE), u64(PRIVATE), u64(0), 0,
                          None) == -errno.EINVAL, "an error")
ok(b"whole pages" in gmem.gmem_last_error(), "and its sentence")
gmem.gmem_region_destroy(region)

options = Options(size=BLOCK, demand=1 << 3)
ok(gmem.gmem_region_create(ctypes.byref(options), ctypes.byref(region)) == 0,
   "a region with windows, of a library that was loaded by dlopen()")
ok(gmem.gmem_region_write(region, u64(0), b"abc", u64(3)) == 0 and
   gmem.gmem_region_read(region, u64(0), data, u64(3)) == 0 and
   data.raw == b"abc", "can be read and written")
gmem.gmem_region_destroy(region)

print(f"1..{len(results)}")
sys.exit(not all(results))
