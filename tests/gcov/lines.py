#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
lines.py NOTES [FILE]...: adds up what programs have counted (FILEs as counts.c writes
them), beside the compiler's notes, and prints lines of FILE LINE 1, or 0 if that line
was never reached. The programs were built in /src, into /out.

A file of counts is records of a tag, a length in bytes and 64-bit numbers; a negative
length is of as many zeros. See gcc's gcov-io.h.
"""
import json
import os
import struct
import subprocess
import sys

NAME = 0x6763666e
COUNTS = 0x67636461
FUNCTION = 0x01000000
END = 0

# The head of a file: what it is, of which version, of which compilation, and a checksum.
STAMP = 2


class Stream:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def __bool__(self):
        return self.at < len(self.data)

    def take(self, kind, number=1):
        values = struct.unpack_from(f"<{number}{kind}", self.data, self.at)
        self.at += struct.calcsize(f"<{number}{kind}")
        return values

    def name(self):
        magic, _version, length = self.take("I", 3)
        if magic != NAME:
            sys.exit(f"lines.py: no name at {self.at}")
        (text,) = self.take(f"{length}s", "")
        return text.rstrip(b"\0").decode()

    def record(self):
        """Its tag and values; functions have no counts, but three words about them."""
        (tag,) = self.take("I")
        if tag == END:
            return tag, ()
        (length,) = self.take("i")
        if tag == FUNCTION:
            return tag, self.take("I", length // 4)
        if length < 0:
            return tag, (0,) * (-length // 8)
        return tag, self.take("Q", length // 8)

    def counts(self):
        head = self.take("I", 4)
        if head[0] != COUNTS:
            sys.exit(f"lines.py: no counts at {self.at}")
        records = []
        while not records or records[-1][0] != END:
            records.append(self.record())
        return head, records


def add(one, other):
    head, records = one
    if head != other[0] or len(records) != len(other[1]):
        sys.exit("lines.py: counts of two different programs")
    return head, [
        (tag, values if tag == FUNCTION else tuple(map(sum, zip(values, more))))
        for (tag, values), (_, more) in zip(records, other[1])
    ]


def has_stamp(notes, stamp):
    """Whether the notes are there, and of the same compilation."""
    if not os.path.exists(notes):
        return False
    with open(notes, "rb") as file:
        return struct.unpack("<3I", file.read(12))[STAMP] == stamp


def write(path, counts):
    head, records = counts
    with open(path, "wb") as file:
        file.write(struct.pack("<4I", *head))
        for tag, values in records:
            file.write(struct.pack("<I", tag))
            if tag == FUNCTION:
                file.write(struct.pack("<i3I", 12, *values))
            elif tag != END:
                file.write(struct.pack(f"<i{len(values)}Q", 8 * len(values), *values))


def all_counts(files):
    """By name and stamp: in one program two sources may have notes of one name."""
    sums = {}
    for file in files:
        with open(file, "rb") as opened:
            stream = Stream(opened.read())
        while stream:
            name = stream.name()
            counts = stream.counts()
            key = name, counts[0][STAMP]
            sums[key] = add(sums[key], counts) if key in sums else counts
    return sums


def our_notes(folder):
    for path, _, names in os.walk(folder):
        yield from (os.path.join(path, name) for name in names if name.endswith(".gcno"))


def lines_of(notes):
    """
    Of each source and line whether any copy of it was reached. What has no counts
    belongs to a program that has never run.
    """
    lines = {}
    shown = subprocess.run(
        ["gcov", "--json-format", "--stdout", *our_notes(notes)],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    for text in shown.stdout.splitlines():
        unit = json.loads(text)
        for file in unit["files"]:
            path = os.path.join(unit["current_working_directory"], file["file"])
            path = os.path.relpath(path, "/src")
            for line in file["lines"]:
                key = path, line["line_number"]
                lines[key] = lines.get(key, False) or line["count"] > 0
    return lines


def main(notes, *files):
    for (name, stamp), counts in all_counts(files).items():
        path = os.path.join(notes, os.path.relpath(name, "/out"))
        if has_stamp(path.removesuffix("gcda") + "gcno", stamp):
            write(path, counts)
    for (path, line), reached in sorted(lines_of(notes).items()):
        if path.split("/")[0] in ("lib", "ctl", "vmm"):
            print(path, line, int(reached))


main(*sys.argv[1:])
