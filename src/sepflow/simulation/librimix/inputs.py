"""What LibriMix is rendered from: LibriSpeech, WHAM!'s noise and the metadata; what is amiss with them."""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from sepflow.errors import SepflowError
from sepflow.files import is_directory, is_file
from sepflow.files.contracts import refuse
from sepflow.simulation import inputs
from sepflow.simulation.librimix import noise as librimix_noise
from sepflow.simulation.lists import different, factor, file_name, inside, refuse_twice

LIBRISPEECH = (
    "dev-clean",
    "dev-other",
    "test-clean",
    "test-other",
    "train-clean-100",
    "train-clean-360",
    "train-other-500",
)
WHAM = ("tr", "cv", "tt")
SPEECH_HINT = "Is --librispeech the directory that holds dev-clean, test-clean, train-clean-100, ...?"
NOISE_HINT = "Is --wham the directory that holds tr, cv and tt (wham_noise)?"


class Row(NamedTuple):
    """A line of a table of mixtures. Paths are relative to LibriSpeech's and WHAM!'s directories."""

    line: int
    mixture: str
    sources: tuple[str, ...]
    gains: tuple[float, ...]
    noise: str
    noise_gain: float


def check_root(root: Path, children: Sequence[str], hint: str) -> None:
    """Raise SepflowError where none of `children` is a directory in `root`; if near, it says where."""
    if not is_directory(root):
        raise SepflowError(f"{root}: no such directory. {hint}")
    if _holds(root, children):
        return
    above, below = root.resolve().parents, sorted(path for path in root.iterdir() if path.is_dir())
    near = [*above[:2], *below]
    for place in near:
        if _holds(place, children):
            raise SepflowError(f"{root}: none of {', '.join(children)} in it, but in {place}. Give that one.")
    raise SepflowError(f"{root}: none of {', '.join(children)} in it. {hint}")


def _holds(place: Path, children: Sequence[str]) -> bool:
    return any(is_directory(place / child) for child in children)


def find_tables(directory: Path, speakers: int, splits: Sequence[str] | None) -> dict[str, Path]:
    """{split: table of mixtures} in `directory`, all or `splits` (train-100 or train-clean-100) alone.

    Raises SepflowError where there is none, or not one of the splits, or two are of one split.
    """
    prefix = f"libri{speakers}mix_"
    tables = [path for path in sorted(directory.glob(f"{prefix}*.csv")) if "info" not in path.name]
    if not tables:
        below = sorted(directory.glob(f"*/{prefix}*.csv"))
        there = f" There are some in {below[0].parent}." if below else ""
        raise SepflowError(f"{directory}: no {prefix}*.csv, the tables of {speakers} speakers.{there}")
    by_split: dict[str, Path] = {}
    for path in tables:
        split = path.stem.removeprefix(prefix).replace("-clean", "")
        if by_split.setdefault(split, path) != path:
            raise SepflowError(
                f"{directory}: {by_split[split].name} and {path.name} are both of {split}. Keep one."
            )
    if splits is None:
        return by_split
    wanted = [split.replace("-clean", "") for split in splits]
    missing = [f"no {prefix}{split}.csv" for split in wanted if split not in by_split]
    refuse(str(directory), missing, f"There is: {', '.join(by_split)}.")
    return {split: by_split[split] for split in wanted}


def read_rows(path: Path, speakers: int) -> list[Row]:
    """The rows of a table of mixtures of `speakers` speakers.

    Raises SepflowError with every cell that is amiss, by line, every mixture that is there twice, and every
    recording that is mixed with itself.
    """
    numbers = range(1, speakers + 1)
    columns = {"mixture_ID": file_name, "noise_path": inside, "noise_gain": factor}
    for k in numbers:
        columns |= {f"source_{k}_path": inside, f"source_{k}_gain": factor}
    rows = [
        Row(
            cells["line"],
            cells["mixture_ID"],
            tuple(cells[f"source_{k}_path"] for k in numbers),
            tuple(cells[f"source_{k}_gain"] for k in numbers),
            cells["noise_path"],
            cells["noise_gain"],
        )
        for cells in inputs.read_table(path, columns)
    ]
    refuse_twice(str(path), ((row.line, row.mixture) for row in rows))
    problems = []
    for row in rows:
        try:
            different([PurePosixPath(source).as_posix() for source in row.sources])
        except ValueError as reason:
            problems.append(f"line {row.line}: {reason}")
    refuse(str(path), problems, "A mixture is of different recordings: mend the table.")
    return rows


def check_present(
    librispeech: Path, wham: Path | None, sources: Iterable[str], noises: Iterable[str]
) -> None:
    """Raise SepflowError that lists, together, the recordings that are not there and cannot be made.

    With no `wham` no noise is looked for.
    """
    problems = []
    for root, names, hint in ((librispeech, sources, SPEECH_HINT), (wham, noises, NOISE_HINT)):
        try:
            if root is not None:
                needed = names if root is librispeech else _to_be_read(root, names)
                inputs.check_present(root, needed, hint)
        except SepflowError as error:
            problems.append(str(error))
    if problems:
        raise SepflowError("\n".join(problems))


def check_speakers(path: Path, rows: Iterable[tuple[int, str]], librispeech: Path) -> None:
    """Raise SepflowError for each (line of `path`, source) whose speaker has no directory in LibriSpeech."""
    known: dict[Path, bool] = {}
    problems = []
    for line, source in rows:
        speaker = Path(*Path(source).parts[:2])
        if not known.setdefault(speaker, is_directory(librispeech / speaker)):
            problems.append(f"line {line}: {speaker}: no such speaker in {librispeech}")
    refuse(str(path), problems, f"Is this part of LibriSpeech there? {SPEECH_HINT}")


def _to_be_read(wham: Path, names: Iterable[str]) -> list[str]:
    """What must be on disk for the noises `names`: they, or what they can be made of."""
    needed, made = [], 0
    for name in dict.fromkeys(names):
        made_of = librimix_noise.original(name)
        if made_of and not is_file(wham / name) and is_file(wham / made_of[0]):
            name, made = made_of[0], made + 1
        needed.append(name)
    if made and not librimix_noise.has_sox():
        raise SepflowError(f"{wham}: {made} of the noises are not there. {librimix_noise.NEEDS_SOX}.")
    return needed
