# SPDX-License-Identifier: GPL-2.0
"""Conversions: the parts "convert", by time, and "convert-counts", by instructions.
Operations are share-RUN and private-RUN; "run" is a call for so many pages, "page" one for
each page beside it."""
from .aim import Aim
from .ratio import quotient
from .text import both, cell, or_dash, row_of
from .topic import Topic

WAYS = ("run", "page")
ROW = "{:<19} {:>14} {:>19} {:>17} {:>17} {:>17}"


class Convert(Topic):
    def __init__(self, measured):
        super().__init__(measured)
        self.part = measured.first_that_ran("convert", "convert-counts")
        self.runs = measured.numbers_after("share")

    # ---- figures ----

    def flushes_a_call(self, operation, way):
        return self.measured.series(self.part, operation, way).typical("own_broadcasts", "calls")

    def splits_a_call(self, operation, way):
        """An entry is split once: when some of its pages are shared for the first time."""
        return self.measured.series(self.part, operation, way).each(0, "splits_2m", "calls")

    def pages_a_second(self, operation, way):
        return quotient(1e9, self.measured.series("convert", operation, way).typical("ns"))

    def instructions(self, operation, way):
        return self.measured.series("convert-counts", operation, way).typical("ns")

    # ---- the table ----

    def table(self):
        if not self.runs:
            return []
        return [
            "Conversion in runs of so many pages a call, and page by page beside it:",
            f"median of {self.measured.rounds(self.part)} rounds.",
            "",
            ROW.format("", "pages a second", "times as fast", "instructions", "flushes",
                       "2 MiB entries"),
            ROW.format("", "(emulated)", "as page by page", "a page (by page)",
                       "a call (by page)", "split a call at"),
            ROW.format("", "", "", "", "", "first (by page)"),
            *(self._row("share", "to shared", run) for run in self.runs),
            *(self._row("private", "to private", run) for run in self.runs),
            "",
        ]

    def _row(self, prefix, label, run):
        operation = f"{prefix}-{run}"
        return ROW.format(
            f"{label}, {run}", or_dash("%.0f", self.pages_a_second(operation, "run")),
            cell(self.measured.compare("convert", operation, "run", "page")),
            both("%.0f", *(self.instructions(operation, way) for way in WAYS)),
            both("%.4g", *(self.flushes_a_call(operation, way) for way in WAYS)),
            both("%.2g", *(self.splits_a_call(operation, way) for way in WAYS)))

    # ---- aims ----

    def aims(self):
        """What the issue of this part asked for, whether Linux lets us or not."""
        for run in self.runs:
            yield self._aim(f"to shared, {run} pages: flush broadcasts a call",
                    self.flushes_a_call(f"share-{run}", "run"), 0)
            yield self._aim(f"to private, {run} pages: flush broadcasts a call",
                    self.flushes_a_call(f"private-{run}", "run"), 1)
            if run % 512 == 0:
                yield self._aim(f"to shared, {run} pages: 2 MiB entries split a call",
                        self.splits_a_call(f"share-{run}", "run"), 0)

    @staticmethod
    def _aim(what, value, limit):
        return Aim(what, value, "<=", limit, "not measured")

    # ---- for the JSON and the plot ----

    def compared(self):
        return [(part, f"{prefix}-{run}", "run", "page") for part in ("convert", "convert-counts")
                for run in self.runs for prefix in ("share", "private")]

    def figures(self):
        kinds = {
            "pages_a_second": self.pages_a_second,
            "instructions": self.instructions,
            "flushes_a_call": self.flushes_a_call,
            "splits_a_call": self.splits_a_call,
        }
        return [(kind, f"{prefix}-{run}", way, figure_of(f"{prefix}-{run}", way))
                for prefix in ("share", "private") for run in self.runs for way in WAYS
                for kind, figure_of in kinds.items()]

    def plots(self):
        return {"convert": [self._points(run) for run in self.runs]}

    def _points(self, run):
        """To shared by run and by page, to private by run and by page."""
        values = (self.instructions(f"{prefix}-{run}", way)
                  for prefix in ("share", "private") for way in WAYS)
        return row_of(run, (or_dash("%.6g", value) for value in values))
