"""Soundscapes after DESED: a few foreground events and one background, with strong labels.

Times are whole milliseconds everywhere, as in the tables of labels: `at` says which sample that is.
"""

BACKGROUND = "background"
LEAST = 250  # ms of an event inside of a soundscape, and of a label; DESED's


def at(milliseconds: int, rate: int) -> int:
    """The sample at which a time lies."""
    return round(milliseconds * rate / 1000)


def seconds(milliseconds: int) -> str:
    """A time as the tables hold it, in seconds with three decimals."""
    return f"{milliseconds / 1000:.3f}"
