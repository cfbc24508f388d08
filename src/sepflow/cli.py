"""The command `sepflow`: ask about a plan, train or adopt a run, separate recordings, score files."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sepflow.commands import corpora, enhancement, networks, simulate, verification, verify
from sepflow.commands.arguments import positive
from sepflow.errors import SepflowError, printable
from sepflow.files import config as files
from sepflow.files import reason_of
from sepflow.networks.places import Places
from sepflow.planning import plan


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
    except OSError as error:  # a path that is too long, not ours to read, gone meanwhile
        if error.filename is None:
            raise
        print(f"error: {printable(os.fsdecode(error.filename))}: {reason_of(error)}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sepflow", description="From corpora on disk to the tables of papers."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    runs = commands.add_parser("plan", help="the runs of a paper at a scale, and what they share")
    runs.add_argument("paper", nargs="?", help="e.g. ts_mixit; by default all of config.yaml")
    runs.set_defaults(run=_plan)
    state = commands.add_parser("status", help="how far each run of a plan is, also while trainings run")
    state.add_argument("paper", nargs="?", help="e.g. ts_mixit; by default all of config.yaml")
    state.set_defaults(run=_status)
    why = commands.add_parser("why", help="a run's whole spec, or the difference of two")
    why.add_argument(
        "first", metavar="RUN", help="a name (or its beginning), or what the paper's file calls it"
    )
    why.add_argument("second", metavar="RUN2", nargs="?")
    why.add_argument("--paper", help="whose run it is; by default those of config.yaml")
    why.set_defaults(run=_why)
    train = _add_train(commands)
    adopt = commands.add_parser("adopt", help="let the workflow take a run that was trained elsewhere")
    adopt.add_argument("run_directory", type=Path, metavar="DIR", help="what `sepflow train` wrote")
    adopt.set_defaults(run=_adopt)
    separate, extract = _add_separate(commands), _add_extract(commands)
    for command in (runs, state, why, adopt, separate, extract):
        command.add_argument(
            "--scale", default=None, help="smoke, demo, mini or paper; by default that of config.yaml"
        )
    for command in (runs, state, why, train, adopt, separate, extract):
        command.add_argument(
            "--directory", type=Path, default=Path(), help="the checkout with config/ (default: .)"
        )
    corpora.add(commands)
    networks.add(commands)
    simulate.add(commands)
    verify.add(commands)
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
    enhancement.add(score)
    verification.add(score)
    return parser


def _add_train(commands: Any) -> argparse.ArgumentParser:
    parser = commands.add_parser("train", help="train one run, without Snakemake; begun before, it goes on")
    parser.add_argument(
        "spec", type=Path, metavar="SPEC", help="a run's spec: what `sepflow why RUN` prints, or spec.json"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the run is written")
    parser.add_argument(
        "--results",
        type=Path,
        default=Path("results"),
        metavar="DIR",
        help="corpora, mixes and runs it reads",
    )
    parser.add_argument("--device", choices=["auto", "cpu", "gpu"], default="auto")
    parser.add_argument("--devices", type=int, default=1, help="so many share each batch (default 1)")
    parser.add_argument(
        "--nodes", type=int, default=1, help="machines, started with srun or torchrun (default 1)"
    )
    parser.add_argument("--workers", type=int, default=0, help="processes that read examples (default 0)")
    parser.add_argument("--threads", type=int, default=1, help="of torch, in each process (default 1)")
    parser.add_argument("--compile", action="store_true", help="compile the model first")
    parser.set_defaults(run=_train)
    return parser


def _add_separate(commands: Any) -> argparse.ArgumentParser:
    # What is not said is left to the defaults of `Options`.
    parser = commands.add_parser(
        "separate", help="recordings of any length to one file a source", argument_default=argparse.SUPPRESS
    )
    option = parser.add_argument
    option("model", metavar="RUN", help="a run, a directory with its model, or a model's file")
    option("files", nargs="+", type=Path, metavar="FILE")
    option("--out", type=Path, required=True, metavar="DIR", help="for FILE_1.wav, FILE_2.wav, ...")
    option("--selection", choices=("energy", "none"), help="the loudest, or all; by default by the model")
    option("--sources", type=positive, metavar="N", help="how many are the loudest, by default 2")
    _add_applied(option)
    parser.set_defaults(run=_separate)
    return parser


def _add_extract(commands: Any) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        "extract", help="a voice out of recordings, by a recording of it", argument_default=argparse.SUPPRESS
    )
    option = parser.add_argument
    option("model", metavar="RUN", help="a run that extracts, a directory with its model, or a model's file")
    option("files", nargs="+", type=Path, metavar="FILE")
    option("--reference", type=Path, action="append", required=True, metavar="FILE",
           help="the voice alone; several, each with --reference, are averaged")  # fmt: skip
    option("--out", type=Path, required=True, metavar="DIR", help="for FILE_target.wav, ...")
    _add_applied(option)
    parser.set_defaults(run=_extract)
    return parser


def _add_applied(option: Callable[..., Any]) -> None:
    """What is said of a model that is applied to recordings."""
    option("--device", choices=("auto", "cpu", "gpu"))
    option("--channel", type=_channel, metavar="N|mean", help="of recordings with several")
    option("--chunk", type=float, metavar="SECONDS", help="what is heard at once, by default 10")
    option("--overlap", type=float, metavar="SECONDS", help="what two chunks share, by default 2")
    option("--rate", type=positive, metavar="HZ", help="of the outputs, by default the recording's")


def _channel(text: str) -> int | str:
    if text != "mean" and not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is neither mean nor a number from 0")
    return text if text == "mean" else int(text)


def _load(options: argparse.Namespace) -> plan.Plan:
    path = options.directory / "config" / "config.yaml"
    if not os.path.lexists(path):
        raise SepflowError(f"{path}: no such file. Run sepflow in a checkout, or say --directory CHECKOUT.")
    config = files.read(path, "config", options.directory / "config")
    config |= {"scale": options.scale} if options.scale else {}
    if getattr(options, "paper", None):
        config["papers"] = [options.paper]
    return plan.load(config, options.directory)


def _plan(options: argparse.Namespace) -> None:
    from sepflow.commands.explain import describe

    print(describe(_load(options)))


def _status(options: argparse.Namespace) -> None:
    from sepflow.planning.status import describe, statuses

    planned, places = _load(options), Places.of(options.directory)
    print(describe(planned.scale, statuses(planned, options.directory / "results", places)))


def _why(options: argparse.Namespace) -> None:
    from sepflow.commands.explain import difference_of, spec_of

    planned = _load(options)
    first = planned.find(options.first)
    print(difference_of(first, planned.find(options.second), planned) if options.second else spec_of(first))


def _train(options: argparse.Namespace) -> None:
    from sepflow.commands.spec import read_spec

    # Before torch, which takes seconds to load: what is refused is refused at once.
    spec = read_spec(options.spec, options.directory / "config")

    from sepflow.commands.training import train_alone
    from sepflow.training.machine import Machine

    places = Places.of(options.directory)
    train_alone(spec, options.out, options.results, Machine.of(vars(options)), options.threads, places)


def _adopt(options: argparse.Namespace) -> None:
    from sepflow.audit.adoption import adopt

    planned = _load(options)
    name = adopt(options.run_directory, planned, options.directory / "results")
    print(f"{planned.find(name).aliases[0]}: adopted as results/runs/{name}")


def _separate(options: argparse.Namespace) -> None:
    from sepflow.applying.recordings import Options, find_model
    from sepflow.applying.separate import separate

    model = find_model(options.model, lambda: _load(options), options.directory)
    for separated in separate(model, options.files, options.out, Options.of(vars(options))):
        print(separated, flush=True)


def _extract(options: argparse.Namespace) -> None:
    from sepflow.applying.extract import extract
    from sepflow.applying.recordings import Options, find_model

    model = find_model(options.model, lambda: _load(options), options.directory)
    chosen = Options.of(vars(options))
    for extracted in extract(model, options.reference, options.files, options.out, chosen):
        print(extracted, flush=True)


def _score_separation(options: argparse.Namespace) -> None:
    from sepflow.metrics.separation.scores import score_files

    print(json.dumps(score_files(options.references, options.estimates, options.mixture)))
