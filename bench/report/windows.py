# SPDX-License-Identifier: GPL-2.0
"""Windows: the parts "windows", by time, and "windows-counts", by instructions. Operations
are pair-MIB, to open and close one in a region of so many MiB, and copy-MIB, 4 KiB copied
in between."""
from .ratio import quotient
from .text import cell, or_dash, row_of
from .topic import Topic

TITLES = {
    "no-window": "no window",
    "own-key": "own key",
    "key": "shared keys, has one",
    "no-key": "shared keys, has none",
    "mprotect": "mprotect()",
}
ROW = "{:<33} {:>12} {:>10} {:>12} {:>20} {:>6}"


def base_of(kind):
    """What a pair and a copy are compared with."""
    return "key" if kind == "pair" else "no-window"


class Windows(Topic):
    def __init__(self, measured):
        super().__init__(measured)
        self.part = measured.first_that_ran("windows", "windows-counts")
        sizes = measured.numbers_after("pair")
        self.work = [(kind, size) for kind in ("pair", "copy") for size in sizes]

    # ---- figures ----

    def instructions(self, operation, way):
        return self.measured.series("windows-counts", operation, way).typical("ns")

    def cycles(self, operation, way):
        """Of an emulated CPU, or of a real one where the host has that."""
        return self.measured.series("windows", operation, way).typical("cycles")

    def misses(self, operation, way):
        return self.measured.series(self.part, operation, way).typical("misses")

    def times(self, kind, operation, way):
        """How many times as many instructions it takes; rounds differ by nothing."""
        return quotient(self.instructions(operation, way),
                self.instructions(operation, base_of(kind)))

    def speed(self, kind, operation, way):
        """An empty loop isn't fast or slow."""
        if kind == "pair" and way == "no-window":
            return None
        return self.measured.compare("windows", operation, way, "mprotect")

    # ---- the table ----

    def table(self):
        if not self.work:
            return []
        return [
            "Windows: a pair of open and close, and a copy of 4 KiB in one, in regions of so many",
            f"MiB. Medians of {self.measured.rounds(self.part)} rounds. "
            "Instructions are beside those of a pair in a region that",
            "has one of the shared keys, and of a copy without a window.",
            "",
            ROW.format("", "", "times", "cycles", "times as fast as", "misses"),
            ROW.format("", "instructions", "as many", "(emulated)", "mprotect()", "each"),
            *(self._row(kind, size, way) for kind, size in self.work for way in TITLES),
            "",
        ]

    def _row(self, kind, size, way):
        operation = f"{kind}-{size}"
        return ROW.format(
            f"{kind}, {size:3d}: {TITLES[way]}",
            or_dash("%.0f", self.instructions(operation, way)),
            or_dash("%.2f", self.times(kind, operation, way)),
            or_dash("%.0f", self.cycles(operation, way)),
            cell(self.speed(kind, operation, way)),
            or_dash("%.3g", self.misses(operation, way)))

    # ---- for the JSON and the plot ----

    def compared(self):
        return [(part, f"{kind}-{size}", way, beside) for part in ("windows", "windows-counts")
                for kind, size in self.work for way in TITLES
                for beside in ("mprotect", base_of(kind)) if way != beside]

    def figures(self):
        kinds = {"instructions": self.instructions, "cycles": self.cycles, "misses": self.misses}
        return [(figure, f"{kind}-{size}", way, figure_of(f"{kind}-{size}", way))
                for kind, size in self.work for way in TITLES
                for figure, figure_of in kinds.items()]

    def plots(self):
        return {"windows": [self._points(kind, size) for kind, size in self.work]}

    def _points(self, kind, size):
        values = (self.instructions(f"{kind}-{size}", way) for way in TITLES)
        return row_of(f"{kind}, {size} MiB", (or_dash("%.6g", value) for value in values))
