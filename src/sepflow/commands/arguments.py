"""What the arguments of several commands may be."""

import argparse
import os
from pathlib import Path

from sepflow.files import is_directory

PROCESSES = 1024  # as many as a large machine has cores: each takes memory


def positive(text: str) -> int:
    """A whole number over 0. Raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number over 0")
    return int(text)


def processes(text: str) -> int:
    """A whole number over 0, and not over PROCESSES. Raises ArgumentTypeError."""
    number = positive(text)
    if number > PROCESSES:
        raise argparse.ArgumentTypeError(f"{text} processes: {PROCESSES} at most")
    return number


def directory(text: str) -> Path:
    """A directory to write to, that there is or can be. Raises ArgumentTypeError."""
    path = Path(text)
    there = next((place for place in (path, *path.parents) if os.path.lexists(place)), path)
    if not is_directory(there):
        raise argparse.ArgumentTypeError(f"{there}: not a directory")
    if not text.isprintable():  # the tables in it name their files
        raise argparse.ArgumentTypeError(f"{text!r}: bytes that are not UTF-8, or a control character, in it")
    return path


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add what all simulators take: --out and --jobs."""
    option = parser.add_argument
    option("--out", type=directory, required=True, metavar="DIR", help="where the tree is written")
    cores = os.cpu_count()
    option("--jobs", type=processes, default=cores, metavar="N", help="processes; no byte depends on it")
