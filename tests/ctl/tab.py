# SPDX-License-Identifier: GPL-2.0
"""
tab.py COMPLETION LINE: types LINE to an interactive bash that has loaded the completion, and
makes it insert all offers for the last word. Prints the arguments that gmemctl is then called
with, in one line: "|" separates two arguments, and "~" stands for a newline in one.
"""
import os
import pty
import re
import sys
import tempfile
import time

# For names that aren't valid text.
TOLD = "surrogateescape"

START = r"""
. "$completion"
gmemctl() {
	printf '%s\0' "$@" >"$told.new"
	mv "$told.new" "$told"
}
PS1='ready> '
"""


def read_until(terminal, end):
    text = b""
    while not re.search(end, text):
        text += os.read(terminal, 65536)


def type_line(terminal, line):
    read_until(terminal, rb"ready> ")
    # Escape and a star are insert-completions: it puts all offers on the line.
    os.write(terminal, line.encode(errors=TOLD) + b"\x1b*\r")


def shell(completion, told):
    os.environ.update(TERM="dumb", completion=completion, told=told)
    os.environ.pop("PROMPT_COMMAND", None)
    with open(told + ".rc", "w", encoding="ascii") as rc:
        rc.write(START)
    os.execvp("bash", ["bash", "--noprofile", "--rcfile", told + ".rc", "-i"])


def main():
    completion, line = sys.argv[1:]
    with tempfile.TemporaryDirectory() as work:
        told = os.path.join(work, "told")
        pid, terminal = pty.fork()
        if not pid:
            shell(completion, told)
        type_line(terminal, line)
        end = time.monotonic() + 60
        while not os.path.exists(told) and time.monotonic() < end:
            time.sleep(0.05)
        os.close(terminal)
        os.waitpid(pid, 0)
        with open(told, "rb") as f:
            arguments = f.read().rstrip(b"\0").replace(b"\0", b"|").replace(b"\n", b"~")
            print(arguments.decode(errors=TOLD))


main()
