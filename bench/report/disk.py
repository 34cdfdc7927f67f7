# SPDX-License-Identifier: GPL-2.0
"""What is said of guests and their disks: the tables, aims and plots of the parts "disk" and
"disk-counts"."""
from .aim import Aim
from .guests import (COUNTS, FIO_WORKS, LATENCIES, METHODS, TITLES, WORK_TITLES, WORKS, Guests,
                     base_of)
from .ratio import median_of
from .text import bare, cell, or_dash, points, row_of
from .topic import Topic

ROW = "{:<26} {:<19} {:>17} {:>5} {:>5} {:>7} {:>7} {:>7} {:>7} {:>7}"
COUNT_ROW = "{:<26} {:<19} {:>14} {:>14} {:>7} {:>7} {:>7} {:>7}"


class Part(Topic):
    """What both parts have."""

    part = None
    # What there is more of, in an aim.
    measure = None

    def __init__(self, measured):
        super().__init__(measured)
        self.guests = Guests(measured, self.part)

    def aims(self):
        return [*self._aims_of_works(), *self._aims_of_counts()] if self.guests.ran else []

    def _aims_of_works(self):
        for work in WORKS:
            yield self._aim(work, "gmemfs", 0.98)
            yield self._aim(work, "windows", 0.97)
            if work in FIO_WORKS:
                yield self._aim(work, "shared-io", 1)

    def _aim(self, work, method, limit):
        return Aim(f"{WORK_TITLES[work]}, {TITLES[method]}: times as {self.measure} as "
                   + TITLES[base_of(method)],
                   self.times(work, method), ">=", limit, self.guests.why_not(method))

    def _aims_of_counts(self):
        for method in ("gmemfs", "windows"):
            for key in ("broadcasts", "edits", "splits_2m", "splits_1g"):
                yield Aim(f"{self.part}, {TITLES[method]}: {key} in all of fio's and TCP's "
                          "operations", self.guests.in_all_io(method, key), "<=", 0,
                          self.guests.why_not(method))

    def table(self):
        if not self.guests.ran:
            return []
        rows = (self.row(work, method) for work, method in self.guests.rows()
                if self.guests.each_of_all(work, method, self.key) is not None)
        return [*self.head(), *rows, "", *self.guests.missing()]

    def figures(self):
        if not self.guests.ran:
            return []
        return [(kind, work, method, value) for work, method in self.guests.rows()
                for kind, value in [*self.own_figures(work, method), *self._counts(work, method)]]

    def _counts(self, work, method):
        yield f"{self.part}_exits", self.guests.net(work, method, "exits")
        for key in COUNTS:
            yield f"{self.part}_{key}", self.guests.each_of_all(work, method, key)


class Disk(Part):
    part = "disk"
    measure = "fast"
    key = "ns"

    def times(self, work, method):
        return median_of(self.guests.speed(work, method))

    def head(self):
        return [
            "Guests, each beside one on memfd, which is 1: median of the ratios of "
            f"{self.guests.rounds} rounds",
            "(5th-95th percentile); boot and population of memory are measured once. Shared I/O is",
            "beside memfd with direct=on, on a disk of the same kind. Latencies are times as long. The",
            "rest is each operation's: exits to KVM, interrupts to flush TLBs, flush broadcasts, edits",
            "and splits of the direct map.",
            "",
            ROW.format("", "", "times as fast", "p50", "p99", "exits", "TLB", "flushes", "edits",
                       "splits"),
        ]

    def row(self, work, method):
        guests = self.guests
        return ROW.format(
            WORK_TITLES[work], TITLES[method], cell(guests.speed(work, method)),
            *(or_dash("%.2f", self._latency(work, method, key)) for key in LATENCIES),
            or_dash("%.3g", guests.net(work, method, "exits")),
            or_dash("%.2g", guests.each_of_all(work, method, "tlb_ipis")),
            *(or_dash("%.3g", guests.each_of_all(work, method, key))
              for key in ("broadcasts", "edits", "splits_2m")))

    def _latency(self, work, method, key):
        return median_of(self.guests.latency(work, method, key))

    def compared(self):
        return [("disk", work, method, base_of(method)) for work in WORKS for method in METHODS[1:]]

    def own_figures(self, work, method):
        return [(f"times_{key}", self._latency(work, method, key)) for key in LATENCIES]

    def plots(self):
        if not self.guests.ran:
            return {}
        latencies = {f"disk-{key[:3]}": [self._latency_points(work, key) for work in FIO_WORKS]
                     for key in LATENCIES}
        return {"disk": [self._speed_points(work) for work in WORKS]} | latencies

    def _speed_points(self, work):
        return row_of(WORK_TITLES[work], (points(self.guests.speed(work, method), bare)
                                          for method in METHODS[1:]))

    def _latency_points(self, work, key):
        return row_of(WORK_TITLES[work], (points(self.guests.latency(work, method, key), bare)
                                          for method in METHODS[1:]))


class DiskCounts(Part):
    part = "disk-counts"
    measure = "few instructions"
    key = "cpu_ns"

    def times(self, work, method):
        return self.guests.fewer_instructions(work, method)

    def head(self):
        return [
            "The same in instructions, of guest, VMM and host's kernel together, each operation:",
            f"median of {self.guests.rounds} rounds; shared I/O beside memfd with direct=on.",
            "",
            COUNT_ROW.format("", "", "instructions", "times as few", "exits", "flushes", "edits",
                             "splits"),
        ]

    def row(self, work, method):
        guests = self.guests
        return COUNT_ROW.format(
            WORK_TITLES[work], TITLES[method],
            or_dash("%.0f", guests.net(work, method, "cpu_ns")),
            or_dash("%.3f", guests.fewer_instructions(work, method)),
            or_dash("%.3g", guests.net(work, method, "exits")),
            *(or_dash("%.3g", guests.each_of_all(work, method, key))
              for key in ("broadcasts", "edits", "splits_2m")))

    def own_figures(self, work, method):
        return [("guest_instructions", self.guests.net(work, method, "cpu_ns"))]

    def plots(self):
        return {"disk-counts": [self._points(work) for work in WORKS]} if self.guests.ran else {}

    def _points(self, work):
        values = (self.guests.fewer_instructions(work, method) for method in METHODS[1:])
        return row_of(WORK_TITLES[work], (or_dash("%.6g", value) for value in values))
