"""WHAM!'s noise: wham_noise/{tr,cv,tt}/*.wav in two channels, metadata/noise_meta_{tr,cv,tt}.csv."""

import csv
from pathlib import Path

import numpy as np

from rehearsal.lookalikes import Asked
from rehearsal.sound import RATE, put, put_blips, voice
from sepflow.corpora.layouts import find

# As published against LibriSpeech: more than dev-clean or test-clean has utterances, but fewer, at all three
# speeds, than train-clean-360.
RECORDINGS = {"tr": 25, "cv": 230, "tt": 145}
COLUMNS = (
    "utterance_id", "Noise Band", "File ID", "L to R Width (cm)", "Reverberation Level", "Location ID",
    "Location Day ID",
)  # fmt: skip


def write(out: Path, asked: Asked) -> Path:
    """Write all three splits: long enough for LibriMix, also where they are played a fifth faster."""
    lengths = {split: [4 * RATE + 111 * k for k in range(n)] for split, n in RECORDINGS.items()}
    place = write_tree(out / "wham_noise", lengths)
    for split in lengths:
        _note(place, split, sorted(path.name for path in (place / split).iterdir()))
    return place


def fill(place: Path, asked: Asked) -> None:
    """Add blips until each split has as many recordings as were published."""
    for split, published in find("wham_noise").counts.items():
        there = sum(1 for _ in (place / split).glob("*.wav"))
        names = [f"{split}{k:05d}_0.{k}_b_-0.{k}.wav" for k in range(published - there)]
        put_blips([place / split / name for name in names], channels=2)
        _note(place, split, names)


def write_tree(root: Path, splits: dict[str, list[int]]) -> Path:
    """A WHAM! noise of {tr, cv, tt: samples of each}, in two channels."""
    for split, lengths in splits.items():
        names = [f"{split}{index:03d}_0.{index}_b_-0.{index}.wav" for index in range(len(lengths))]
        for index, (name, samples) in enumerate(zip(names, lengths, strict=True)):
            channels = [voice(1000 + 2 * index + channel, samples, 0.03) for channel in range(2)]
            put(root / split / name, np.stack(channels, 1))
    return root


def _note(root: Path, split: str, names: list[str]) -> None:
    """Add recordings to the table of their split: three of a place, each of its own day."""
    path = root / "metadata" / f"noise_meta_{split}.csv"
    path.parent.mkdir(exist_ok=True)
    new = not path.exists()
    with path.open("a", newline="") as file:
        table = csv.writer(file)
        table.writerows([COLUMNS] * new)
        for k, name in enumerate(names):
            place = f"{split}-{k // 3}"
            table.writerow([name, 1, f"{split}/{name}", "17.5 cm", "l", place, f"{place}-{k}"])
