"""`sepflow verify`: whether all that was made is still what it was."""

import argparse
from pathlib import Path
from typing import Any

from sepflow.errors import SepflowError


def add(commands: Any) -> None:
    """Add it to the commands."""
    parser = commands.add_parser(
        "verify",
        help="read all that a results directory holds; name what is damaged, and how to make it again",
        description="Corpora, mixes, labels, rendered trees, runs and scores, held against their digests.",
    )
    parser.add_argument(
        "wanted", nargs="*", metavar="WHAT", help="directories, or names or their beginnings; by default all"
    )
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR")
    parser.add_argument(
        "--seal",
        action="store_true",
        help="take the digests of what an older version made, where it is right as far as can be told",
    )
    parser.set_defaults(run=_verify)


def _verify(options: argparse.Namespace) -> None:
    from sepflow.audit.verify import find, verify
    from sepflow.files.seals import UnsealedError

    directories = find(options.results, options.wanted)
    damaged = unknown = 0
    for problem in verify(directories, options.seal):
        unsealed = isinstance(problem, UnsealedError)
        unknown, damaged = unknown + unsealed, damaged + (not unsealed)
        print(f"{'unknown' if unsealed else 'damaged'}: {problem}", flush=True)
    print(f"{len(directories)} corpora, mixes, trees and runs read: {damaged} damaged, {unknown} unknown")
    if damaged:
        raise SepflowError(f"{damaged} damaged in {options.results}; each is named above, with the way out")
