"""What is published of WHAMR! and WHAM!: rooms, pairs of utterances, levels."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sepflow.corpora.wsj0 import key
from sepflow.errors import SepflowError
from sepflow.files.contracts import refuse
from sepflow.files.npz import read_arrays
from sepflow.simulation.inputs import number, read_table
from sepflow.simulation.lists import BOUND, different, factor, file_name, inside, refuse_twice
from sepflow.simulation.rooms import image_method as rooms
from sepflow.simulation.rooms.image_method import Room
from sepflow.simulation.whamr.mixtures import Levels

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
    pairs = _pairs(pairs_file)
    arrays = _levels(levels_file, wanted)
    names = _names(levels_file, arrays["utterance_id"])
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


def _stem(cell: str) -> str:
    return file_name(cell).removesuffix(".wav")


def _names(path: Path, ids: np.ndarray) -> list[str]:
    names, problems = [], []
    for entry, name in enumerate(ids.tolist(), 1):
        try:
            names.append(_stem(name))
        except ValueError as reason:
            problems.append(f"utterance_id, entry {entry}: {reason}")
    refuse(str(path), problems, WAY_OUT)
    refuse_twice(str(path), enumerate(names, 1), "entry")
    return names


def _by_name(
    path: Path, column: str, columns: dict[str, Any], convert: Callable[[dict[str, Any]], Any]
) -> dict[str, Any]:
    """{name in `column`: row, converted}; SepflowError with what is wrong, or there twice, by line."""
    rows, values, problems = read_table(path, {column: _stem} | columns), {}, []
    refuse_twice(str(path), ((row["line"], row[column]) for row in rows))
    for row in rows:
        try:
            values[row[column]] = convert(row)
        except (SepflowError, ValueError) as reason:
            problems.append(f"line {row['line']}: {reason}")
    refuse(str(path), problems, WAY_OUT)
    return values


def _pairs(path: Path) -> dict[str, tuple[str, str]]:
    return _by_name(path, "output_filename", dict.fromkeys(("s1_path", "s2_path"), inside), _pair)


def _pair(row: dict[str, Any]) -> tuple[str, str]:
    paths = (row["s1_path"], row["s2_path"])
    different([key(path) for path in paths])
    return paths


def _rooms(path: Path) -> dict[str, Room]:
    columns = dict.fromkeys(SIDES, factor) | dict.fromkeys(PLACES, number)
    return _by_name(path, "utterance_id", columns, _room)


def _room(row: dict[str, Any]) -> Room:
    size = (row["room_x"], row["room_y"], row["room_z"])
    microphones = tuple((row[f"mic{side}_x"], row[f"mic{side}_y"], row["mic_z"]) for side in "LR")
    sources = tuple((row[f"s{k}_x"], row[f"s{k}_y"], row[f"s{k}_z"]) for k in (1, 2))
    room = Room(size, row["T60"], rooms.whamr(size, row["T60"]), sources, microphones)
    rooms.length(room)  # says where it is too short
    return room


def _levels(path: Path, wanted: Iterable[tuple[int, str]]) -> dict[str, np.ndarray]:
    arrays = read_arrays(path)
    keys = [name for variant in wanted for name in _keys(*variant)]
    missing = [name for name in ("utterance_id", "speech_start_sample_16k", *keys) if name not in arrays]
    refuse(str(path), [f"no array {name!r}" for name in missing], WAY_OUT)
    count = arrays["utterance_id"].size
    shapes = {name: (count, 2) if "wsjmix" in name else (count,) for name in arrays if name != "utterance_id"}
    known = {"speech_start_sample_16k", *(name for variant in VARIANTS for name in _keys(*variant))}
    problems = [] if count else ["no mixtures"]
    if arrays["utterance_id"].ndim != 1 or arrays["utterance_id"].dtype.kind != "U":
        problems.append("utterance_id: no row of names")
    for name in sorted(known & shapes.keys()):
        array = arrays[name]
        if array.shape != shapes[name] or array.dtype.kind not in "iuf" or not np.isfinite(array).all():
            problems.append(f"{name}: {array.dtype} {array.shape}, not finite numbers {shapes[name]}")
        elif name.startswith("scaling") and not _bounded(array):
            problems.append(f"{name}: not over 0, or out of all bounds (-{BOUND:g} to {BOUND:g} dB)")
    starts = arrays["speech_start_sample_16k"]
    if not problems and (starts.min() < 0 or (starts % 1).any()):
        problems.append("speech_start_sample_16k: under 0, or no whole number")
    refuse(str(path), problems, WAY_OUT)
    return arrays


def _bounded(factors: np.ndarray) -> bool:
    with np.errstate(divide="ignore"):
        return bool((np.abs(20 * np.log10(np.maximum(factors, 0))) <= BOUND).all())


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
