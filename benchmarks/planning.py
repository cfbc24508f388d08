"""Libri2Mix's train-360 from its list to a plan: seconds, with tables of its size; no audio is read.

OMP_NUM_THREADS=1 PYTHONPATH=src python benchmarks/planning.py [--mixtures 50800]
"""

import argparse
import csv
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from sepflow.corpora.packed import PackedCorpus
from sepflow.files.contracts import MANIFEST_COLUMNS
from sepflow.mixes.librimix.mixtures import planned
from sepflow.mixes.lists import decide_listed
from sepflow.mixes.mix import Mix
from sepflow.mixes.resampled import Resampled

Result = TypeVar("Result")
RATE, SPEAKERS = 16000, 921


def write_corpus(folder: Path, names: list[str], rng: np.random.Generator) -> None:
    """A packed corpus of utterances of 2 to 16 s; its audio is a hole in the file."""
    samples = rng.integers(2 * RATE, 16 * RATE, len(names))
    offsets = np.cumsum(samples) - samples
    folder.mkdir()
    with (folder / "audio.i16").open("wb") as file:
        file.truncate(2 * int(samples.sum()))
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(MANIFEST_COLUMNS)
        for name, length, offset in zip(names, samples, offsets, strict=True):
            row = [
                Path(name).stem,
                name.split("/")[1],
                "f",
                "train",
                length,
                offset,
                1 / 32768,
                -25,
                "",
                name,
            ]
            writer.writerow(row)


def write_list(path: Path, speech: list[str], noise: list[str], mixtures: int) -> None:
    """A list of mixtures of two: each utterance once."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        columns = [f"source_{k}_{what}" for k in (1, 2) for what in ("path", "gain")]
        writer.writerow(["mixture_ID", *columns, "noise_path", "noise_gain"])
        for n in range(mixtures):
            a, b = speech[n], speech[n + mixtures]
            hiss = noise[n % len(noise)]
            writer.writerow([f"{Path(a).stem}_{Path(b).stem}", a, 0.7 + 1e-7 * n, b, 0.4, hiss, 1.2])


def timed(what: str, work: Callable[[], Result]) -> Result:
    """The result of `work`; what it took is printed."""
    begin = time.perf_counter()
    result = work()
    print(f"{what:45} {time.perf_counter() - begin:6.1f} s")
    return result


def main() -> None:
    """Print a line a step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--mixtures", type=int, default=50800)
    count = parser.parse_args().mixtures
    rng = np.random.default_rng(0)
    speech = [
        f"train-clean-360/{n % SPEAKERS}/{n}/{n % SPEAKERS}-{n}-0000.flac" for n in range(2 * count + 2400)
    ]
    noise = [f"tr/hiss{n}.wav" for n in range(20000)]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_corpus(root / "speech", speech, rng)
        write_corpus(root / "noise", noise, rng)
        write_list(root / "libri2mix_train-clean-360.csv", speech, noise, count)
        recipe = {"kind": "librimix", "rate": 8000, "speakers": 2, "length": "min", "min_seconds": 0.0}
        recipe |= {"subset": "train-clean-360", "mixtures": count}
        parts = {"corpus": "speech", "noise": "noise"}
        corpora = timed(
            f"open the manifests ({len(speech) + len(noise)} rows)",
            lambda: {k: Resampled(PackedCorpus(root / v), RATE, 8000) for k, v in parts.items()},
        )
        plan = timed(
            f"plan {count} mixtures",
            lambda: decide_listed(planned, recipe, root, corpora),
        )
        timed("write the plan", lambda: plan.to_csv(root / "mix.csv", index=False))
        timed("open the plan", lambda: Mix(root, corpora["corpus"], noise=corpora["noise"]))


if __name__ == "__main__":
    main()
