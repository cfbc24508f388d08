"""All that a directory of results holds, read to its end and held against what it says it is."""

from collections.abc import Callable, Iterator
from functools import partial
from math import inf
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from sepflow.audit.runs import check_run, seal_run
from sepflow.corpora.packed import PackedCorpus
from sepflow.errors import SepflowError
from sepflow.files.contracts import check_size
from sepflow.files.reading import read_record
from sepflow.files.seals import UnsealedError, check_seal, digest_of, write_seal
from sepflow.mixes.export import COMPLETE, check_exported
from sepflow.mixes.labels import LABELS
from sepflow.mixes.mix import read_own_plan, read_plan
from sepflow.planning.layout import stamp_of
from sepflow.reporting.scores import read_stamp
from sepflow.results import AUDIO, MODEL, PLAN, Results, Run
from sepflow.training.checkpoint import read_checkpoint

Check = tuple[Path, Callable[[], object]]  # what is read, and how


def find(results: Path, wanted: list[str]) -> list[Path]:
    """The directories below `results` that are meant by paths, names or beginnings of names; all, by default.

    Raises SepflowError for one that means nothing.
    """
    if not results.is_dir():
        raise SepflowError(f"{results}: no such directory. Say --results DIR.")
    there = [path for kind in KINDS for path in sorted((results / kind).glob("*")) if path.is_dir()]
    chosen = []
    for word in wanted:
        path = Path(word).resolve()
        named = [one for one in there if one.name.startswith(word)]
        meant = [Path(word)] if path.is_dir() and path.parent.name in KINDS else named
        if not meant:
            raise SepflowError(
                f"{word}: nothing of that name in {results}. Say a directory of {', '.join(KINDS)}, or the "
                "beginning of its name."
            )
        chosen += meant
    return list(dict.fromkeys(chosen if wanted else there))


def verify(directories: list[Path], seal: bool = False) -> Iterator[SepflowError]:
    """What is wrong with the things in `directories`, as it is found, under a bar of the bytes read.

    Each message ends with the way out. UnsealedError is of what an older version made, of which nobody can
    tell; with `seal` it is sealed, where all that can be checked is right.
    """
    kinds = [KINDS[directory.resolve().parent.name] for directory in directories]
    checks = [check for kind, directory in zip(kinds, directories, strict=True) for check in kind(directory)]
    sizes = [_size(path) for path, _ in checks]
    with tqdm(total=sum(sizes), unit="B", unit_scale=True, leave=False, disable=None) as bar:
        for (path, check), size in zip(checks, sizes, strict=True):
            bar.set_description(path.name)
            try:
                try:
                    check()
                except UnsealedError:
                    if not seal:
                        raise
                    _seal(path)
                    check()
            except SepflowError as error:
                yield error
            bar.update(size)


def _corpus(directory: Path) -> Iterator[Check]:
    name = directory.resolve().name
    yield directory, partial(PackedCorpus, directory, name, inf)


def _mix(directory: Path) -> Iterator[Check]:
    yield directory, partial(_check_mix, directory, directory.resolve().name)


def _check_mix(directory: Path, name: str) -> None:
    table = read_own_plan(directory, name)
    labelled = (directory / LABELS).exists()
    seal = check_seal(directory, name, [PLAN, *[LABELS] * labelled], inf)
    if set(seal["files"]) > {PLAN} and not labelled:
        raise SepflowError(f"{directory / LABELS}: not there. {_again(directory / PLAN)}")
    if labelled:
        _check_labels(directory, table)
    results = Results(directory.resolve().parents[1])
    if "run" in seal and _model_of(results.run(seal["run"]).directory) not in (None, seal["model"]):
        raise SepflowError(
            f"{directory / LABELS}: by another model of the run {seal['run']} than is there now. "
            f"{_again(directory / PLAN)}"
        )


def _model_of(run: Path) -> str | None:
    """The digest of the model of a run, as its record says; of a damaged one there is a word elsewhere."""
    try:
        return read_record(Run(run).record, {"model": str}, "")["model"]
    except SepflowError:
        return None


def _check_labels(directory: Path, table: pd.DataFrame) -> None:
    sources = sum(column.startswith("utterance_") for column in table.columns)
    check_size(directory / LABELS, 4 * sources * int(table["samples"].sum()))


def _run(directory: Path) -> Iterator[Check]:
    name = directory.resolve().name
    if (checkpoint := Run(directory).checkpoint).exists():
        yield checkpoint, partial(_check_checkpoint, checkpoint, name)
    if not (directory / MODEL).exists():
        return  # not trained to its end
    yield directory, partial(_check_run, directory, name)
    for scores in sorted((directory / "scores").glob("*.csv")):
        yield scores, partial(_check_scores, scores, name)


def _system(directory: Path) -> Iterator[Check]:
    for scores in sorted(directory.glob("*/*.csv")):
        of = {"system": directory.resolve().name, "group": scores.parent.name}
        yield scores, partial(_check_stamp, scores, of)


def _rendered(directory: Path) -> Iterator[Check]:
    if (directory / COMPLETE).exists():
        yield directory, partial(check_exported, directory, directory.resolve().name)


def _check_checkpoint(path: Path, name: str) -> None:
    if (own := read_checkpoint(path)[1]) != name:
        raise SepflowError(f"{path}: another run's checkpoint, {own}. Delete it to begin this run anew.")


def _check_run(directory: Path, name: str) -> None:
    if (own := check_run(directory)[0]) != name:
        raise SepflowError(f"{directory}: holds the run {own}. {_again(directory / MODEL)}")


def _check_stamp(path: Path, of: dict[str, str]) -> dict[str, object]:
    if not Path(stamp_of(str(path))).exists():
        raise UnsealedError(f"{path}: nothing beside it says of what: made before. {_again(path)}")
    mix, _, used = path.stem.partition(".")
    stamp = read_stamp(str(path), {**of, "mix": mix, **({"used": used} if used else {})})
    if used and _model_of(path.parents[3] / "runs" / used) not in (None, stamp["used_model"]):
        raise SepflowError(f"{path}: by another model of the run {used} than is there now. {_again(path)}")
    return stamp


def _check_scores(path: Path, name: str) -> None:
    stamp = _check_stamp(path, {"run": name})
    if _model_of(path.parents[1]) not in (None, stamp["model"]):
        raise SepflowError(f"{path}: of another model of this run than is there now. {_again(path)}")


def _seal(path: Path) -> None:
    """Seal what was made before there were seals, where it is whole as far as can be told."""
    kind = path.resolve().parent.name
    if kind == "runs":
        seal_run(path)
    elif kind == "corpora":
        PackedCorpus(path)
        tables = {table.name for table in path.glob("*.csv")}  # the manifest, and the corpus's own
        write_seal(path.resolve(), {file: digest_of(path / file) for file in sorted({AUDIO, *tables})})
    elif kind == "mixes":
        table, files = read_plan(path / PLAN), [PLAN]
        if (path / LABELS).exists():
            _check_labels(path, table)
            files.append(LABELS)
        write_seal(path.resolve(), {file: digest_of(path / file) for file in files}, count=len(table))


def _again(path: Path) -> str:
    return f"Remove it and make it again: snakemake {path}"


def _size(path: Path) -> int:
    own = "*/*" if (path / COMPLETE).exists() else "*"
    files = [path] if path.is_file() else [file for file in path.glob(own) if file.is_file()]
    return sum(file.stat().st_size for file in files)


KINDS: dict[str, Callable[[Path], Iterator[Check]]] = {
    "corpora": _corpus,
    "mixes": _mix,
    "rendered": _rendered,
    "runs": _run,
    "systems": _system,
}
