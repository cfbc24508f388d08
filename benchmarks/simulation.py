"""How fast the field's simulators write their trees, and plan them.

Corpora are synthesised in the shape of the real ones: utterances of 12 s, noises of 10 s. A simulator is a
function below, listed in SIMULATORS, that yields what it measured.

    OMP_NUM_THREADS=1 python benchmarks/simulation.py [--jobs N] [--mixtures N] [NAME ...]
"""

import argparse
import contextlib
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

_RATE = 16000


class Measured(NamedTuple):
    """One line of the table."""

    what: str
    value: float
    unit: str


def seconds(work: Callable[[], object]) -> float:
    """How long `work` takes, its progress bar swallowed."""
    with Path(os.devnull).open("w") as nothing, contextlib.redirect_stderr(nothing):
        begun = time.perf_counter()
        work()
        return time.perf_counter() - begun


def wave(number: int, length: float, channels: int = 1) -> np.ndarray:
    """Noise with the spectrum and the swell of speech, float64, [samples] or [samples, channels]."""
    rng = np.random.default_rng(number)
    size = 1 << round(length * _RATE).bit_length()
    spectrum = np.fft.rfft(rng.standard_normal((channels, size)))
    noise = np.fft.irfft(spectrum / (1 + np.arange(size // 2 + 1) / 500))[:, : round(length * _RATE)]
    swell = 0.5 + 0.5 * np.sin(2 * np.pi * 4 * np.arange(noise.shape[1]) / _RATE)
    return (0.3 * noise / np.abs(noise).max() * swell).T.squeeze()


def write(path: Path, samples: np.ndarray) -> str:
    """Write a recording; return its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, _RATE)
    return path.name


# --- LibriMix ---


def librimix(folder: Path, mixtures: int, jobs: int) -> Iterator[Measured]:
    """Libri2Mix: the tree, rendered from its metadata; the metadata, planned and measured."""
    from sepflow.simulation.librimix.layout import MODES, RATES, TYPES, Layout
    from sepflow.simulation.librimix.metadata import make
    from sepflow.simulation.librimix.tree import Recordings, checked_rows, render

    corpora = Recordings(folder / "LibriSpeech", folder / "wham_noise")
    count = -(-mixtures // 100) * 100
    _write_librispeech(corpora.librispeech, 2 * count + 20)
    for number in range(count):
        write(folder / f"wham_noise/tr/{number:05d}.wav", wave(-number - 1 & 0xFFFF, 10 + number % 7, 2))
    split = "train-clean-100"
    took = seconds(lambda: make(*vars(corpora).values(), folder / "metadata", 2, [split], jobs))
    yield Measured("librimix: metadata, mixtures drawn and measured", 60 * count / took, "a minute")
    table = folder / f"metadata/libri2mix_{split}.csv"
    for what, asked in (
        ("8 kHz, min, mix_clean", ([8000], ["min"], ["mix_clean"])),
        ("8 kHz, min, all types", ([8000], ["min"], TYPES)),
        ("both rates, both modes, all types", (RATES, MODES, TYPES)),
    ):
        layout = Layout.of(2, "train-100", *asked)
        rows = checked_rows(table, layout, corpora)[:mixtures]
        root = folder / what.replace(" ", "")
        took = seconds(lambda: render(rows, layout, corpora, root, jobs))  # noqa: B023
        size = sum(path.stat().st_size for path in root.rglob("*.wav"))
        yield Measured(f"librimix: {what}, mixtures rendered", 60 * len(rows) / took, "a minute")
        yield Measured(f"librimix: {what}, written", size / 1e6 / took, "MB/s")
    yield _librimix_plan()


def _write_librispeech(root: Path, utterances: int) -> None:
    speakers = range(1, 41)
    for number in range(utterances):
        speaker = speakers[number % len(speakers)]
        name = f"train-clean-100/{speaker}/1/{speaker}-1-{number // len(speakers):04d}.flac"
        write(root / name, wave(number, 12))
    lines = (f"{speaker} | F | train-clean-100 | 1 | Name\n" for speaker in speakers)
    (root / "SPEAKERS.TXT").write_text("".join(lines))


def _librimix_plan() -> Measured:
    from sepflow.simulation.librimix.pairs import Tables, draw

    rng = np.random.default_rng(0)
    utterances, recordings = 101600, 20000  # of train-clean-360, three seconds and more; of WHAM!, tr
    lengths = np.sort(rng.uniform(3, 16.5, utterances) * _RATE).astype(int)
    recorded = np.clip(rng.normal(10, 4, recordings), 3, None) * _RATE
    noises = np.concatenate([recorded, recorded / 0.8, recorded / 1.2]).astype(int)
    order = np.argsort(noises)
    tables = Tables(
        rng.integers(0, 921, utterances).tolist(), lengths.tolist(), noises[order], order >= recordings, 2
    )
    return Measured(
        "librimix: plan of train-360, 50,800 mixtures",
        seconds(lambda: draw(tables, True, random.Random(72))),
        "s",
    )


SIMULATORS: dict[str, Callable[[Path, int, int], Iterator[Measured]]] = {"librimix": librimix}


def main() -> None:
    """Measure the simulators named on the command line, or all, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(SIMULATORS)}; by default all"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--mixtures", type=int, default=100, help="of each rendering (default 100)")
    options = parser.parse_args()
    print(f"| what ({options.jobs} processes) | value | |\n|---|---|---|")
    for name in options.names or SIMULATORS:
        with tempfile.TemporaryDirectory() as folder:
            for line in SIMULATORS[name](Path(folder), options.mixtures, options.jobs):
                print(f"| {line.what} | {line.value:.3g} | {line.unit} |", flush=True)


if __name__ == "__main__":
    main()
