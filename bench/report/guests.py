# SPDX-License-Identifier: GPL-2.0
"""Guests whose memory is kept by different methods: what they do, and the figures of it, by
time and by instructions. The operations are what guests do, the ways are the methods."""
from . import ratio

TITLES = {
    "memfd": "memfd",
    "kept": "gmemfs, not hidden",
    "gmemfs": "gmemfs",
    "windows": "gmemfs, windows",
    "memfd-direct": "memfd, direct=on",
    "shared-io": "gmemfs, shared I/O",
    "swiotlb": "gmemfs, swiotlb",
    "reinsert": "reinsert",
    "nvme-vfio": "gmemfs, NVMe by VFIO",
}
METHODS = tuple(TITLES)
FIO_TITLES = {
    "read-4k-1": "4k random read, depth 1",
    "read-4k-32": "4k random read, depth 32",
    "write-4k-1": "4k random write, depth 1",
    "write-4k-32": "4k random write, depth 32",
    "read-128k": "128k sequential read",
    "write-128k": "128k sequential write",
    "mixed-4k-32": "4k mixed 70:30, depth 32",
}
TCP_TITLES = {
    "tcp-send": "TCP to the host, 4k",
    "tcp-receive": "TCP from the host, 4k",
}
OTHER_TITLES = {
    "boot": "boot to userspace",
    "touch": "population of memory",
    "stress": "stress-ng --vm",
    "copy": "memory to memory",
    "tar": "tar and xz",
}
WORK_TITLES = FIO_TITLES | TCP_TITLES | OTHER_TITLES
FIO_WORKS = tuple(FIO_TITLES)
IO_WORKS = FIO_WORKS + tuple(TCP_TITLES)
WORKS = tuple(WORK_TITLES)
# What it takes to start the program that does a work, once for each job.
STARTS = {work: "start" for work in FIO_WORKS} | {"stress": "stress-start"}
LATENCIES = ("p50_ns", "p99_ns")
COUNTS = ("tlb_ipis", "broadcasts", "edits", "splits_2m", "splits_1g")


def base_of(method):
    """What each is compared with: one that doesn't differ in how its disk is opened."""
    return "memfd-direct" if method == "shared-io" else "memfd"


class Guests:
    """The figures of one part: "disk", by time, or "disk-counts", by instructions."""

    def __init__(self, measured, part):
        self.measured = measured
        self.part = part
        self.ran = measured.ran(part)
        self.rounds = measured.rounds(part)

    def series(self, work, method):
        return self.measured.series(self.part, work, method)

    def net(self, work, method, key):
        """Without the start of fio and stress-ng, which is no part of an operation: what is
        counted is what more operations take more than few do."""
        series = self.series(work, method)
        start = self.series(STARTS.get(work, ""), method)
        start_value = start.typical_count(key) or 0
        start_units = start.typical_count("units") or 0
        return ratio.median(
            self._each(series, number, key, start_value, start_units)
            for number in series.compared_rounds())

    @staticmethod
    def _each(series, number, key, start_value, start_units):
        value = series.value(number, key)
        if value is None:
            return None
        units = series.value(number, "units") or 0
        return ratio.quotient(value - start_value, units - start_units)

    def each_of_all(self, work, method, key):
        return self.series(work, method).each_of_all(key)

    def speed(self, work, method):
        return self.measured.compare(self.part, work, method, base_of(method))

    def latency(self, work, method, key):
        """How many times that of its base it is, in the same round."""
        ours = self.series(work, method)
        base = self.series(work, base_of(method))
        pairs = ((ours.value(r, key), base.value(r, key)) for r in base.compared_rounds())
        return ratio.of(ratio.quotient(one, other) for one, other in pairs if one and one > 0)

    def fewer_instructions(self, work, method):
        """How many times as few as on its base."""
        return ratio.quotient(self.net(work, base_of(method), "cpu_ns"),
                              self.net(work, method, "cpu_ns"))

    def in_all_io(self, method, key):
        return ratio.total(self.series(work, method).total(key) for work in IO_WORKS)

    def why_not(self, method):
        failure = self.series("boot", method).failure
        return "not measured" if failure is None else f"not measured: {failure}"

    def missing(self):
        return [*(f"{TITLES[method]}: {self.why_not(method)}" for method in METHODS
                  if self.series("boot", method).failure is not None), ""]

    def rows(self):
        return [(work, method) for work in WORKS for method in METHODS]
