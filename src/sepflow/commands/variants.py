"""What simulators of published corpora share: rates, modes, splits, and splits that are not there."""

import argparse
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sepflow.errors import SepflowError
from sepflow.simulation.published import MODES, RATES


def add_variants(parser: argparse.ArgumentParser, splits: Sequence[str]) -> None:
    """Add --rates, --modes and --splits; by default all of them."""
    add_rates_and_modes(parser)
    parser.add_argument(
        "--splits",
        nargs="+",
        choices=splits,
        default=splits,
        metavar="SPLIT",
        help=f"of {' '.join(splits)} (default all)",
    )


def add_rates_and_modes(parser: argparse.ArgumentParser) -> None:
    """Add --rates and --modes; by default all of them."""
    option = parser.add_argument
    option(
        "--rates",
        type=int,
        nargs="+",
        choices=RATES,
        default=RATES,
        metavar="HZ",
        help="8000, 16000 or both (default)",
    )
    option(
        "--modes",
        nargs="+",
        choices=MODES,
        default=MODES,
        metavar="MODE",
        help="as long as the shortest source (min), the longest (max), or both (default)",
    )


def folders(rates: Iterable[int], modes: Iterable[str], split: str) -> dict[tuple[int, str], Path]:
    """{(rate, mode): wav8k/min/tr}, in one order whatever that of the options."""
    return {
        (rate, mode): Path(f"wav{rate // 1000}k", mode, split)
        for rate in sorted(set(rates))
        for mode in sorted(set(modes))
    }


def splits_there(needed: Mapping[str, Sequence[Path]]) -> list[str]:
    """The splits whose files are all there; of the others it is said what they lack.

    Raises SepflowError where none is left.
    """
    missing = {
        split: [path for path in paths if not os.path.lexists(path)] for split, paths in needed.items()
    }
    for split, paths in missing.items():
        if paths:
            print(f"{split}: left out, there is no {' and no '.join(map(str, paths))}")
    there = [split for split, paths in missing.items() if not paths]
    if not there:
        raise SepflowError("no split has all of its published files. Are the directories right?")
    return there
