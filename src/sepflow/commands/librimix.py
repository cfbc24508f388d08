"""`sepflow simulate librimix` and `sepflow simulate librimix-metadata`."""

import argparse
from pathlib import Path
from typing import Any

from sepflow.commands import variants
from sepflow.commands.arguments import add_common
from sepflow.errors import SepflowError
from sepflow.simulation.librimix.layout import TYPES, Layout


def add(kinds: Any) -> None:
    """Add the simulators to the kinds."""
    _add_tree(kinds)
    _add_metadata(kinds)
    _add_noise(kinds)


def _add_tree(kinds: Any) -> None:
    parser = kinds.add_parser(
        "librimix",
        help="LibriMix from its metadata",
        description="Write Libri2Mix/wav8k/min/train-100/{s1,s2,noise,mix_clean,...} and its metadata, equal "
        "to the official program's to the sample. Killed or begun before, it goes on where it was.",
    )
    _add_corpora(parser, wham_needed=False)
    option = parser.add_argument
    option("--metadata", type=Path, required=True, metavar="DIR", help="holds libri2mix_dev-clean.csv, ...")
    variants.add_rates_and_modes(parser)
    sums = "speech alone, speech and noise, one speaker and noise; by default all. mix_clean needs no --wham"
    option("--types", nargs="+", choices=TYPES, default=[*TYPES], help=sums)
    option("--splits", nargs="+", metavar="SPLIT", help="of train-100, dev, ...; by default all")
    parser.set_defaults(run=_render)


def _add_metadata(kinds: Any) -> None:
    parser = kinds.add_parser(
        "librimix-metadata",
        help="LibriMix's metadata, for other numbers of speakers or your own part of LibriSpeech",
        description="Draw mixtures as the official program does, and write libri2mix_dev-clean.csv and "
        "libri2mix_dev-clean_info.csv, ... One seed serves all splits, one after the other.",
    )
    _add_corpora(parser, wham_needed=True)
    order = "of dev-clean, train-clean-100, ..., in this order; by default all that are there, by name"
    parser.add_argument("--splits", nargs="+", metavar="SPLIT", help=order)
    rounds = "take noises once more where a train split has more mixtures than there are noises"
    parser.add_argument("--noise-again", action="store_true", help=rounds)
    parser.set_defaults(run=_draw)


def _add_noise(kinds: Any) -> None:
    parser = kinds.add_parser(
        "librimix-noise",
        help="WHAM!'s training noise at the other speeds that LibriMix takes",
        description="Write DIR/tr/...sp08.wav and ...sp12.wav by sox, as the official augment_train_noise.py "
        "does. `librimix` makes them as it goes; the workflow packs what is on disk.",
    )
    parser.add_argument(
        "--wham", type=Path, required=True, metavar="DIR", help="WHAM!'s noise: holds tr, cv, tt"
    )
    add_common(parser)
    parser.set_defaults(run=_augment)


def _add_corpora(parser: argparse.ArgumentParser, wham_needed: bool) -> None:
    option = parser.add_argument
    option("--librispeech", type=Path, required=True, metavar="DIR", help="holds dev-clean, test-clean, ...")
    option("--wham", type=Path, required=wham_needed, metavar="DIR", help="the noise: holds tr, cv, tt")
    option("--speakers", type=int, choices=range(1, 6), required=True, help="in a mixture")
    add_common(parser)


def _check_corpora(options: argparse.Namespace, noise: bool) -> None:
    from sepflow.simulation.librimix import inputs

    inputs.check_root(options.librispeech, inputs.LIBRISPEECH, inputs.SPEECH_HINT)
    if noise and options.wham is None:
        raise SepflowError("no --wham: where does WHAM!'s noise lie? Only --types mix_clean needs none.")
    if noise:
        inputs.check_root(options.wham, inputs.WHAM, inputs.NOISE_HINT)


def _render(options: argparse.Namespace) -> None:
    from sepflow.simulation.librimix.inputs import find_tables
    from sepflow.simulation.librimix.tree import Recordings, checked_rows, render

    tables = find_tables(options.metadata, options.speakers, options.splits)
    layouts = {
        split: Layout.of(options.speakers, split, options.rates, options.modes, options.types)
        for split in tables
    }
    _check_corpora(options, noise=set(options.types) != {"mix_clean"})
    recordings = Recordings(options.librispeech, options.wham)
    rows = {split: checked_rows(table, layouts[split], recordings) for split, table in tables.items()}
    for split, layout in layouts.items():
        render(rows[split], layout, recordings, options.out, options.jobs)
        print(f"{options.out}: {split}, {len(rows[split])} mixtures")


def _draw(options: argparse.Namespace) -> None:
    from sepflow.simulation.librimix.metadata import make

    _check_corpora(options, noise=True)
    places = (options.librispeech, options.wham, options.out)
    asked = (options.speakers, options.splits, options.jobs, options.noise_again)
    for written in make(*places, *asked):
        print(written)


def _augment(options: argparse.Namespace) -> None:
    from sepflow.simulation.librimix.noise import write_augmented

    print(f"{options.out}: {write_augmented(options.wham, options.out, options.jobs)} noises")
