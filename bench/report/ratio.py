# SPDX-License-Identifier: GPL-2.0
"""Medians, and ratios of two ways in the same rounds. None is a figure that there isn't."""
from dataclasses import dataclass


def quotient(value, by):
    if value is None or by is None or by <= 0:
        return None
    return value / by


def _those_there(values):
    return [value for value in values if value is not None]


def median(values):
    values = sorted(_those_there(values))
    if not values:
        return None
    middle = len(values) // 2
    if len(values) % 2:
        return values[middle]
    return (values[middle - 1] + values[middle]) / 2


def percentile(values, percent):
    """Between two values, in proportion to how near it is to each."""
    values = sorted(_those_there(values))
    if not values:
        return None
    at = (len(values) - 1) * percent / 100
    below = int(at)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (at - below)


def total(values):
    values = _those_there(values)
    return sum(values) if values else None


@dataclass(frozen=True)
class Ratio:
    """Of the ratios of so many rounds: the median, the lowest and the highest, and the 5th and
    the 95th percentile."""

    median: float
    low: float
    high: float
    p5: float
    p95: float
    rounds: int


def of(ratios):
    """A Ratio, or None if no round had one."""
    ratios = _those_there(ratios)
    if not ratios:
        return None
    return Ratio(median(ratios), min(ratios), max(ratios), percentile(ratios, 5),
                 percentile(ratios, 95), len(ratios))


def compare(series, base, key):
    """How many times the figure of `base` that of `series` is, for each unit of work."""
    return of(quotient(series.each(r, key), base.each(r, key)) for r in base.compared_rounds())


def median_of(compared):
    return compared.median if compared else None
