# SPDX-License-Identifier: GPL-2.0
"""Clones: the parts "clone", by time, "clone-counts", by instructions, and "clone-guests", by
memory. Operations are "clone" of a whole file, "cow" and "cow-all", which are first writes to
some pages and to all, and "read"."""
from .aim import Aim
from .fill import GIB_PAGES, MIB
from .ratio import compare, median_of, quotient
from .text import cell, or_dash
from .topic import Topic

COUNTS = "clone-counts"
GUESTS = "clone-guests"
TITLES = {
    "clone": "a whole file",
    "cow": "first write, 1 page in 16",
    "cow-all": "first write, each page",
    "read": "read in a new mapping",
}
WAYS = {
    "clone": "FICLONE",
    "cp": "read() and write()",
    "auto": "clone, cow=auto",
    "page": "clone, cow=page",
    "block": "clone, cow=block",
    "private": "MAP_PRIVATE, gmemfs",
    "tmpfs": "MAP_PRIVATE, tmpfs",
    "file": "file never cloned",
}
# An operation, what is compared with each other way, and the other ways.
WORKS = (
    ("clone", "cp", ("clone", "cp")),
    ("cow", "tmpfs", ("auto", "page", "block", "private", "tmpfs")),
    ("cow-all", "tmpfs", ("auto", "page", "block", "private", "tmpfs")),
    ("read", "file", ("clone", "file")),
)
POLICIES = ("auto", "page")
ROW = "{:<26} {:<20} {:>12} {:>17} {:>17} {:>8} {:>9} {:>9}"
GUEST_ROW = "{:<12} {:>10} {:>10} {:>10} {:>10} {:>10} {:>8}"


def way_title(operation, way):
    return "a clone" if (operation, way) == ("read", "clone") else WAYS[way]


