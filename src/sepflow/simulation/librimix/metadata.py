"""LibriMix's metadata, libri2mix_dev-clean.csv and ..._info.csv: drawn and measured as officially."""

import contextlib
import functools
import logging
import math
import random
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import pandas as pd

from sepflow.errors import SepflowError
from sepflow.files import write_text
from sepflow.files.contracts import refuse
from sepflow.identity import digest
from sepflow.simulation import inputs, journal
from sepflow.simulation.librimix.inputs import check_present
from sepflow.simulation.librimix.levels import draw_loudness, gains
from sepflow.simulation.librimix.noise import read_from, read_noise
from sepflow.simulation.librimix.pairs import Tables, draw
from sepflow.simulation.librimix.tables import Noise, Utterance, noises, subsets, utterances
from sepflow.simulation.lists import check_sounding
from sepflow.simulation.rendering import JOURNAL, Tree

SEED = 72
ROUND = 100  # a table is cut to a multiple of so many mixtures

log = logging.getLogger(__name__)


class Drawn(NamedTuple):
    """A mixture that is decided but for its gains: its signals, and the loudness (LUFS) drawn for each."""

    sources: tuple[Utterance, ...]
    noise: Noise
    loudness: tuple[float, ...]

    @property
    def name(self) -> str:
        """The official id: the utterances' names, less what of ".flac" they begin or end with."""
        return "_".join(PurePosixPath(source.path).name.strip(".flac") for source in self.sources)


def make(
    librispeech: Path,
    wham: Path,
    out: Path,
    speakers: int,
    splits: Sequence[str] | None,
    jobs: int,
    again: bool = False,
) -> list[Path]:
    """Write the tables of `splits` (all subsets that are there, by name) to `out`; return what was written.

    Begun before, it goes on. One seed serves all splits, in their order, as in the official program. `again`
    as in `pairs.Tables`.
    Raises SepflowError, before any audio is read, where a recording that was drawn is not there.
    """
    there = subsets(librispeech)
    wanted = list(splits or there)
    missing = [f"no {name}" for name in wanted if name not in there]
    refuse(str(librispeech), missing, f"There is: {', '.join(there)}.")
    rng = random.Random(SEED)
    noises_of = functools.cache(functools.partial(noises, wham, jobs=jobs))
    planned = {
        split: plan(
            split,
            utterances(librispeech, split, jobs),
            noises_of(split.partition("-")[0]),
            speakers,
            rng,
            again,
        )
        for split in wanted
    }
    rows = [row for drawn in planned.values() for row in drawn]
    paths = (source.path for row in rows for source in row.sources)
    check_present(librispeech, wham, paths, (row.noise.path for row in rows))
    written = []
    for split, drawn in planned.items():
        name = f"libri{speakers}mix_{split}"
        measured = _measure(drawn, name, librispeech, wham, out, jobs)
        written += _write(drawn, measured, speakers, out, name)
    # The official renderer takes all that lies in this directory for a table.
    for split in planned:
        shutil.rmtree(out / JOURNAL / f"libri{speakers}mix_{split}")
    with contextlib.suppress(OSError):
        (out / JOURNAL).rmdir()
    return written


def plan(
    split: str,
    speech: list[Utterance],
    noise: list[Noise],
    speakers: int,
    rng: random.Random,
    again: bool = False,
) -> list[Drawn]:
    """The mixtures of a split, but for their gains; `rng` is left where the official program leaves it.

    Raises SepflowError where there are too few noises, and these are not to be taken `again`.
    """
    tables = Tables(
        [row.speaker for row in speech],
        [row.length for row in speech],
        [row.length for row in noise],
        [row.augmented for row in noise],
        speakers,
        again,
    )
    try:
        pairs = draw(tables, "train" in speech[0].subset, rng)
    except IndexError:
        raise SepflowError(
            f"{split}: more mixtures than the {len(noise)} noises of --wham, and each takes another. "
            "Is WHAM!'s noise whole? (One speaker's train-clean-360 has more than all of it: --noise-again "
            "takes the noises once more when all are taken.)"
        ) from None
    drawn = [
        Drawn(tuple(speech[row] for row in pair), noise[place], tuple(draw_loudness(speakers, rng)))
        for pair, place in pairs
    ]
    if len(drawn) < ROUND:
        log.warning("%s: only %d mixtures, and the tables hold whole hundreds: none", split, len(drawn))
    return drawn[: len(drawn) // ROUND * ROUND]


def _measure(
    drawn: list[Drawn], name: str, librispeech: Path, wham: Path, out: Path, jobs: int
) -> list[list[float]]:
    """The gains of each mixture; with a journal below `out`, from which a killed run goes on."""
    tree = Tree(out, name, source={"mixtures": digest({"drawn": drawn})}, variant={})
    measure = functools.partial(_gains, librispeech=librispeech, wham=wham)
    sources = functools.partial(_sources, librispeech=librispeech, wham=wham)
    return tree.render(drawn, measure, sources, jobs)


def _sources(row: Drawn, librispeech: Path, wham: Path) -> dict[str, str]:
    files = {source.path: librispeech / source.path for source in row.sources}
    return journal.contents(files | {f"noise {row.noise.path}": read_from(wham, row.noise.path)})


def _gains(tree: Tree, row: Drawn, librispeech: Path, wham: Path) -> list[float]:
    length = max(source.length for source in row.sources)
    signals = [inputs.read(librispeech / source.path) for source in row.sources]
    for source, signal in zip(row.sources, signals, strict=True):
        if signal.shape != (source.length,):
            raise SepflowError(
                f"{librispeech / source.path}: shape {signal.shape}, not the {source.length} samples of its "
                f"table. Remove {librispeech / 'metadata'}, so that the table is made anew."
            )
        check_sounding(librispeech / source.path, signal)
    signals.append(read_noise(wham, row.noise.path, length))
    try:
        scales = gains([np.pad(signal, (0, length - len(signal))) for signal in signals], row.loudness)
    except ValueError as reason:
        raise SepflowError(f"{row.name}: its loudness cannot be measured ({reason})") from None
    paths = [*(librispeech / source.path for source in row.sources), wham / row.noise.path]
    silent = [f"{path}: silent" for path, gain in zip(paths, scales, strict=True) if not math.isfinite(gain)]
    refuse(row.name, silent, "No gain makes it audible: mend it or take it out of the corpus.")
    return scales


def _write(
    drawn: list[Drawn], measured: list[list[float]], speakers: int, out: Path, name: str
) -> list[Path]:
    ids = [row.name for row in drawn]
    mixtures: dict[str, list] = {"mixture_ID": ids}
    info: dict[str, list] = {"mixture_ID": ids}
    for k in range(speakers):
        sources = [row.sources[k] for row in drawn]
        mixtures[f"source_{k + 1}_path"] = [source.path for source in sources]
        mixtures[f"source_{k + 1}_gain"] = [scales[k] for scales in measured]
        info[f"speaker_{k + 1}_ID"] = [source.speaker for source in sources]
        info[f"speaker_{k + 1}_sex"] = [source.sex for source in sources]
    mixtures["noise_path"] = [row.noise.path for row in drawn]
    mixtures["noise_gain"] = [scales[-1] for scales in measured]
    paths = [out / f"{name}.csv", out / f"{name}_info.csv"]
    for path, table in zip(paths, (mixtures, info), strict=True):
        write_text(path, pd.DataFrame(table).to_csv(index=False, lineterminator="\n"))
    return paths
