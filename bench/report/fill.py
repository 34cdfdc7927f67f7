# SPDX-License-Identifier: GPL-2.0
"""Kinds of memory filled, read, written and freed: the parts "speed", by time, and
"counts", by instructions. What works by page is measured in hosts of their own, the parts
"speed-pages" and "counts-pages"."""
from .aim import Aim
from .ratio import median_of, quotient, total
from .text import bare, cell, has_digit, or_dash, points, row_of, six_digits
from .topic import Topic

OURS = ("gmemfs-warm", "gmemfs-cold", "gmemfs-4k-warm", "gmemfs-4k")
OTHERS = ("memfd", "shmem-huge", "hugetlbfs", "memfd_secret")
BACKINGS = OURS + OTHERS
OPERATIONS = ("touch", "fallocate", "free", "write", "read", "many")
TITLES = {
    "gmemfs-warm": "gmemfs, pool warm",
    "gmemfs-cold": "gmemfs, pool cold",
    "gmemfs-4k-warm": "huge=never, warm",
    "gmemfs-4k": "gmemfs, huge=never",
    "touch": "first touch",
    "many": "64 processes at once",
    "write": "write()",
    "read": "read()",
    "fallocate": "fallocate()",
}
BY_PAGE = ("gmemfs-4k-warm", "gmemfs-4k", "memfd_secret")
# Of the figures in the JSON: those of all operations together, and those of the first.
OF_ALL = ("splits_2m", "splits_1g")
OF_TOUCH = ("metadata", "user_tables")
EACH = ("instructions", "broadcasts", "own_broadcasts", "edits")
GIB_PAGES = 262144
PAGE = 4096
MIB = 1048576


def name(what):
    return TITLES.get(what, what)


def home(kind, backing):
    return f"{kind}-pages" if backing in BY_PAGE else kind


def why_not(measured, part, operation, way):
    """free and read need what touch and write do first."""
    if operation == "free":
        operation = "touch"
    elif operation == "read" and not measured.series(part, operation, way).failure:
        operation = "write"
    failure = measured.series(part, operation, way).failure
    return "not measured" if failure is None else f"not available: {failure}"