class Clone(Topic):
    def __init__(self, measured):
        super().__init__(measured)
        self.part = measured.first_that_ran(COUNTS, "clone")
        self.ran = measured.ran(self.part)
        self.guests_ran = measured.ran(GUESTS)

    # ---- figures ----

    def _series(self, operation, way):
        return self.measured.series(self.part, operation, way)

    def instructions(self, operation, way):
        """Of the process that does it, for a page."""
        return self.measured.series(COUNTS, operation, way).typical("cpu_ns")

    def times(self, operation, way, beside):
        """How many times as many instructions it takes, of the process."""
        return compare(self.measured.series(COUNTS, operation, way),
                       self.measured.series(COUNTS, operation, beside), "cpu_ns")

    def flushes(self, operation, way):
        """By the process, in all rounds."""
        return self._series(operation, way).total("own_broadcasts")

    def metadata(self):
        """The kernel's slab, for a GiB that is cloned. Slab that earlier rounds have left is used
        again, so the most of all rounds."""
        series = self._series("clone", "clone")
        sizes = (series.each(number, "slab") for number in series.rounds)
        each = max((size for size in sizes if size is not None), default=None)
        return None if each is None else each * GIB_PAGES

    def faults(self, key, way):
        """For each block of 2 MiB."""
        return self._series("read", way).typical(key, "blocks")

    def guest_bytes(self, policy, key):
        return self.measured.series(GUESTS, "idle", policy).typical_count(key)

    def of_needed(self, policy, key):
        """The memory of all guests, of the template's and what each has written."""
        template = self.guest_bytes(policy, "template")
        wrote = self.guest_bytes(policy, "wrote")
        if template is None or wrote is None:
            return None
        return quotient(self.guest_bytes(policy, key), template + wrote)

    # ---- the tables ----

    def table(self):
        return [*self._table_of_files(), *self._table_of_guests()]

    def _table_of_files(self):
        if not self.ran:
            return []
        return [
            "Clones of files, beside copies, private mappings of tmpfs, and a file that was never",
            "cloned. Instructions and flushes are those of the process itself: median of "
            f"{self.measured.rounds(self.part)} rounds",
            "(5th-95th percentile).",
            "",
            ROW.format("", "", "instructions", "instructions", "times as fast", "flushes",
                       "2 MiB", "4 KiB"),
            ROW.format("", "", "a page", "of those beside", "(emulated)", "in all", "faults a",
                       "faults a"),
            ROW.format("", "", "", "", "", "rounds", "block", "block"),
            *(self._row(*work, way) for *work, ways in WORKS for way in ways),
            "",
        ]

    def _row(self, operation, beside, way):
        measured = self.measured
        faults = (or_dash("%g", self.faults(key, way) if operation == "read" else None)
                  for key in ("faults_2m", "faults_4k"))
        return ROW.format(
            TITLES[operation], way_title(operation, way),
            or_dash("%.1f", self.instructions(operation, way)),
            cell(self.times(operation, way, beside)),
            cell(measured.compare("clone", operation, way, beside)),
            or_dash("%d", self.flushes(operation, way)), *faults).rstrip()

    def _table_of_guests(self):
        if not self.guests_ran:
            return []
        return [
            "Ten clones of a guest that then idle: MiB of all of them and the template together,",
            "and how many times the template and what each has written.",
            "",
            GUEST_ROW.format("", "template", "copied", "written", "memory", "in size=", "times"),
            *(self._guest_row(policy) for policy in POLICIES),
            "",
        ]

    def _guest_row(self, policy):
        mib = (or_dash("%.1f", quotient(self.guest_bytes(policy, key), MIB))
               for key in ("template", "own", "wrote", "memory", "charged"))
        return GUEST_ROW.format(f"cow={policy}", *mib,
                                or_dash("%.3f", self.of_needed(policy, "memory")))

    # ---- aims ----

    def aims(self):
        if self.ran:
            yield from self._aims_of_clones()
            yield from self._aims_of_writes()
            yield from self._aims_of_reads()
        if self.guests_ran:
            for policy in POLICIES:
                yield self._aim(f"ten idle guests, cow={policy}: memory, of the template's and "
                                "what each wrote", self.of_needed(policy, "memory"), 1.02)

    def _aims_of_clones(self):
        yield self._aim("a file is cloned: instructions, of those of cp",
                        median_of(self.times("clone", "clone", "cp")), 0.005)
        yield self._aim("a file is cloned: flush broadcasts in all rounds",
                        self.flushes("clone", "clone"), 0)
        size = self.metadata()
        yield self._aim("a file is cloned: metadata in KiB a GiB",
                        None if size is None else size / 1024, 128)

    def _aims_of_writes(self):
        for operation in ("cow", "cow-all"):
            for way in ("auto", "page", "private"):
                what = f"{TITLES[operation]}, {WAYS[way]}"
                yield self._aim(f"{what}: instructions, of those on tmpfs",
                                median_of(self.times(operation, way, "tmpfs")), 1.3)
                yield self._aim(f"{what}: flush broadcasts in all rounds",
                                self.flushes(operation, way), 0)

    def _aims_of_reads(self):
        for key, size, limit in (("faults_2m", "2 MiB", 1), ("faults_4k", "4 KiB", 0)):
            yield self._aim(f"a clone is read: faults of {size} for each block",
                            self.faults(key, "clone"), limit)

    @staticmethod
    def _aim(what, value, limit):
        return Aim(what, value, "<=", limit, "not measured")

    # ---- for the JSON ----

    def compared(self):
        return [("clone", operation, way, beside) for operation, beside, ways in WORKS
                for way in ways if way != beside]

    def figures(self):
        files = [(kind, operation, way, figure_of(operation, way))
                 for operation, _, ways in WORKS for way in ways
                 for kind, figure_of in (("instructions", self.instructions),
                                         ("flushes", self.flushes))]
        faults = [(key, "read", way, self.faults(key, way))
                  for key in ("faults_2m", "faults_4k") for way in ("clone", "file")]
        guests = [(f"{key}_of_needed", "idle", policy, self.of_needed(policy, key))
                  for policy in POLICIES for key in ("memory", "charged")]
        return [*files, *faults, ("metadata", "clone", "clone", self.metadata()), *guests]
