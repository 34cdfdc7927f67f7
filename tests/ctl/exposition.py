#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Reads Prometheus' text format as strictly as can be: exposition.py TEXT [NAME=JSON]...

Fails at the first line that breaks a rule. Prints a JSON document: the types by the metrics'
names, the samples, their values by how name and labels are written; and the given JSON
documents by their names.
"""

import json
import re
import sys

NAME = r"[a-z][a-z0-9_]*"
LABEL = r'[a-z][a-z0-9_]*="(?:[^\\"\x00-\x1f\x7f]|\\[\\"n])*"'
HELP = re.compile(rf"# HELP ({NAME}) [A-Z][^\\]*\.")
TYPE = re.compile(rf"# TYPE ({NAME}) (gauge|counter)")
SAMPLE = re.compile(rf"(({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})?) (0|[1-9][0-9]*)")
ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


def unescape(text):
    return re.sub(r"\\.", lambda escape: ESCAPES[escape.group()], text)


def labels_of(text):
    pairs = [label.split("=", 1) for label in re.findall(LABEL, text or "")]
    labels = {name: unescape(value[1:-1]) for name, value in pairs}
    assert len(labels) == len(pairs), "a label twice"
    return labels


class Document:
    def __init__(self):
        self.types = {}
        self.samples = []
        self.values = {}
        self.help = None  # of the metric of which the type comes next
        self.metric = None  # of which the samples come

    def begin(self, name):
        assert self.help is None, "a metric without a type"
        assert name not in self.types, "a metric twice"
        self.help = name

    def set_type(self, name, kind):
        assert name == self.help, "a type without a help before it"
        assert (kind == "counter") == name.endswith("_total"), "a name of the other type"
        self.types[name] = kind
        self.metric, self.help = name, None

    def add(self, written, name, labels, value):
        assert name == self.metric and self.help is None, "a sample elsewhere than at its metric"
        sample = {"name": name, "labels": labels_of(labels), "value": int(value)}
        assert all(s["name"] != name or s["labels"] != sample["labels"] for s in self.samples), (
            "a sample twice"
        )
        self.samples.append(sample)
        self.values[written] = int(value)

    def read_line(self, line):
        if match := HELP.fullmatch(line):
            self.begin(match[1])
        elif match := TYPE.fullmatch(line):
            self.set_type(match[1], match[2])
        elif match := SAMPLE.fullmatch(line):
            self.add(match[1], match[2], match[3], match[4])
        else:
            raise AssertionError("not of the format")

    def read(self, text):
        assert text.endswith("\n"), "no line break at the end"
        # Not splitlines(), which also breaks lines at other characters.
        for number, line in enumerate(text[:-1].split("\n"), 1):
            try:
                self.read_line(line)
            except AssertionError as error:
                raise SystemExit(f"line {number}: {error}: {line!a}")
        assert self.help is None, "a metric without a type"


def main(path, *others):
    document = Document()
    with open(path, encoding="utf-8", newline="") as file:
        document.read(file.read())
    result = {
        "types": document.types,
        "samples": document.samples,
        "values": document.values,
    }
    for other in others:
        name, path = other.split("=", 1)
        with open(path, encoding="utf-8") as file:
            result[name] = json.load(file)
    print(json.dumps(result))


main(*sys.argv[1:])
