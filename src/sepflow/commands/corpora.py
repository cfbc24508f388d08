"""`sepflow corpora` and `sepflow fetch`: the papers' corpora, and how to come by them and by networks."""

import argparse
import json
from pathlib import Path
from typing import Any

from sepflow.errors import SepflowError
from sepflow.networks.places import Places


def add(commands: Any) -> None:
    """Add the two to the commands."""
    corpora = commands.add_parser(
        "corpora", help="the corpora of the papers: here or not, and how to get them"
    )
    corpora.add_argument("name", nargs="?", metavar="NAME", help="one of them in full, with its licence")
    corpora.add_argument("--json", action="store_true", help="for programs")
    corpora.set_defaults(run=_corpora)
    fetch = commands.add_parser(
        "fetch",
        help="fetch what is free",
        description="Fetch corpora and networks that are free. Broken off, it goes on.",
    )
    fetch.add_argument("wanted", nargs="+", metavar="NAME[/PART]", help="e.g. librispeech/dev-clean")
    fetch.add_argument(
        "--to",
        type=Path,
        metavar="DIR",
        help="its folder (default: data/NAME, of a network data/networks/NAME)",
    )
    fetch.add_argument("--mirror", type=int, default=1, metavar="N", help="the address to try first, from 1")
    fetch.add_argument("--keep-archives", action="store_true", help="in DIR/.sepflow, once they are unpacked")
    fetch.add_argument(
        "--connections", type=int, metavar="N", help="to one server at once, 1 to 16 (default 4)"
    )
    fetch.set_defaults(run=_fetch)
    for command in (corpora, fetch):
        command.add_argument(
            "--directory", type=Path, default=Path(), help="the checkout with config/ (default: .)"
        )


def places_of(directory: Path) -> Places:
    """Where things lie by the config.yaml of the checkout `directory`; SepflowError where there is none."""
    path = directory / "config" / "config.yaml"
    if not path.is_file():
        raise SepflowError(f"{path}: no such file. Run sepflow in a checkout, or say --directory CHECKOUT.")
    return Places.of(directory)


def _corpora(options: argparse.Namespace) -> None:
    from sepflow.corpora import catalogue, overview

    places = places_of(options.directory)
    names = [options.name] if options.name else catalogue.names(options.directory)
    corpora = [catalogue.read(name, options.directory) for name in names]
    entries = [overview.Entry.of(x, places.corpus(x.name)) for x in corpora]
    if options.json:
        print(json.dumps({entry.corpus.name: overview.as_data(entry) for entry in entries}, indent=2))
    else:
        print(overview.describe(entries[0]) if options.name else overview.overview(entries))


def _fetch(options: argparse.Namespace) -> None:
    from sepflow.corpora.fetch import Options, fetch_part
    from sepflow.corpora.transfer import Patience
    from sepflow.networks.catalogue import find_parts

    places = places_of(options.directory)
    wanted = [find_parts(name, options.directory) for name in options.wanted]
    if options.to and len({corpus.name for corpus, _ in wanted}) > 1:
        raise SepflowError(
            "--to names the folder of one corpus or network: fetch them one by one, or without it."
        )
    if options.connections is not None and not 1 <= options.connections <= 16:
        raise SepflowError(f"--connections {options.connections}: 1 to 16 are possible.")
    patience = Patience() if options.connections is None else Patience(connections=options.connections)
    how = Options(mirror=options.mirror, keep_archives=options.keep_archives, patience=patience)
    try:
        for corpus, parts in wanted:
            usual = places.of_source(corpus)
            for part in parts:
                fetch_part(corpus, part, options.to or usual, how)
            _afterwards(corpus, parts, usual, options.to or usual)
    except KeyboardInterrupt:
        raise SepflowError("stopped. What has come is kept: the same command goes on.") from None


def _afterwards(corpus: Any, fetched: list[Any], usual: Path, folder: Path) -> None:
    """Say what is left to do."""
    if folder.resolve() != usual.resolve():
        print(f"Set in config/config.yaml: {corpus.catalogue}: {{{corpus.name}: {folder.resolve()}}}")
    asked = [part.name for part in corpus.parts.values() if not part.free]
    if asked and len(fetched) == len(corpus.parts) - len(asked):
        print(f"Not free: {', '.join(asked)}. sepflow corpora {corpus.name} says where to ask.")
