"""The command `sepflow`: ask about a plan, score files."""

import argparse
import json
import sys
from pathlib import Path

from sepflow import config as files
from sepflow import plan
from sepflow.errors import SepflowError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 if it went well, 1 with a message on stderr if the user must mend something."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except SepflowError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `sepflow plan | head`
        sys.stderr.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sepflow", description="From corpora on disk to the tables of papers."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    runs = commands.add_parser("plan", help="the runs of a paper at a scale, and what they share")
    runs.add_argument("paper", nargs="?", help="e.g. ts_mixit; by default all of config.yaml")
    runs.set_defaults(run=_plan)
    why = commands.add_parser("why", help="a run's whole spec, or the difference of two")
    why.add_argument(
        "first", metavar="RUN", help="a name (or its beginning), or what the paper's file calls it"
    )
    why.add_argument("second", metavar="RUN2", nargs="?")
    why.set_defaults(run=_why)
    for command in (runs, why):
        command.add_argument("--scale", help="smoke, demo, mini or paper; by default that of config.yaml")
        command.add_argument(
            "--directory", type=Path, default=Path(), help="the checkout with config/ (default: .)"
        )
    score = commands.add_parser("score", help="score files on disk").add_subparsers(
        required=True, metavar="TASK"
    )
    separation = score.add_parser("separation", help="SI-SNR and SDR of separated sources, as JSON")
    separation.add_argument("--references", nargs="+", type=Path, required=True, metavar="FILE")
    separation.add_argument("--estimates", nargs="+", type=Path, required=True, metavar="FILE")
    separation.add_argument(
        "--mixture", type=Path, metavar="FILE", help="for the improvements; else they are null"
    )
    separation.set_defaults(run=_score_separation)
    return parser


def _load(options: argparse.Namespace) -> plan.Plan:
    path = options.directory / "config" / "config.yaml"
    if not path.is_file():
        raise SepflowError(f"{path}: no such file. Run sepflow in a checkout, or say --directory CHECKOUT.")
    config = files.read(path, "config", options.directory / "config")
    config |= {"scale": options.scale} if options.scale else {}
    if getattr(options, "paper", None):
        config["papers"] = [options.paper]
    return plan.load(config, options.directory)


def _plan(options: argparse.Namespace) -> None:
    from sepflow.explain import describe

    print(describe(_load(options)))


def _why(options: argparse.Namespace) -> None:
    from sepflow.explain import difference_of, spec_of

    found = _load(options)
    first = found.find(options.first)
    print(difference_of(first, found.find(options.second), found) if options.second else spec_of(first))


def _score_separation(options: argparse.Namespace) -> None:
    from sepflow.metrics.separation import score_files

    print(json.dumps(score_files(options.references, options.estimates, options.mixture)))
