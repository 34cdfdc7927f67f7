# SPDX-License-Identifier: GPL-2.0
"""mapped.py OUT CONTENTS: a file as QEMU's migration with mapped-ram makes it, as far as the pager reads it.

Its blocks: "small", one page; "ram", which has CONTENTS; "vga", of another size. Pages of zeros aren't written:
where they would be are other bytes, as those of an earlier round are.
"""
import struct
import sys

PAGE = 4096
ALIGN = 1 << 20


def block(name, contents):
    size = len(contents)
    out.write(bytes([len(name)]) + name + struct.pack('>Q', size) + struct.pack('>Q', 0xfee))
    bitmap_at = out.tell() + 28
    bits = bytearray((size // PAGE + 7) // 8)
    pages_at = (bitmap_at + len(bits) + ALIGN - 1) // ALIGN * ALIGN
    out.write(struct.pack('>IQQQ', 1, PAGE, bitmap_at, pages_at))
    for page in range(size // PAGE):
        data = contents[page * PAGE:(page + 1) * PAGE]
        if any(data):
            bits[page // 8] |= 1 << page % 8
        else:
            data = b'stale' * 819 + b'!'
        out.seek(pages_at + page * PAGE)
        out.write(data)
    out.seek(bitmap_at)
    out.write(bits)
    out.seek(pages_at + size)


with open(sys.argv[2], 'rb') as file:
    ram = file.read()
with open(sys.argv[1], 'wb') as out:
    out.write(b'QEVM' + struct.pack('>I', 3) + b'\x07' + struct.pack('>I', 11) + b'pc-q35-10.0')
    out.write(b'\x01' + struct.pack('>I', 2) + b'\x03ram' + struct.pack('>II', 0, 4) + struct.pack('>Q', len(ram) | 4))
    block(b'small', b'x' * PAGE)
    block(b'ram', ram)
    block(b'vga', b'v' * 2 * PAGE)
    out.write(b'\x00' * 64)
