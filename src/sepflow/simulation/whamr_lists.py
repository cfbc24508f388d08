"""What is published of WHAMR! and WHAM!: rooms, pairs of utterances, levels."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sepflow.contracts import refuse
from sepflow.errors import SepflowError
from sepflow.simulation import rooms
from sepflow.simulation.inputs import number, positive, read_table, text
from sepflow.simulation.npz import read_arrays
from sepflow.simulation.rooms import Room
from sepflow.simulation.whamr import Levels

WAY_OUT = "Take the published files of WHAMR! (its scripts' data/) and of WHAM!'s noise (its metadata/)."
SIDES = ("room_x", "room_y", "room_z", "T60")
PLACES = ("micL_x", "micL_y", "micR_x", "micR_y", "mic_z", "s1_x", "s1_y", "s1_z", "s2_x", "s2_y", "s2_z")
VARIANTS = tuple(itertools.product((8000, 16000), ("min", "max")))


@dataclass(frozen=True)
class Mixture:
    """One mixture: its file's name, two utterances, room, where speech starts in the noise, levels."""

    name: str
    paths: tuple[str, str]
    room: Room
    start: int  # at 16 kHz
    levels: dict[tuple[int, str], Levels]  # by rate and mode


def needed(metadata: Path, wham: Path, split: str) -> list[Path]:
    """The files that say what is in a split: rooms, utterances, levels."""
    return [
        metadata / f"reverb_params_{split}.csv",
        metadata / f"mix_2_spk_filenames_{split}.csv",
        wham / "metadata" / f"scaling_{split}.npz",
    ]


def read_mixtures(files: Sequence[Path], wanted: Iterable[tuple[int, str]]) -> list[Mixture]:
    """The mixtures of a split from its three files (of `needed`), with the levels of all variants there.

    Raises SepflowError where a file is faulty, where tables lack a mixture, or levels of a `wanted` variant.
    """
    rooms_file, pairs_file, levels_file = files
    placed = _rooms(rooms_file)
    pairs = {
        _key(row["output_filename"]): (row["s1_path"], row["s2_path"])
        for row in reversed(
            read_table(pairs_file, dict.fromkeys(("output_filename", "s1_path", "s2_path"), text))
        )
    }
    arrays = _levels(levels_file, wanted)
    names = [_key(name) for name in arrays["utterance_id"]]
    for path, table in ((rooms_file, placed), (pairs_file, pairs)):
        missing = [f"{name}: not in it" for name in names if name not in table]
        refuse(f"{path}, held against {levels_file.name}", missing, WAY_OUT)
    return [
        Mixture(
            f"{name}.wav",
            pairs[name],
            placed[name],
            int(arrays["speech_start_sample_16k"][i]),
            _of(arrays, i),
        )
        for i, name in enumerate(names)
    ]


def _key(name: str) -> str:
    return name.removesuffix(".wav")


def _rooms(path: Path) -> dict[str, Room]:
    columns = {"utterance_id": text} | dict.fromkeys(SIDES, positive) | dict.fromkeys(PLACES, number)
    found: dict[str, Room] = {}
    problems = []
    for row in read_table(path, columns):
        try:
            found.setdefault(_key(row["utterance_id"]), _room(row))
        except SepflowError as reason:
            problems.append(f"line {row['line']}: {reason}")
    refuse(str(path), problems, WAY_OUT)
    return found


def _room(row: dict[str, Any]) -> Room:
    size = (row["room_x"], row["room_y"], row["room_z"])
    microphones = tuple((row[f"mic{side}_x"], row[f"mic{side}_y"], row["mic_z"]) for side in "LR")
    sources = tuple((row[f"s{k}_x"], row[f"s{k}_y"], row[f"s{k}_z"]) for k in (1, 2))
    return Room(size, row["T60"], rooms.whamr(size, row["T60"]), sources, microphones)


def _levels(path: Path, wanted: Iterable[tuple[int, str]]) -> dict[str, np.ndarray]:
    arrays = read_arrays(path)
    keys = [key for variant in wanted for key in _keys(*variant)]
    missing = [key for key in ("utterance_id", "speech_start_sample_16k", *keys) if key not in arrays]
    refuse(str(path), [f"no array {key!r}" for key in missing], WAY_OUT)
    count = len(arrays["utterance_id"])
    shapes = {key: (count, 2) if "wsjmix" in key else (count,) for key in arrays if key != "utterance_id"}
    known = {"speech_start_sample_16k", *(key for variant in VARIANTS for key in _keys(*variant))}
    problems = [] if count else ["no mixtures"]
    for key in sorted(known & shapes.keys()):
        array = arrays[key]
        if array.shape != shapes[key] or array.dtype.kind not in "iuf" or not np.isfinite(array).all():
            problems.append(f"{key}: {array.dtype} {array.shape}, not finite numbers {shapes[key]}")
    if not problems and arrays["speech_start_sample_16k"].min() < 0:
        problems.append("speech_start_sample_16k: under 0")
    refuse(str(path), problems, WAY_OUT)
    return arrays


def _keys(rate: int, mode: str) -> list[str]:
    return [f"scaling_{what}_{rate // 1000}k_{mode}" for what in ("wsjmix", "wham_speech", "wham_noise")]


def _of(arrays: dict[str, np.ndarray], i: int) -> dict[tuple[int, str], Levels]:
    levels = {}
    for variant in VARIANTS:
        sources, speech, noise = _keys(*variant)
        if {sources, speech, noise} <= arrays.keys():
            first, second = arrays[sources][i]
            levels[variant] = Levels(
                (float(first), float(second)), float(arrays[speech][i]), float(arrays[noise][i])
            )
    return levels
