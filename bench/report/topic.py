# SPDX-License-Identifier: GPL-2.0
"""What a kind of benchmark has to say. Each says what it has; this is one that says nothing."""


class Topic:
    def __init__(self, measured):
        self.measured = measured

    def table(self):
        """Lines of the table."""
        return []

    def failures(self):
        """Lines that follow the tables of all."""
        return []

    def aims(self):
        """Each is an Aim."""
        return []

    def compared(self):
        """What the JSON is to have the ratios of: parts, operations, and two ways."""
        return []

    def figures(self):
        """For the JSON: what is counted, an operation, a way, and the figure or None."""
        return []

    def plots(self):
        """The rows of plots' data, by the plot's name."""
        return {}
