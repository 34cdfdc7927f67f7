# SPDX-License-Identifier: GPL-2.0
"""What bench/run makes of what the hosts said. A file for each kind of benchmark has its
figures, and its part of the table, of the aims, of the JSON and of the plots' data (see
topic.py); __main__.py puts them together."""
