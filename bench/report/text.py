# SPDX-License-Identifier: GPL-2.0
"""Figures as text: for the table, and for the plots' data. Without a figure it is "-"."""
import re


def printable(text):
    """What a host says may tell a terminal to do things, or to show others."""
    return re.sub("[^ -~]", "?", text)


def or_dash(form, value):
    return "-" if value is None else form % value


def both(form, value, other):
    return f"{or_dash(form, value)} ({or_dash(form, other)})"


def six_digits(value):
    return "%.6g" % value


def bare(value):
    """As short as six digits allow, and a whole number with all of its digits."""
    return "%d" % value if value == int(value) else six_digits(value)


def short(value):
    return ("%.1g" if value < 0.1 else "%.2f") % value


def cell(compared):
    """A ratio in the table, with the 5th and the 95th percentile."""
    if not compared:
        return "-"
    return f"{short(compared.median)} ({short(compared.p5)}-{short(compared.p95)})"


def points(compared, form):
    """A ratio in a plot's data, which makes three columns."""
    if not compared:
        return "- - -"
    return " ".join(form(value) for value in (compared.median, compared.p5, compared.p95))


def row_of(label, columns):
    """A row of a plot's data."""
    return " ".join([f'"{label}"', *columns])


def has_digit(row):
    return re.search("[0-9]", row) is not None
