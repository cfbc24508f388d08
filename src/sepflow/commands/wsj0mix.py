"""`sepflow simulate wsj0mix`: wsj0-2mix and wsj0-3mix from the published lists."""

import argparse
import functools
import hashlib
from pathlib import Path
from typing import Any

from sepflow.commands import variants
from sepflow.commands.arguments import add_common
from sepflow.errors import SepflowError

SPLITS = ("tr", "cv", "tt")
RECIPE = 1  # of the samples: a developer bumps it where a byte of the files changes


def add(kinds: Any) -> None:
    """Add the simulator to those of `sepflow simulate`."""
    parser = kinds.add_parser(
        "wsj0mix",
        help="wsj0-2mix and wsj0-3mix",
        description="Write wsj0-2mix or wsj0-3mix, equal to what the field's program makes, from WSJ0 and "
        "the published lists: DIR/2speakers/wav8k/min/tr/{mix,s1,s2}/NAME.wav. Started again after a kill, "
        "it goes on. A split whose list is not there is left out.",
    )
    option = parser.add_argument
    option(
        "--wsj0",
        type=Path,
        required=True,
        metavar="DIR",
        help="where wsj0/ lies (.wav or .wv1)",
    )
    option(
        "--metadata",
        type=Path,
        required=True,
        metavar="DIR",
        help="the published lists mix_2_spk_tr.txt, ... and activlev/*.txt",
    )
    option("--speakers", type=int, choices=(2, 3), default=2, help="of a mixture (default 2)")
    variants.add_variants(parser, SPLITS)
    add_common(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Write the tree. Raises SepflowError where metadata or recordings are missing or faulty."""
    from sepflow.corpora.wsj0 import locate
    from sepflow.simulation.wsj0mix.lists import list_path, read_list, read_powers

    lists = {split: list_path(options.metadata, options.speakers, split) for split in options.splits}
    there = variants.splits_there({split: [path] for split, path in lists.items()})
    powers = read_powers(options.metadata / "activlev")
    mixtures = {split: read_list(lists[split], options.speakers, powers) for split in there}
    files = locate(options.wsj0, (path for rows in mixtures.values() for row in rows for path in row.paths))
    for split, rows in mixtures.items():
        _write_split(options, split, rows, files)


def _write_split(options: argparse.Namespace, split: str, rows: list[Any], files: dict[str, Path]) -> None:
    from sepflow.simulation.rendering import Tree

    top = f"{options.speakers}speakers"
    folders = {
        key: Path(top, folder)
        for key, folder in variants.folders(options.rates, options.modes, split).items()
    }
    source = {"recipe": RECIPE, "mixtures": hashlib.sha256(repr(rows).encode()).hexdigest()}
    variant = {"folders": [str(folder) for folder in folders.values()]}
    tree = Tree(options.out, f"wsj0-{options.speakers}mix-{split}", source, variant)
    items = [(row, tuple(files[path] for path in row.paths)) for row in rows]
    tree.render(items, functools.partial(_render, folders), _sources, options.jobs)
    count = len(items) * len(folders) * (1 + options.speakers)
    tree.finish(count)
    print(f"{split}: {len(items)} mixtures, {count} files in {options.out}")


def _sources(item: tuple[Any, tuple[Path, ...]]) -> dict[str, str]:
    from sepflow.simulation.journal import contents_of_speakers

    row, paths = item
    return contents_of_speakers(dict(zip(row.paths, paths, strict=True)))


def _render(folders: dict[tuple[int, str], Path], tree: Any, item: tuple[Any, tuple[Path, ...]]) -> None:
    from sepflow.simulation.inputs import read
    from sepflow.simulation.wsj0mix import mixtures as wsj0mix

    row, paths = item
    speech = [_mono(path, read(path)) for path in paths]
    for rate in dict.fromkeys(rate for rate, _ in folders):
        sources = [wsj0mix.resample(source, rate) for source in speech]
        scaled = wsj0mix.scale(sources, row.powers, row.snrs)
        for mode in (mode for there, mode in folders if there == rate):
            _, parts, mixture = wsj0mix.normalise(scaled[:, : wsj0mix.samples(sources, mode)])
            for signal, samples in zip(("mix", "s1", "s2", "s3"), (mixture, *parts), strict=False):
                path = folders[rate, mode] / signal / row.name
                tree.write_pcm16(path, wsj0mix.quantise(samples), rate)


def _mono(path: Path, samples: Any) -> Any:
    from sepflow.simulation.lists import check_sounding

    if samples.ndim > 1:
        raise SepflowError(f"{path}: {samples.shape[1]} channels. WSJ0's recordings have one: is it WSJ0?")
    check_sounding(path, samples)
    return samples
