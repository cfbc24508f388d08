"""`sepflow simulate whamr`: WHAMR!, two speakers in a room with noise, from the published metadata."""

import argparse
import functools
import hashlib
from pathlib import Path
from typing import Any

from sepflow.commands import variants
from sepflow.commands.arguments import add_common, directory
from sepflow.errors import SepflowError

SPLITS = ("tr", "cv", "tt")
RECIPE = 1  # of the samples: a developer bumps it where a byte of the files changes

Folders = dict[tuple[int, str], Path]


def add(kinds: Any) -> None:
    """Add the simulator to those of `sepflow simulate`."""
    parser = kinds.add_parser(
        "whamr",
        help="WHAMR!: two speakers in rooms with noise",
        description="Write WHAMR!, as the field's program makes it, from WSJ0, the noise of WHAM! and the "
        "published metadata: OUT/wav8k/min/tr/SIGNAL/NAME.wav, of 32-bit float, two channels; SIGNAL is "
        "noise, or s1, s2, mix_clean, mix_single, mix_both, each _anechoic and _reverb. Started again "
        "after a kill, it goes on. A split whose metadata are not there is left out.",
    )
    option = parser.add_argument
    option("--wsj0", type=Path, required=True, metavar="DIR", help="where wsj0/ lies (.wav or .wv1)")
    option("--wham", type=Path, required=True, metavar="DIR", help="wham_noise: tr/, cv/, tt/, metadata/")
    option(
        "--metadata",
        type=Path,
        required=True,
        metavar="DIR",
        help="reverb_params_tr.csv, mix_2_spk_filenames_tr.csv, ...",
    )
    option("--mono", action="store_true", help="the left channel alone, bit by bit")
    option(
        "--rooms", type=directory, metavar="DIR", help="where responses are kept (default OUT/.sepflow/rooms)"
    )
    variants.add_variants(parser, SPLITS)
    add_common(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Write the tree. Raises SepflowError where metadata or recordings are missing or faulty."""
    from sepflow.corpora.wsj0 import locate
    from sepflow.simulation.inputs import check_present
    from sepflow.simulation.whamr.lists import needed, read_mixtures

    files = {split: needed(options.metadata, options.wham, split) for split in options.splits}
    wanted = list(variants.folders(options.rates, options.modes, ""))
    mixtures = {split: read_mixtures(files[split], wanted) for split in variants.splits_there(files)}
    for split, rows in mixtures.items():
        check_present(options.wham / split, (row.name for row in rows), "Is --wham the whole of wham_noise?")
    speech = locate(options.wsj0, (path for rows in mixtures.values() for row in rows for path in row.paths))
    for split, rows in mixtures.items():
        _write_split(options, split, rows, speech)


def _write_split(options: argparse.Namespace, split: str, rows: list[Any], speech: dict[str, Path]) -> None:
    from sepflow.simulation.rendering import JOURNAL, Tree
    from sepflow.simulation.rooms.responses import Rooms
    from sepflow.simulation.whamr.mixtures import SIGNALS

    folders = variants.folders(options.rates, options.modes, split)
    source = {
        "recipe": RECIPE,
        "mono": options.mono,
        "mixtures": hashlib.sha256(repr(rows).encode()).hexdigest(),
    }
    tree = Tree(
        options.out, f"whamr-{split}", source, {"folders": [str(folder) for folder in folders.values()]}
    )
    rooms = Rooms(options.rooms or options.out / JOURNAL / "rooms")
    items = [
        (row, tuple(speech[path] for path in row.paths), options.wham / split / row.name) for row in rows
    ]
    tree.render(items, functools.partial(_render, folders, rooms, options.mono), _sources, options.jobs)
    count = len(items) * len(folders) * len(SIGNALS)
    tree.finish(count)
    print(f"{split}: {len(items)} mixtures, {count} files in {options.out}")


def _sources(item: tuple[Any, ...]) -> dict[str, str]:
    from sepflow.simulation.journal import contents, contents_of_speakers

    row, paths, noise_path = item
    return contents_of_speakers(dict(zip(row.paths, paths, strict=True))) | contents({"noise": noise_path})


def _render(folders: Folders, rooms: Any, mono: bool, tree: Any, item: tuple[Any, ...]) -> None:
    from sepflow.simulation.whamr import mixtures as whamr

    row, paths, noise_path = item
    speech, noise = _read(paths, noise_path, row.start)
    heard = [whamr.in_room(speech, responses, len(noise)) for responses in rooms.responses(row.room)]
    for rate in dict.fromkeys(rate for rate, _ in folders):
        at_rate = (
            [whamr.resample(source, rate, 0) for source in speech],
            [whamr.resample(signals, rate, 2) for signals in heard],
            whamr.resample(noise, rate, 0),
        )
        start = whamr.start_at(row.start, rate)
        for mode in (mode for there, mode in folders if there == rate):
            signals = whamr.mixtures(*at_rate, row.levels[rate, mode], start, mode)
            for name, samples in signals.items():
                path = folders[rate, mode] / name / row.name
                tree.write_float(path, samples[:, whamr.LEFT] if mono else samples, rate)


def _read(paths: tuple[Path, ...], noise_path: Path, start: int) -> tuple[list[Any], Any]:
    """The speech [T_k] and the noise [samples, 2], float64, at 16 kHz."""
    from sepflow.simulation.inputs import read
    from sepflow.simulation.lists import check_sounding

    speech = []
    for path in paths:
        samples = read(path, "float64")
        speech.append(samples if samples.ndim == 1 else samples[:, 0])
        check_sounding(path, speech[-1])
        if speech[-1].max() >= 1 or speech[-1].min() < -1:
            raise SepflowError(f"{path}: over full scale, where 16 bits would turn its sign. Is it WSJ0?")
    noise = read(noise_path, "float64")
    if noise.ndim != 2 or noise.shape[1] != 2:
        raise SepflowError(f"{noise_path}: not two channels. Is it WHAM!'s noise?")
    lengths = [len(samples) for samples in speech]
    needed = max(*lengths, start + min(lengths))
    if len(noise) < needed:
        raise SepflowError(
            f"{noise_path}: {len(noise)} samples, where its speech and the levels ask for {needed}. Do "
            "noise, levels and lists belong together?"
        )
    return speech, noise
