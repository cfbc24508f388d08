"""The one exception that is a message to the user, not a bug; and words for what is not there."""

import difflib
import re

# Controls but tab and line feed, bytes that are no UTF-8, and what turns the direction of a line.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


class SepflowError(Exception):
    """Bad input. The message says what is wrong, where (file, line or key), and the way out."""

    def __str__(self) -> str:
        return printable(super().__str__())


def printable(text: str) -> str:
    """`text` for a terminal or a log: what a file's name could do to them is escaped."""
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def unknown_name(kind: str, name: str, known: list[str]) -> str:
    """The words for a name that is not there: what it is, and the nearest that is."""
    near = difflib.get_close_matches(str(name), known, 1)
    return f"there is no {kind} {name!r}; " + (
        f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}."
    )
