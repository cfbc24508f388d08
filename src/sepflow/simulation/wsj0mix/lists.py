"""What is published of wsj0-mix: the lists of mixtures and the powers of active speech."""

from dataclasses import dataclass
from pathlib import Path

from sepflow.corpora.wsj0 import key, utterance
from sepflow.files.contracts import refuse
from sepflow.files.text import read_lines
from sepflow.simulation.lists import different, factor, file_name, inside, level, refuse_twice

WAY_OUT = "Take the published metadata (metadata/ of pywsj0-mix), or mend the lines."
ONE_KIND = "Keep the tables of one kind: the field's program takes whichever its directory lists last."


@dataclass(frozen=True)
class Mixture:
    """One line of a list: the file's name, and path, level (dB) and power of each source."""

    name: str
    paths: tuple[str, ...]
    snrs: tuple[float, ...]
    powers: tuple[float, ...]


def list_path(metadata: Path, speakers: int, split: str) -> Path:
    """Where the list of a split lies."""
    return metadata / f"mix_{speakers}_spk_{split}.txt"


def read_list(path: Path, speakers: int, powers: dict[str, float]) -> list[Mixture]:
    """The mixtures of a list, lines "path snr path snr ...".

    Raises SepflowError with all faulty lines, with all that would be one file, or with all utterances that
    have no power.
    """
    rows, names, problems = [], [], []
    for line, text in read_lines(path):
        try:
            rows.append(_row(text.split(), speakers))
            names.append((line, file_name(name(*rows[-1]))))
        except ValueError as reason:
            problems.append(f"line {line}: {reason}")
    refuse(str(path), problems or ([] if rows else ["no lines"]), WAY_OUT)
    refuse_twice(str(path), names)
    known = {utterance(source) for paths, _ in rows for source in paths}
    missing = sorted(known - powers.keys())
    refuse(f"{path}: utterances without a power in activlev/", missing, "Take all of the published tables.")
    return [
        Mixture(name(paths, snrs), paths, snrs, tuple(powers[utterance(source)] for source in paths))
        for paths, snrs in rows
    ]


def name(paths: tuple[str, ...], snrs: tuple[float, ...]) -> str:
    """The file's name: utterances and levels in turn, "01to030v_0.76421_20ga010m_-0.76421.wav"."""
    levels = (f"{snr or 0.0:.8g}" for snr in snrs)
    return "_".join(f"{utterance(path)}_{level}" for path, level in zip(paths, levels, strict=True)) + ".wav"


def read_powers(directory: Path) -> dict[str, float]:
    """{utterance: power of its active speech} from all tables of `directory`, lines "utterance power".

    Raises SepflowError with all faulty lines, or with all utterances that two tables give different powers.
    """
    powers: dict[str, float] = {}
    owners: dict[str, str] = {}
    problems: list[str] = []
    conflicts: list[str] = []
    for path in sorted(directory.glob("*.txt")):
        for line, text in read_lines(path):
            place = f"{path.name} line {line}"
            try:
                spoken, power = _power(text.split())
            except ValueError as reason:
                problems.append(f"{place}: {reason}")
                continue
            if powers.setdefault(spoken, power) != power:
                conflicts.append(f"{place}: {spoken} has another power in {owners[spoken]}")
            owners.setdefault(spoken, place)
    refuse(str(directory), problems or ([] if powers else ["no tables (*.txt)"]), WAY_OUT)
    refuse(str(directory), conflicts, ONE_KIND)
    return powers


def _row(fields: list[str], speakers: int) -> tuple[tuple[str, ...], tuple[float, ...]]:
    if len(fields) != 2 * speakers:
        raise ValueError(f"{len(fields)} fields, not {2 * speakers} (a path and a level each)")
    paths = tuple(inside(path) for path in fields[::2])
    different([key(path) for path in paths])
    return paths, tuple(level(field) for field in fields[1::2])


def _power(fields: list[str]) -> tuple[str, float]:
    if len(fields) != 2:
        raise ValueError(f"{len(fields)} fields, not 2 (utterance and power)")
    return fields[0], factor(fields[1])
