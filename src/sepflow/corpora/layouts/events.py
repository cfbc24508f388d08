"""Events of a recording as tables tell of them, written as text: classes, and from when to when.

Nothing but the standard library here: every planning of a workflow comes this way. `corpora.events` reads it.
"""

from sepflow.files.text import UNWRITABLE, composed, number

_NO_CLASS = ("", "nan", "na", "n/a", "none", "null")  # what programs write, and read, for nothing


def event(label: str, onset: str, offset: str) -> str:
    """The event "class:onset-offset" of three cells, times in seconds. Raises ValueError."""
    check_interval(onset, offset)
    if number(onset) == number(offset):
        raise ValueError(f"it has no length: it begins and ends at {onset} s")
    return f"{named(label)}:{onset}-{offset}"


def named(label: str) -> str:
    """The class that a cell names. Raises ValueError where it names none, or what no list of labels holds."""
    if label.lower() in _NO_CLASS:
        raise ValueError(f"{label!r} is no class")
    if set(";:") & set(label) or UNWRITABLE.search(label):
        raise ValueError(f"{label!r} cannot be the name of a class")
    return composed(label)


def add(labels: list[str], label: str) -> None:
    """Append `label`, a class or an event, to those of one recording. Raises ValueError where it is there.

    Events of one class may overlap, as in the tables of DESED; the very same twice is a damaged table.
    """
    if label in labels:
        raise ValueError(f"{label!r} stands there twice")
    labels.append(label)


def check_interval(onset: str, offset: str) -> None:
    """Raise ValueError where two cells are not when something begins, and when it ends, in seconds."""
    begin, end = number(onset), number(offset)
    if begin < 0:
        raise ValueError(f"it begins at {onset} s, before the recording does")
    if end < begin:
        raise ValueError(f"it ends at {offset} s, before it begins, at {onset} s")
