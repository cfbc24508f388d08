"""`sepflow score verification`: how well scores of trials tell whether two recordings are of one speaker."""

import argparse
import json
from pathlib import Path
from typing import Any

_ABOUT = """\
The equal error rate (EER, in %) and the least detection cost (minDCF: P(target) 0.01, costs of 1) as JSON,
each with its 95 % interval. FILE is a CSV table with the columns score (higher: rather the same) and same
(1 or 0), and perhaps speaker_1 and speaker_2: then the interval is over speakers, whom trials share."""


def add(commands: Any) -> None:
    """Add it to the commands of `sepflow score`."""
    parser = commands.add_parser(
        "verification", help="EER and minDCF of scored trials, as JSON", description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--scores", type=Path, required=True, metavar="FILE")
    parser.add_argument("--det", type=Path, metavar="FILE", help="a DET curve, .svg or .png")
    parser.set_defaults(run=_score)


def _score(options: argparse.Namespace) -> None:
    from sepflow.reporting.trials import read_trials, summary, write_det

    trials = read_trials(options.scores)
    print(json.dumps(summary(trials)))
    if options.det:
        write_det(trials, options.det)
