# SPDX-License-Identifier: GPL-2.0
"""A guest on gmemfs, with the guard, beside one on memfd: the part "guard". Operations are
"boot" and "clock", a reading of the guest's clock."""
from .aim import Aim
from .fill import why_not
from .ratio import median_of
from .topic import Topic


class Guard(Topic):
    def _compare(self, operation):
        return self.measured.compare("guard", operation, "memfd", "gmemfs")

    def table(self):
        if not self._compare("boot"):
            return []
        return [
            "A guest on gmemfs, with the guard, beside memfd: ratio of instructions, of exits.",
            "",
            self._row("boot to the first line of its init", "boot"),
            self._row("reading its clock", "clock"),
            "",
        ]

    def _row(self, label, operation):
        return f"{label:<41} {self._cell(operation) or self._why_not(operation)}"

    def _cell(self, operation):
        compared = self._compare(operation)
        if not compared:
            return None
        ratio = f"{compared.median:.3f} ({compared.p5:.3f}-{compared.p95:.3f})"
        exits = (self.measured.series("guard", operation, backing).typical_count("exits") or 0
                 for backing in ("gmemfs", "memfd"))
        return f"{ratio:>19}   exits " + " and ".join(f"{count:.0f}" for count in exits)

    def _why_not(self, operation):
        return why_not(self.measured, "guard", operation, "gmemfs")

    def aims(self):
        for what, operation in (("guest's boot with the guard", "boot"),
                                ("guest reads its clock", "clock")):
            yield Aim(f"{what}: instructions, of those on memfd",
                      median_of(self._compare(operation)), "<=", 1.02, self._why_not(operation))

    def compared(self):
        return [("guard", operation, "gmemfs", "memfd") for operation in ("boot", "clock")]
