# SPDX-License-Identifier: GPL-2.0
"""What gmemfs is to reach, and whether it does."""
from dataclasses import dataclass

from .text import bare


@dataclass(frozen=True)
class Aim:
    what: str
    value: float | None
    sign: str
    limit: float
    # Why there is no value, if there is none.
    reason: str

    @property
    def text(self):
        return f"{self.what} {'at least' if self.sign == '>=' else 'at most'} {bare(self.limit)}"

    @property
    def verdict(self):
        if self.value is None:
            return "unknown"
        met = self.value >= self.limit if self.sign == ">=" else self.value <= self.limit
        return "met" if met else "NOT met"

    @property
    def row(self):
        value = self.reason if self.value is None else "%.4g" % self.value
        return f"  {self.verdict:<7}  {self.text}: {value}"


def table(aims):
    return ["Aims:", "", *(aim.row for aim in aims), ""]
