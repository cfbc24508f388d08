"""`sepflow simulate ...`: the field's mixtures as trees of files, for any toolkit."""

import argparse
import os
from typing import Any

from sepflow.commands import desed, librimix, whamr, wsj0mix
from sepflow.commands.arguments import directory, processes

KINDS: tuple[Any, ...] = (librimix, wsj0mix, whamr, desed)  # the modules of this package that add a simulator


def add(commands: Any) -> None:
    """Add `simulate` and its simulators to the commands."""
    parser = commands.add_parser("simulate", help="the field's mixtures as trees of files")
    kinds = parser.add_subparsers(required=True, metavar="KIND")
    for kind in KINDS:
        kind.add(kinds)


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add what all simulators take: --out and --jobs."""
    option = parser.add_argument
    option("--out", type=directory, required=True, metavar="DIR", help="where the tree is written")
    cores = os.cpu_count()
    option("--jobs", type=processes, default=cores, metavar="N", help="processes; no byte depends on it")