class Fill(Topic):
    # ---- figures ----

    def _part(self, backing):
        return self.measured.first_that_ran(home("speed", backing), home("counts", backing))

    def figure(self, kind, operation, backing):
        """Instructions of a page, and all else of a GiB or of all that was done."""
        series = self.measured.series(self._part(backing), operation, backing)
        if kind == "instructions":
            return self.measured.series(home("counts", backing), operation, backing).typical("ns")
        if kind == "metadata":
            return self._metadata(series)
        if kind in OF_ALL:
            return self._splits(kind, backing)
        value = series.typical(kind)
        return None if value is None else value * GIB_PAGES

    @staticmethod
    def _metadata(series):
        """Beside slab, one page of page table for each 2 MiB entry split."""
        pairs = ((series.each(r, "slab"), series.each(r, "splits_2m") or 0) for r in series.rounds)
        sizes = (slab + PAGE * splits for slab, splits in pairs if slab is not None)
        return max((size * GIB_PAGES for size in sizes), default=None)

    def _splits(self, kind, backing):
        part = self._part(backing)
        return total(self.measured.series(part, operation, backing).total(kind)
                     for operation in OPERATIONS)

    def _compare(self, operation, ours, beside):
        part = home("speed", beside if beside == "memfd_secret" else ours)
        return self.measured.compare(part, operation, ours, beside)

    def _why_not(self, operation, backing):
        return why_not(self.measured, home("speed", backing), operation, backing)

    # ---- the table ----

    def table(self):
        return [*self._ratios(), *self._figures()]

    def _ratios(self):
        rounds = self.measured.rounds("speed")
        rows = (self._ratio_row(operation, ours) for operation in OPERATIONS for ours in OURS)
        return [
            "How many times as fast as the one above, by time: median of the ratios of "
            f"{rounds} rounds",
            "(5th-95th percentile).",
            "",
            " " * 41 + "".join(f" {backing:>19}" for backing in OTHERS),
            *(row for row in rows if row),
            "",
        ]

    def _ratio_row(self, operation, ours):
        row = "".join(f" {cell(self._compare(operation, ours, beside)):>19}" for beside in OTHERS)
        if not has_digit(row):
            if ours in BY_PAGE:
                return None
            row = " " + self._why_not(operation, ours)
        return f"{name(operation):<21} {name(ours):<19}{row}"

    def _figures(self):
        rows = [(f"instructions a page: {name(operation)}", "instructions", operation)
                for operation in OPERATIONS]
        for operation in ("touch", "free"):
            rows += [
                (f"flush broadcasts a GiB: {name(operation)}", "broadcasts", operation),
                ("  by the task itself", "own_broadcasts", operation),
                (f"direct-map edits a GiB: {name(operation)}", "edits", operation),
            ]
        rows += [
            ("2 MiB entries split, all rounds", "splits_2m", ""),
            ("1 GiB entries split, all rounds", "splits_1g", ""),
            ("metadata bytes a GiB, at most", "metadata", "touch"),
            ("user page tables, bytes a GiB", "user_tables", "touch"),
        ]
        head = " " * 38 + "".join(f" {backing:>14}" for backing in BACKINGS)
        return [head, *filter(None, (self._figure_row(*row) for row in rows)), ""]

    def _figure_row(self, label, kind, operation):
        values = (or_dash("%d", self.figure(kind, operation, backing)) for backing in BACKINGS)
        row = "".join(f" {value:>14}" for value in values)
        return f"{label:<38}{row}" if has_digit(row) else None

    def failures(self):
        failed = ((operation, backing,
                   self.measured.series(home("speed", backing), operation, backing).failure)
                  for operation in OPERATIONS for backing in BACKINGS)
        return [*(f"{name(operation)} on {name(backing)}: not available: {failure}"
                  for operation, backing, failure in failed if failure is not None), ""]

    # ---- aims ----

    def aims(self):
        yield from self._aims_of_speed()
        yield from self._aims_of_flushes()
        yield from self._aims_of_splits()
        yield from self._aims_of_metadata()

    def _aims_of_speed(self):
        for pool, beside, limit in (("warm", "memfd", 5), ("warm", "hugetlbfs", 1),
                                    ("cold", "memfd", 1)):
            ours = f"gmemfs-{pool}"
            yield Aim(f"first touch, pool {pool}: times as fast as {beside}",
                      median_of(self._compare("touch", ours, beside)), ">=", limit,
                      self._why_not("touch", ours))
        for ours, beside, limit in (("gmemfs-4k-warm", "memfd", 1),
                                    ("gmemfs-4k", "memfd_secret", 3)):
            yield Aim(f"first touch, {name(ours)}: times as fast as {beside}",
                      median_of(self._compare("touch", ours, beside)), ">=", limit,
                      self._why_not("touch", ours))
        yield from self._aims_of_freeing()

    def _aims_of_freeing(self):
        """Of what memfd takes, in the same run. Instructions of a page."""
        def instructions(operations, backing):
            each = [self.figure("instructions", what, backing) for what in operations]
            return None if None in each else sum(each)

        for what, operations, limit in (("free", ("free",), 1.2),
                                        ("touch and free", ("touch", "free"), 1)):
            yield Aim(f"{what}, pool cold: instructions, of memfd's",
                      quotient(instructions(operations, "gmemfs-cold"),
                               instructions(operations, "memfd")), "<=", limit,
                      why_not(self.measured, "counts", "touch", "gmemfs-cold"))

    def _aims_of_flushes(self):
        """A flush that the kernel owed for memory of its own is counted with ours, since it
        comes when the direct map is edited: hence 1.01 and not 1."""
        flushes = self.figure("broadcasts", "touch", "gmemfs-cold")
        yield Aim("first touch, pool cold: flush broadcasts per 2 MiB",
                  None if flushes is None else flushes * 512 / GIB_PAGES, "<=", 1.01,
                  self._why_not("touch", "gmemfs-cold"))
        yield Aim("first touch, huge=never: flush broadcasts a GiB",
                  self.figure("broadcasts", "touch", "gmemfs-4k"), "<=", 1024,
                  self._why_not("touch", "gmemfs-4k"))
        yield Aim("first touch, pool warm: flush broadcasts by the filling task",
                  self.figure("own_broadcasts", "touch", "gmemfs-warm"), "<=", 0,
                  self._why_not("touch", "gmemfs-warm"))

    def _aims_of_splits(self):
        for what, ours in (("pool warm", "gmemfs-warm"), ("pool cold", "gmemfs-cold"),
                           ("huge=never", "gmemfs-4k")):
            yield Aim(f"{what}: 2 MiB entries of the direct map split",
                      self.figure("splits_2m", "", ours), "<=", 0, self._why_not("touch", ours))

    def _aims_of_metadata(self):
        for what, ours, limit in (("pool cold", "gmemfs-cold", 0.1),
                                  ("huge=never", "gmemfs-4k", 0.2)):
            size = self.figure("metadata", "touch", ours)
            yield Aim(f"{what}: metadata in % of the memory",
                      None if size is None else size * 100 / (GIB_PAGES * PAGE), "<=", limit,
                      self._why_not("touch", ours))

    # ---- for the JSON ----

    def compared(self):
        return [(part, operation, ours, beside)
                for part in ("speed", "speed-pages", "counts", "counts-pages")
                for operation in OPERATIONS
                for ours in BACKINGS for beside in BACKINGS if ours != beside]

    def figures(self):
        rows = [(kind, operation, operation) for kind in EACH for operation in OPERATIONS]
        rows += [(kind, "touch", "touch") for kind in OF_TOUCH]
        rows += [(kind, "touch", "all") for kind in OF_ALL]
        return [(kind, said, backing, self.figure(kind, operation, backing))
                for kind, operation, said in rows for backing in BACKINGS]

    # ---- for the plots ----

    def plots(self):
        return {
            "speed": [self._speed_points(operation) for operation in OPERATIONS],
            "instructions": [self._points("instructions", what) for what in OPERATIONS[:-1]],
            "broadcasts": [self._points("broadcasts", what) for what in OPERATIONS[:3]],
            "memory": [self._memory_points(backing) for backing in BACKINGS],
        }

    def _speed_points(self, operation):
        compared = (self.measured.compare(home("speed", backing), operation, backing, "memfd")
                    for backing in BACKINGS if backing != "memfd")
        return row_of(name(operation), (points(one, six_digits) for one in compared))

    def _points(self, kind, operation):
        """On a logarithmic scale, where there is no 0."""
        values = (self.figure(kind, operation, backing) for backing in BACKINGS)
        columns = (bare(value) if value and value > 0 else "-" for value in values)
        return row_of(name(operation), columns)

    def _memory_points(self, backing):
        values = (self.figure(kind, "touch", backing) for kind in OF_TOUCH)
        return row_of(backing, ("-" if value is None else bare(value / MIB) for value in values))
