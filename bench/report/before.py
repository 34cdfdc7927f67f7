# SPDX-License-Identifier: GPL-2.0
"""This tree beside another one: the part "before". Operations are compare-OPERATION, ways are
this-WAY and before-WAY."""
from .aim import Aim
from .ratio import compare, median_of
from .text import or_dash
from .topic import Topic

PART = "before"
PREFIX = "compare-"
# What is to cost what it did.
AIMED = ("touch", "fault", "share", "private")
ROW = "{:<16} {:<15} {:>12} {:>12} {:>26}"


class Before(Topic):
    def __init__(self, measured):
        super().__init__(measured)
        seen = {(record.operation, record.way.partition("-")[2]): None
                for record in measured.records
                if record.part == PART and record.operation.startswith(PREFIX)}
        self.work = list(seen)

    # ---- figures ----

    def _series(self, tree, operation, way):
        return self.measured.series(PART, operation, f"{tree}-{way}")

    def instructions(self, tree, operation, way):
        """Of the process that does it: the kernel's workers do theirs when they come to it."""
        return self._series(tree, operation, way).typical("cpu_ns")

    def times(self, operation, way):
        """How many times as many instructions as before, in the rounds that both trees have."""
        return compare(self._series("this", operation, way),
                       self._series("before", operation, way), "cpu_ns")

    # ---- the table ----

    def table(self):
        if not self.work:
            return []
        return [
            "Instructions a page, of the process that does it, by this tree and by another: median",
            f"of the ratios of {self.measured.rounds(PART)} rounds (5th-95th percentile).",
            "",
            ROW.format("", "", "before", "this tree", "of before"),
            *(self._row(*work) for work in self.work),
            "",
        ]

    def _row(self, operation, way):
        one = self.times(operation, way)
        ratio = f"{one.median:.4f} ({one.p5:.4f}-{one.p95:.4f})" if one else "-"
        each = (or_dash("%.2f", self.instructions(tree, operation, way))
                for tree in ("before", "this"))
        return ROW.format(operation[len(PREFIX):], way, *each, ratio)

    # ---- aims ----

    def aims(self):
        for operation, way in self.work:
            what = operation[len(PREFIX):]
            if what.partition("-")[0] in AIMED:
                yield Aim(f"{what}, {way}: instructions, of those before",
                          median_of(self.times(operation, way)), "<=", 1.01, "not measured")

    # ---- for the JSON ----

    def figures(self):
        return [("instructions", operation, f"{tree}-{way}",
                 self.instructions(tree, operation, way))
                for operation, way in self.work for tree in ("before", "this")]
