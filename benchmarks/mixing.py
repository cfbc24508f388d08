"""Mixtures on the fly against mixtures on disk: seconds of LibriMix a second, of crops of 4 s.

OMP_NUM_THREADS=1 PYTHONPATH=src python benchmarks/mixing.py [--mixtures 200]
Noise of 12 s for speech, and stereo noise of 20 s, 16 kHz. On disk: the official tree (int16), a crop of the
mixture and of each source read by soundfile, as training on such a tree does. On the fly: the same crops from
the packed corpora and the list. Both from memory (the page cache).
"""

import argparse
import functools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from sepflow import corpora
from sepflow.identity import digest
from sepflow.mixes import code_of
from sepflow.mixes.lists import decide_listed
from sepflow.mixes.mix import Mix, open_corpora, open_mix
from sepflow.simulation.librimix import tree as librimix_tree
from sepflow.simulation.librimix.layout import Layout

SECONDS, RATE = 4, 16000
SPEECH = {"kind": "folder", "rate": RATE, "splits": {"validation": 0.0, "test": 0.0}}
NOISE = SPEECH | {"channel": 0}


def write_recordings(root: Path, mixtures: int) -> None:
    """Speech and noise with their metadata, and a list of mixtures of two."""
    rng = np.random.default_rng(0)
    for folder, suffix, seconds, channels in (("dev-clean", "flac", 12, 1), ("cv", "wav", 20, 2)):
        for n in range(40):
            path = root / folder / f"{n % 8}" / "1" / f"{n % 8}-1-{n:04d}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            samples = 0.05 * rng.standard_normal((seconds * RATE, channels))
            soundfile.write(path, samples, RATE, subtype="PCM_16")
    rows = []
    for n in range(mixtures):
        a, b = rng.choice(8, 2, replace=False)
        name = [f"{s}-1-{s + 8 * int(rng.integers(5)):04d}" for s in (a, b)]
        row = {"mixture_ID": f"{name[0]}_{name[1]}_{n}"}
        for k in (1, 2):
            row |= {f"source_{k}_path": f"dev-clean/{name[k - 1][0]}/1/{name[k - 1]}.flac"}
            row |= {f"source_{k}_gain": rng.uniform(0.3, 1.5)}
        noise = int(rng.integers(40))
        rows.append(
            row | {"noise_path": f"cv/{noise % 8}/1/{noise % 8}-1-{noise:04d}.wav", "noise_gain": 0.7}
        )
    pd.DataFrame(rows).to_csv(root / "libri2mix_dev-clean.csv", index=False)


def prepared(root: Path, rate: int, mixtures: int) -> Mix:
    """The mix over packed corpora below `root`, and the official tree in `root`/tree."""
    recipe = {"kind": "librimix", "corpus": SPEECH | {"of": "speech"}, "noise": NOISE | {"of": "noise"}}
    recipe |= {"rate": rate, "speakers": 2, "length": "min", "subset": "dev-clean", "min_seconds": 0.0}
    recipe |= {"mixtures": mixtures}
    for part, folder in (("corpus", "dev-clean"), ("noise", "cv")):
        out = root / "corpora" / digest(recipe[part])
        if not out.exists():
            corpora.build({**recipe[part], "kind": "folder"}, out, root / folder, 1)
    plan = decide_listed(code_of(recipe["kind"]).planned, recipe, root, open_corpora(recipe, root))
    (root / "mixes" / digest(recipe)).mkdir(parents=True)
    plan.to_csv(root / "mixes" / digest(recipe) / "mix.csv", index=False)
    layout = Layout.of(2, "dev", [rate], ["min"], ["mix_both"])
    recordings = librimix_tree.Recordings(root, root)
    rows = librimix_tree.checked_rows(root / "libri2mix_dev-clean.csv", layout, recordings)
    librimix_tree.render(rows, layout, recordings, root / "tree", 2)
    return open_mix(recipe, root)


def from_disk(tree: Path, names: list[str], length: int, row: int, start: int) -> None:
    """A crop of a mixture and of both sources."""
    for signal in ("mix_both", "s1", "s2"):
        soundfile.read(tree / signal / f"{names[row]}.wav", frames=length, start=start, dtype="float32")


def rate_of(work: Callable[[int, int], object], crops: list[tuple[int, int]]) -> float:
    """Seconds of mixture a second: the best of three passes over the crops (row, start)."""
    best = np.inf
    for _ in range(3):
        begin = time.perf_counter()
        for crop in crops:
            work(*crop)
        best = min(best, time.perf_counter() - begin)
    return SECONDS * len(crops) / best


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--mixtures", type=int, default=200)
    options = parser.parse_args()
    print("rate    on disk   on the fly   on the fly / on disk")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_recordings(root, options.mixtures)
        for rate in (8000, 16000):
            mix, length = prepared(root, rate, options.mixtures), SECONDS * rate
            tree = root / f"tree/Libri2Mix/wav{rate // 1000}k/min/dev"
            rng = np.random.default_rng(1)
            rows = range(3 * len(mix))
            crops = [
                (row % len(mix), int(rng.integers(mix.samples[row % len(mix)] - length))) for row in rows
            ]
            disk = rate_of(functools.partial(from_disk, tree, mix.ids, length), crops)
            fly = rate_of(functools.partial(mix.example, length=length), crops)
            print(f"{rate:5} {disk:9.0f} {fly:12.0f} {fly / disk:14.2f}")


if __name__ == "__main__":
    main()
