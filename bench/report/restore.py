# SPDX-License-Identifier: GPL-2.0
"""Memory that comes from a snapshot: the parts "restore", by time, and "restore-counts", by
instructions. Operations are "first", until a guest has what it needs to answer, "fault" and
"fault-16", and "all" of the memory. A way's "ns" is all that the host does meanwhile."""
from .aim import Aim
from .ratio import compare, median_of
from .text import cell, or_dash
from .topic import Topic

TIMED = "restore"
COUNTS = "restore-counts"
TITLES = {
    "first": "until the first answer",
    "fault": "a fault",
    "fault-16": "a fault, of 16 threads at once",
    "all": "all of it",
}
WAYS = {
    "read": "read() into memfd",
    "uffd": "userfaultfd, 4 KiB",
    "cold": "gmem-pager",
    "replay": "gmem-pager --replay",
    "clone": "clone",
    "channel": "fault channel, 4 KiB",
    "pager": "gmem-pager",
}
# An operation, what is compared with each other way, and the other ways.
WORKS = (
    ("first", "uffd", ("read", "uffd", "cold", "replay", "clone")),
    ("fault", "uffd", ("uffd", "channel")),
    ("fault-16", "uffd", ("uffd", "channel")),
    ("all", "read", ("read", "pager")),
)
# An operation, a way, what it is compared with, and how much of its cost it may have.
AIMS = (
    ("first", "cold", "uffd", 0.5),
    ("first", "replay", "uffd", 0.25),
    ("first", "clone", "read", 0.02),
)
ROW = "{:<31} {:<21} {:>12} {:>17} {:>17} {:>9} {:>8}"


class Restore(Topic):
    def __init__(self, measured):
        super().__init__(measured)
        self.part = measured.first_that_ran(COUNTS, TIMED)
        self.ran = measured.ran(self.part)

    # ---- figures ----

    def instructions(self, operation, way):
        """Of the host, for a page or a fault."""
        return self.measured.series(COUNTS, operation, way).typical("ns")

    def times(self, part, operation, way, beside):
        """How many times as much it takes."""
        return compare(self.measured.series(part, operation, way),
                       self.measured.series(part, operation, beside), "ns")

    def switches(self, operation, way):
        """Of the host's contexts, for a page or a fault."""
        return self.measured.series(self.part, operation, way).typical("switches")

    def flushes(self, operation, way):
        """Of kernel addresses, by these processes, in all rounds."""
        return self.measured.series(self.part, operation, way).total("own_broadcasts")

    # ---- the table ----

    def table(self):
        if not self.ran:
            return []
        return [
            "A guest's memory from a snapshot. Instructions are those of the whole host, for each",
            "page that the guest needs, each fault, or each page: median of "
            f"{self.measured.rounds(self.part)} rounds",
            "(5th-95th percentile).",
            "",
            ROW.format("", "", "instructions", "instructions", "times as fast", "switches",
                       "flushes"),
            ROW.format("", "", "each", "of those beside", "(emulated)", "each", "in all"),
            *(self._row(*work, way) for *work, ways in WORKS for way in ways),
            "",
        ]

    def _row(self, operation, beside, way):
        return ROW.format(
            TITLES[operation], WAYS[way],
            or_dash("%.1f", self.instructions(operation, way)),
            cell(self.times(COUNTS, operation, way, beside)),
            cell(self.measured.compare(TIMED, operation, way, beside)),
            or_dash("%.2f", self.switches(operation, way)),
            or_dash("%d", self.flushes(operation, way))).rstrip()

    # ---- aims ----

    def aims(self):
        if not self.ran:
            return
        for part, what in ((COUNTS, "instructions"), (TIMED, "time")):
            for operation, way, beside, limit in AIMS:
                yield Aim(f"{TITLES[operation]}, {WAYS[way]}: {what}, of those by "
                          f"{WAYS[beside]}",
                          median_of(self.times(part, operation, way, beside)), "<=", limit,
                          "not measured")
        yield Aim("all of it, gmem-pager: times as fast as read() into memfd",
                  median_of(self.measured.compare(TIMED, "all", "pager", "read")), ">=", 0.95,
                  "not measured")
        for way in ("cold", "replay"):
            yield Aim(f"{TITLES['first']}, {WAYS[way]}: flush broadcasts in all rounds",
                      self.flushes("first", way), "<=", 0, "not measured")

    # ---- for the JSON ----

    def compared(self):
        return [(part, operation, way, beside) for part in (TIMED, COUNTS)
                for operation, beside, ways in WORKS for way in ways if way != beside]

    def figures(self):
        return [(kind, operation, way, figure_of(operation, way))
                for operation, _, ways in WORKS for way in ways
                for kind, figure_of in (("host_instructions", self.instructions),
                                        ("switches", self.switches),
                                        ("flushes", self.flushes))]
