# SPDX-License-Identifier: GPL-2.0
"""stopped.py COMMAND ARGUMENT...: run it with its messages on a terminal that is stopped, as by Ctrl-S."""
import pty
import subprocess
import sys
import termios

master, terminal = pty.openpty()
termios.tcflow(terminal, termios.TCOOFF)
sys.exit(subprocess.run(sys.argv[1:], stderr=terminal, check=False).returncode)
