"""`sepflow networks`: what others trained that the papers use, and how to come by it."""

import argparse
import json
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Add it to the commands."""
    networks = commands.add_parser(
        "networks", help="the fetched networks of the papers: here or not, and how to get them"
    )
    networks.add_argument("name", nargs="?", metavar="NAME", help="one of them in full, with its layers")
    networks.add_argument("--json", action="store_true", help="for programs")
    networks.add_argument(
        "--directory", type=Path, default=Path(), help="the checkout with config/ (default: .)"
    )
    networks.set_defaults(run=_networks)


def _networks(options: argparse.Namespace) -> None:
    from sepflow.commands.corpora import places_of
    from sepflow.corpora.overview import Entry
    from sepflow.networks import catalogue, overview

    places = places_of(options.directory)
    names = [options.name] if options.name else catalogue.names(options.directory)
    networks = [catalogue.read(name, options.directory) for name in names]
    here = [(x, Entry.of(x.source, places.network(x.name))) for x in networks]
    if options.json:
        print(json.dumps({x.name: overview.as_data(x, entry) for x, entry in here}, indent=2))
    else:
        print(overview.describe(*here[0]) if options.name else overview.overview(here))
