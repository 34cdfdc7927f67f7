# SPDX-License-Identifier: GPL-2.0
"""python3 -m report DIR <RAW: makes of what the hosts said, in DIR, the table (table.txt), the
JSON (results.json) and the plots' data (*.dat)."""
import io
import sys
from pathlib import Path

from . import aim, results
from .before import Before
from .clone import Clone
from .convert import Convert
from .disk import Disk, DiskCounts
from .fill import Fill
from .guard import Guard
from .measured import Measured
from .restore import Restore
from .scale import Scale
from .text import printable
from .windows import Windows

# What a host says may be any bytes, but JSON is UTF-8.
ENCODING = {"encoding": "utf-8", "errors": "replace", "newline": "\n"}


def table(topics, aims):
    lines = [line for topic in topics for line in topic.table()]
    failures = [line for topic in topics for line in topic.failures()]
    return lines + failures + aim.table(aims)


def write(path, text):
    with path.open("w", **ENCODING) as file:
        file.write(text)


def lines_of(lines):
    return "".join(f"{printable(line)}\n" for line in lines)


def main(folder, raw):
    measured = Measured(line.rstrip("\n") for line in raw)
    topics = [topic(measured) for topic in (Fill, Scale, Guard, Convert, Windows, Clone, Restore,
                                              Disk, DiskCounts, Before)]
    aims = [one for topic in topics for one in topic.aims()]
    write(folder / "table.txt", lines_of(table(topics, aims)))
    write(folder / "results.json", results.document(measured, aims, topics))
    for topic in topics:
        for name, rows in topic.plots().items():
            if rows:
                write(folder / f"{name}.dat", lines_of(rows))


if len(sys.argv) != 2:
    sys.exit("usage: python3 -m report DIR <RAW")
main(Path(sys.argv[1]), io.TextIOWrapper(sys.stdin.buffer, **ENCODING))
