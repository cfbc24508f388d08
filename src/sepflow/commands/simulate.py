"""`sepflow simulate ...`: the field's mixtures as trees of files, for any toolkit."""

from typing import Any

from sepflow.commands import desed, librimix, whamr, wsj0mix

KINDS: tuple[Any, ...] = (librimix, wsj0mix, whamr, desed)  # the modules of this package that add a simulator


def add(commands: Any) -> None:
    """Add `simulate` and its simulators to the commands."""
    parser = commands.add_parser("simulate", help="the field's mixtures as trees of files")
    kinds = parser.add_subparsers(required=True, metavar="KIND")
    for kind in KINDS:
        kind.add(kinds)
