"""The utterances of LibriSpeech and the noises of WHAM!, as the tables that LibriMix is drawn from.

The tables that the official programs wrote (metadata/*.csv in the corpora) are taken as they are. Theirs are
sorted by length alone, in the order of somebody's file system where two are equal; ours then by path.
"""

import functools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from sepflow.corpora.parallel import in_order
from sepflow.errors import SepflowError
from sepflow.files.audio import length, opened
from sepflow.files.contracts import refuse
from sepflow.files.text import read_lines
from sepflow.simulation import inputs
from sepflow.simulation.librimix.inputs import LIBRISPEECH
from sepflow.simulation.librimix.noise import SPEEDS, augmented_name, length_at
from sepflow.simulation.lists import inside

SHORTEST = 3 * inputs.RATE  # samples
WHAM_SPLITS = {"train": "tr", "dev": "cv", "test": "tt"}
CHUNK = 256  # files whose headers a process reads at once


class Utterance(NamedTuple):
    """An utterance: its path below LibriSpeech, its length in samples, its speaker."""

    length: int
    path: str
    speaker: int
    sex: str
    subset: str


class Noise(NamedTuple):
    """A noise: its path below WHAM!, its length in samples, whether it is at another speed."""

    length: int
    path: str
    augmented: bool


def subsets(librispeech: Path) -> list[str]:
    """The subsets of LibriSpeech that are there, by name."""
    return [name for name in LIBRISPEECH if (librispeech / name).is_dir()]


def utterances(librispeech: Path, subset: str, jobs: int) -> list[Utterance]:
    """The utterances of a subset of three seconds and more, by length.

    Raises SepflowError for a speaker that SPEAKERS.TXT does not have, and what does not decode.
    """
    table = librispeech / "metadata" / f"{subset}.csv"
    if table.is_file():
        return _written_utterances(table, librispeech)
    known = speakers(librispeech / "SPEAKERS.TXT")
    names = _files(librispeech, subset, ".flac")
    of = {name: _speaker(name) for name in names}
    unknown = [
        f"{name}: speaker {of[name]} is not in SPEAKERS.TXT" for name in names if of[name] not in known
    ]
    refuse(str(librispeech), unknown, "Is it LibriSpeech's own SPEAKERS.TXT?")
    rows = [
        Utterance(length, name, of[name], *known[of[name]])
        for name, length in zip(names, _lengths(librispeech, names, jobs), strict=True)
        if length >= SHORTEST
    ]
    if not rows:
        raise SepflowError(f"{librispeech / subset}: no .flac of three seconds or more in it.")
    return sorted(rows)


def noises(wham: Path, split: str, jobs: int) -> list[Noise]:
    """The noises of a split (train, dev, test) of three seconds and more, by length.

    Those of train are there at the other speeds too, on disk or not, since they can be made.
    Raises SepflowError where there are none, or one does not decode.
    """
    table = wham / "metadata" / f"{split}.csv"
    if table.is_file():
        return _written_noises(table)
    names = _files(wham, WHAM_SPLITS[split], ".wav")
    lengths = dict(zip(names, _lengths(wham, names, jobs), strict=True))
    if split == "train":
        recorded = [name for name in names if not _augmented(name)]
        for key, speed in SPEEDS.items():
            made = {augmented_name(name, key): length_at(lengths[name], speed) for name in recorded}
            lengths = made | lengths
    rows = [Noise(length, name, _augmented(name)) for name, length in lengths.items() if length >= SHORTEST]
    if not rows:
        raise SepflowError(f"{wham / WHAM_SPLITS[split]}: no .wav of three seconds or more in it.")
    return sorted(rows)


def speakers(path: Path) -> dict[int, tuple[str, str]]:
    """{speaker: (sex, subset)} of SPEAKERS.TXT. Raises SepflowError with its lines that do not read."""
    # Names may hold the separator, but they are last.
    cells = [
        (number, dict(zip(("speaker", "sex", "subset"), line.split("|"), strict=False)))
        for number, line in read_lines(path)
        if not line.startswith(";")
    ]
    columns = {"speaker": _whole, "sex": inputs.text, "subset": inputs.text}
    return {row["speaker"]: (row["sex"], row["subset"]) for row in inputs.convert(path, cells, columns)}


def _written_utterances(table: Path, librispeech: Path) -> list[Utterance]:
    columns = {
        "speaker_ID": _whole,
        "sex": inputs.text,
        "subset": inputs.text,
        "length": _whole,
        "origin_path": inside,
    }
    rows = inputs.read_table(table, columns)
    listed = librispeech / "SPEAKERS.TXT"
    known = speakers(listed) if listed.is_file() else {row["speaker_ID"] for row in rows}
    unknown = [
        f"line {row['line']}: speaker {row['speaker_ID']} is not in {listed}"
        for row in rows
        if row["speaker_ID"] not in known
    ]
    refuse(str(table), unknown, "Mend or remove this table; without it one is made from the recordings.")
    return [
        Utterance(row["length"], row["origin_path"], row["speaker_ID"], row["sex"], row["subset"])
        for row in rows
    ]


def _written_noises(table: Path) -> list[Noise]:
    rows = inputs.read_table(table, {"length": _whole, "augmented": _truth, "origin_path": inside})
    return [Noise(row["length"], row["origin_path"], row["augmented"]) for row in rows]


def _files(root: Path, directory: str, suffix: str) -> list[str]:
    if not (root / directory).is_dir():
        raise SepflowError(f"{root}: no directory {directory} in it. Is it the right one, and whole?")
    return sorted(path.relative_to(root).as_posix() for path in (root / directory).rglob(f"*{suffix}"))


def _lengths(root: Path, names: Sequence[str], jobs: int) -> list[int]:
    """The length of each file in samples. Raises SepflowError with all that do not read."""
    chunks = [names[i : i + CHUNK] for i in range(0, len(names), CHUNK)]
    lengths = [x for chunk in in_order(functools.partial(_headers, root), chunks, jobs) for x in chunk]
    refuse(
        str(root), [x for x in lengths if isinstance(x, str)], "Mend these files, or take the corpus anew."
    )
    return lengths


def _headers(root: Path, names: Iterable[str]) -> list[int | str]:
    """The length of each file, or what is wrong with it."""
    lengths: list[int | str] = []
    for name in names:
        try:
            with opened(root / name) as file:
                wrong = f"{name}: {file.samplerate} Hz, not {inputs.RATE} Hz"
                lengths.append(length(file) if file.samplerate == inputs.RATE else wrong)
        except SepflowError as reason:
            lengths.append(f"{name}: {reason}")
    return lengths


def _speaker(name: str) -> int | str:
    speaker = Path(name).name.partition("-")[0]
    return int(speaker) if speaker.isdecimal() else speaker


def _augmented(name: str) -> bool:
    return any(speed in name for speed in SPEEDS)


def _whole(cell: str) -> int:
    if not cell.isdecimal() or int(cell) == 0:
        raise ValueError(f"{cell!r} is no whole number over 0")
    return int(cell)


def _truth(cell: str) -> bool:
    if cell not in ("True", "False"):
        raise ValueError(f"{cell!r} is neither True nor False")
    return cell == "True"
