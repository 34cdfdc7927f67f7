# SPDX-License-Identifier: GPL-2.0
"""Scale: the part "scale-counts". Operations are processes-N and threads-N: so many fill memory
at once, a file each or a part of one file each."""
from .aim import Aim
from .fill import name
from .ratio import quotient
from .text import or_dash, row_of
from .topic import Topic

PART = "scale-counts"
KINDS = ("processes", "threads")
WAYS = ("gmemfs-warm", "gmemfs-cold", "gmemfs-4k", "memfd")
OURS = WAYS[:3]


class Scale(Topic):
    def __init__(self, measured):
        super().__init__(measured)
        self.numbers = {kind: measured.numbers_after(kind) for kind in KINDS}

    def instructions(self, kind, number, way):
        return self.measured.series(PART, f"{kind}-{number}", way).typical("ns")

    def times(self, kind, number, way):
        """Beside one process, or thread, alone."""
        return quotient(self.instructions(kind, number, way), self.instructions(kind, 1, way))

    # ---- the table ----

    def table(self):
        rows = [self._row(kind, number) for kind in KINDS for number in self.numbers[kind]]
        if not rows:
            return []
        return [
            "Filled by so many at once, on 8 CPUs: instructions a page, of all CPUs together, and",
            "how many times those of one alone.",
            "",
            " " * 14 + "".join(f" {name(way):>24}" for way in WAYS),
            *rows,
            "",
        ]

    def _row(self, kind, number):
        cells = (or_dash("%.0f", self.instructions(kind, number, way))
                 + f" ({or_dash('%.3f', self.times(kind, number, way))})" for way in WAYS)
        return f"{number:>3} {kind:<10}" + "".join(f" {cell:>24}" for cell in cells)

    # ---- aims ----

    def aims(self):
        if not self.measured.ran(PART):
            return
        for kind in KINDS:
            for way in OURS:
                times = [self.times(kind, number, way) for number in self.numbers[kind]]
                worst = None if not times or None in times else max(times)
                yield Aim(f"1 to 64 {kind}, {name(way)}: instructions a page, of one alone",
                          worst, "<=", 1.1, "not measured")

    # ---- for the JSON and the plot ----

    def figures(self):
        return [("instructions", f"{kind}-{number}", way, self.instructions(kind, number, way))
                for kind in KINDS for number in self.numbers[kind] for way in WAYS]

    def plots(self):
        rows = [row_of(f"{number} {kind}", (or_dash("%.6g", self.instructions(kind, number, way))
                                            for way in WAYS))
                for kind in KINDS for number in self.numbers[kind]]
        return {"scale": rows}
