"""What the arguments of several commands may be."""

import argparse


def positive(text: str) -> int:
    """A whole number over 0. Raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number over 0")
    return int(text)
