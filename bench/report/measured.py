# SPDX-License-Identifier: GPL-2.0
"""What the hosts said. Lines come in as
    part=PART env KEY VALUE...
    part=PART round=N OPERATION WAY KEY=VALUE...
A WAY is a kind of memory, or how an operation was done. A line of another form, such as
one that was cut, is left out, and so is a figure that is no number. Round 0 only warms
up: it has no part in ratios and medians."""
import re
from collections import defaultdict
from dataclasses import dataclass, field

from . import ratio

# What JSON takes for a number: a commit "0123456" is text. No more digits than are exact, so that there is
# no infinite one, nor one that takes Python minutes to read.
NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?", re.ASCII)
ROUND = re.compile(r"round=([0-9]{1,9})", re.ASCII)
WORD = re.compile(r"[^ \t\r\v\f]+")
BEFORE_VALUE = re.compile(r"^[^ ]* env [^ ]* ?")


def is_number(text):
    return NUMBER.fullmatch(text) is not None


@dataclass
class Series:
    """An operation, done one way in one part: its figures in each round."""

    rounds: dict = field(default_factory=dict)
    failure: str | None = None

    def take(self, number, key, text):
        if key == "error":
            self.failure = text
        if is_number(text):
            self.rounds.setdefault(number, {})[key] = float(text)

    def value(self, number, key):
        return self.rounds.get(number, {}).get(key)

    def compared_rounds(self):
        return [number for number in sorted(self.rounds) if number > 0]

    def each(self, number, key, unit="units"):
        """For one unit of work: a page, a boot, a reading of the clock."""
        return ratio.quotient(self.value(number, key), self.value(number, unit))

    def typical(self, key, unit="units"):
        return ratio.median(self.each(r, key, unit) for r in self.compared_rounds())

    def typical_count(self, key):
        return ratio.median(self.value(r, key) for r in self.compared_rounds())

    def total(self, key):
        """Of all rounds, also the one that warms up: what is taken once and kept, or broken
        once for good, is seen only there."""
        return ratio.total(self.value(r, key) for r in sorted(self.rounds))

    def each_of_all(self, key):
        """Of all rounds, for what is one too many if it happens once."""
        rounds = [r for r in self.rounds if self.value(r, key) is not None]
        return ratio.quotient(self.total(key), ratio.total(self.value(r, "units") for r in rounds))


@dataclass
class Record:
    """A line of figures as it came, for the JSON."""

    part: str
    number: int
    operation: str
    way: str
    figures: list


class Measured:
    """All that the hosts said."""

    def __init__(self, lines):
        self.environment = []
        self.records = []
        self.operations = set()
        self._rounds = defaultdict(int)
        self._series = defaultdict(Series)
        for line in lines:
            self._take_line(line)

    def _take_line(self, line):
        words = WORD.findall(line)
        if len(words) < 3:
            return
        part = words[0][len("part="):]
        number = ROUND.fullmatch(words[1])
        if words[1] == "env":
            self.environment.append((part, words[2], BEFORE_VALUE.sub("", line, count=1)))
        elif number and len(words) > 3:
            self._take_figures(part, int(number[1]), words[2:])

    def _take_figures(self, part, number, words):
        operation, way, *figures = words
        figures = [tuple(word.split("=", 1)) for word in figures if "=" in word]
        self.records.append(Record(part, number, operation, way, figures))
        self.operations.add(operation)
        self._rounds[part] = max(self._rounds[part], number)
        for key, text in figures:
            self._series[part, operation, way].take(number, key, text)

    def ran(self, part):
        return part in self._rounds

    def first_that_ran(self, part, other):
        """Where a figure is the same wherever it is counted."""
        return part if self.ran(part) else other

    def rounds(self, part):
        return self._rounds.get(part, 0)

    def series(self, part, operation, way):
        return self._series.get((part, operation, way), Series())

    def compare(self, part, operation, ours, beside):
        """How many times as fast as `beside` it is `ours`."""
        return ratio.compare(self.series(part, operation, beside),
                             self.series(part, operation, ours), "ns")

    def numbers_after(self, prefix):
        """Of operations PREFIX-NUMBER: the numbers, in order."""
        matches = (re.fullmatch(prefix + "-([1-9][0-9]{0,8})", operation, re.ASCII)
                   for operation in self.operations)
        return sorted(int(match[1]) for match in matches if match)
