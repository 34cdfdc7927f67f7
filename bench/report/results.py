# SPDX-License-Identifier: GPL-2.0
"""results.json: objects of what was measured and what follows from it, one a line."""
import json

from .measured import is_number
from .text import bare, six_digits


def quote(text):
    return json.dumps(text.replace("\t", " ")).replace("\x7f", "\\u007f")


def number(value):
    return "null" if value is None else six_digits(value)


def as_measured(text):
    return text if is_number(text) else quote(text)


def an_object(pairs):
    return "{" + ", ".join(f"{quote(key)}: {value}" for key, value in pairs) + "}"


def environment_object(part, key, value):
    return an_object([("part", quote(part)), ("key", quote(key)), ("value", as_measured(value))])


def aim_object(aim):
    return an_object([("aim", quote(aim.text)), ("value", number(aim.value)),
                      ("limit", bare(aim.limit)), ("verdict", quote(aim.verdict))])


def ratio_object(part, operation, ours, beside, compared):
    return an_object([("part", quote(part)), ("operation", quote(operation)), ("of", quote(ours)),
                      ("beside", quote(beside)), ("times_as_fast", number(compared.median)),
                      ("low", number(compared.low)), ("high", number(compared.high)),
                      ("p5", number(compared.p5)), ("p95", number(compared.p95)),
                      ("rounds", str(compared.rounds))])


def figure_object(figure, operation, way, value):
    return an_object([("figure", quote(figure)), ("operation", quote(operation)),
                      ("backing", quote(way)), ("value", number(value))])


def record_object(record):
    return an_object([("part", quote(record.part)), ("round", str(record.number)),
                      ("operation", quote(record.operation)), ("backing", quote(record.way)),
                      *((key, as_measured(text)) for key, text in record.figures)])


def _list(key, objects):
    return f"  {quote(key)}: [\n" + ",\n".join(f"    {one}" for one in objects) + \
        ("\n" if objects else "") + "  ]"


def document(measured, aims, topics):
    """Topics name what to compare; what there isn't is left out here."""
    ratios = [(*names, measured.compare(*names)) for topic in topics for names in topic.compared()]
    figures = [figure for topic in topics for figure in topic.figures()]
    lists = [
        ("environment", [environment_object(*line) for line in measured.environment]),
        ("aims", [aim_object(aim) for aim in aims]),
        ("ratios", [ratio_object(*names) for names in ratios if names[-1]]),
        ("figures", [figure_object(*figure) for figure in figures if figure[-1] is not None]),
        ("measured", [record_object(record) for record in measured.records]),
    ]
    return "{\n" + ",\n".join(_list(*named) for named in lists) + "\n}\n"
