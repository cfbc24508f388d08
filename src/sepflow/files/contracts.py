"""What every file that crosses a rule must be: one check for each kind, run by its writer and its reader.

A check takes the content and where it lies, and raises SepflowError with all that is wrong at once.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sepflow.errors import SepflowError
from sepflow.files.reading import read_record, read_table
from sepflow.files.seals import digest_of
from sepflow.results import RECORD

SPLITS = ("train", "validation", "test")
SILENCE_DB = -80.0  # RMS level re full scale; below it a recording is taken for a dead channel
MANIFEST_COLUMNS = (
    "id",
    "speaker",
    "sex",
    "split",
    "samples",
    "offset",
    "scale",
    "level_db",
    "text",
    "path",
)
CHANNELS = "channels"  # among these columns, behind `samples`, where a corpus has several
HISTORY_COLUMNS = ("step", "train_loss", "validation_loss", "lr", "seconds", "label_switches")
HISTORY_WAY_OUT = "Remove this file; the workflow makes it again, from the run's checkpoint."
MIX_WAY_OUT = "Remove the mix and make it again."
SHOWN = 10


def refuse(where: str, problems: Sequence[str], way_out: str) -> None:
    """Raise SepflowError with the first ten `problems`, their number and the way out, if there are any."""
    if not problems:
        return
    more = [f"... and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    lines = "".join(f"\n  {line}" for line in [*problems[:SHOWN], *more])
    raise SepflowError(f"{where}: {count}{lines}\n{way_out}")


def _number(column: pd.Series) -> pd.Series:
    """A column as float64, NaN wherever it holds something else."""
    return pd.to_numeric(column, errors="coerce").astype("float64")


def _whole(column: pd.Series) -> pd.Series:
    """Where a column holds a whole number, of a size that files have."""
    numbers = _number(column)
    return (numbers % 1 == 0) & numbers.between(-(2**53), 2**53)


def shared_speakers(speakers: Iterable[str], splits: Iterable[str]) -> list[str]:
    """One line for each speaker found in more than one split; the two iterables run in parallel."""
    of_speaker = defaultdict(set)
    for speaker, split in zip(speakers, splits, strict=True):
        of_speaker[speaker].add(split)
    return [
        f"speaker {speaker!r} is in several splits: {' and '.join(sorted(there))}"
        for speaker, there in of_speaker.items()
        if len(there) > 1
    ]


def channels_of(manifest: pd.DataFrame) -> int:
    """The channels of a corpus's recordings, by its manifest.

    Behind `path` stands what its metadata.csv adds, perhaps a column of this name: that says nothing.
    """
    before_path = manifest.columns[: manifest.columns.get_loc("path")]
    return int(manifest[CHANNELS].iloc[0]) if CHANNELS in before_path else 1


def _several(table: pd.DataFrame) -> pd.Series:
    """Where a manifest of several channels says no number above 1, or not that of its first row."""
    if CHANNELS not in table.columns[: table.columns.get_loc("path")]:
        return pd.Series(False, index=table.index)
    channels = _number(table[CHANNELS])
    return ~((channels == channels.iloc[0]) & (channels > 1) & _whole(table[CHANNELS]))


def check_manifest(manifest: pd.DataFrame, where: str) -> None:
    """Check a corpus's manifest, one row an utterance, `id` a column or the index.

    Ids are unique; speakers are named and stay in one split; splits are known; every utterance has
    samples and is louder than SILENCE_DB; all have as many channels. A *speaker* is whatever must stay in one
    split: who speaks, and of noise, events, music and rooms the recording, place or track they are cut from.
    Raises SepflowError listing up to ten offenders together.
    """
    table = manifest.reset_index() if manifest.index.name == "id" else manifest
    missing = [column for column in MANIFEST_COLUMNS if column not in table.columns]
    refuse(where, [f"no column {name!r}" for name in missing], "Remove the corpus and build it again.")
    if table.empty:
        raise SepflowError(f"{where}: no utterances. Is the corpus empty, or everything in it too short?")
    faults = {
        "another row has this id": table["id"].duplicated(),
        "no speaker": table["speaker"] == "",
        f"split is none of {', '.join(SPLITS)}": ~table["split"].isin(SPLITS),
        "no samples": ~(_number(table["samples"]) > 0),
        "its scale is no number above 0": ~_number(table["scale"]).between(0, math.inf, inclusive="neither"),
        f"silent (below {SILENCE_DB:.0f} dB)": ~(table["level_db"] > SILENCE_DB),
        "its channels are not those of the first row, or no number above 1": _several(table),
    }
    problems = shared_speakers(table["speaker"], table["split"])
    for fault, rows in faults.items():
        problems += [f"{utterance}: {fault}" for utterance in table.loc[rows, "id"]]
    refuse(where, problems, "Mend or remove these utterances in the corpus, then build it again.")


def check_own(table: pd.DataFrame, ids: Sequence[str], utterances: Iterable[str], where: str) -> None:
    """Check a table of a corpus's own, whose columns `ids` name its `utterances`: no two rows name the same.

    Raises SepflowError listing up to ten offenders together.
    """
    missing = [column for column in ids if column not in table.columns]
    refuse(where, [f"no column {name!r}" for name in missing], "Remove the corpus and build it again.")
    known, problems = set(utterances), []
    for column in ids:
        strange = table.loc[~table[column].isin(known), column]
        problems += [
            f"row {row + 1}: {column} {name!r} is not in the manifest" for row, name in strange.items()
        ]
    twice = table.loc[table.duplicated(list(ids)), list(ids)]
    problems += [
        f"row {row + 1}: {' and '.join(cells)} stand there twice" for row, *cells in twice.itertuples()
    ]
    refuse(
        where, problems, "Mend the corpus's own list, or put all its recordings there; then build it again."
    )


def check_mix(table: pd.DataFrame, where: str, way_out: str = MIX_WAY_OUT) -> None:
    """Check the plan of a mix, one row a mixture: columns, unique ids, whole rows, finite gains.

    Raises SepflowError listing up to ten offenders together.
    """
    sources = [column[len("utterance_") :] for column in table.columns if column.startswith("utterance_")]
    hiss = "noise" in table.columns

    def columns(key: str, noise: list[str]) -> list[str]:
        return [f"{key}_{k}" for k in sources or ["1"]] + noise * hiss

    named, gains = columns("utterance", ["noise"]), columns("gain_db", ["noise_gain_db"])
    places = columns("offset", ["offset_noise", "noise_samples"])
    others = columns("speaker", []) + columns("sex", [])
    wanted = ["id", "samples", *named, *gains, *places, *others]
    missing = [column for column in wanted if column not in table.columns]
    refuse(where, [f"no column {name!r}" for name in missing], way_out)
    faults = {
        "another row has this id": table["id"].duplicated(),
        "no samples": ~(_number(table["samples"]) > 0),
        "a source is not named": (table[named].isna() | (table[named] == "")).any(axis=1),
        "the row is cut": table[["id", *others]].isna().any(axis=1),
        "a gain is not finite": ~np.isfinite(table[gains].apply(_number)).all(axis=1),
        "a length or place is no whole number": ~table[["samples", *places]].apply(_whole).all(axis=1),
    }
    problems = [f"{name}: {fault}" for fault, rows in faults.items() for name in table.loc[rows, "id"]]
    refuse(where, ["no mixtures"] if table.empty else problems, way_out)


def speakers_of(table: pd.DataFrame) -> set[str]:
    """The speakers in the plan of a mix."""
    return set(table.filter(regex=r"^speaker_\d+$").to_numpy().ravel())


def check_disjoint(table: pd.DataFrame, other: pd.DataFrame, where: str) -> None:
    """Check that the plans of two mixes have no speaker in common; SepflowError naming up to ten."""
    both = sorted(speakers_of(table) & speakers_of(other))
    refuse(
        where,
        [f"speaker {speaker!r} is in both mixes" for speaker in both],
        "Give the mixes shares of the speakers that do not overlap (`among`), other lists, or corpora.",
    )


def check_scores(table: pd.DataFrame, where: str) -> None:
    """Check the scores of a run on a mix: columns, and one row a mixture x selection x source x metric.

    Raises SepflowError listing up to ten offenders together.
    """
    key = ["mixture", "selection", "source", "metric"]
    way_out = "Remove this file; the workflow makes it again."
    missing = [column for column in [*key, "pair", "value"] if column not in table.columns]
    refuse(where, [f"no column {name!r}" for name in missing], way_out)
    twice = table[table.duplicated(key)]
    refuse(
        where,
        ["no rows"] if table.empty else [f"{row.mixture}: scored twice" for row in twice.itertuples()],
        way_out,
    )


def read_history(path: Path, run: str) -> pd.DataFrame:
    """The validations of the run of that name, one a row, checked, and held against its run.json.

    Raises SepflowError where there are none, and where they are not the run's.
    """
    history = read_table(path, HISTORY_COLUMNS, HISTORY_WAY_OUT)
    check_history(history, str(path))
    record = read_record(path.with_name(RECORD), {}, HISTORY_WAY_OUT)
    own = {"run": run, "history": digest_of(path)}
    # Runs of older versions say neither.
    problems = [f"run.json is of another {x}" for x in own if record.get(x, own[x]) != own[x]]
    refuse(str(path), problems, HISTORY_WAY_OUT)
    return history


def check_history(table: pd.DataFrame, where: str) -> None:
    """Check the history of a run, one row a validation: columns, steps in order, losses that are numbers."""
    columns = ("step", "validation_loss", "seconds")
    missing = [x for x in columns if x not in table.columns]
    empty = ["no validations"] if table.empty else []
    refuse(where, empty or [f"no column {x!r}" for x in missing], HISTORY_WAY_OUT)
    numbers = table[list(columns)].apply(_number)
    faulty = table[~np.isfinite(numbers["validation_loss"])]
    problems = [f"step {step}: the loss is not a number" for step in faulty["step"]]
    if not (_whole(table["step"]).all() and (numbers["step"].diff().dropna() > 0).all()):
        problems.append("its steps are no whole numbers that rise")
    if not np.isfinite(numbers["seconds"]).all():
        problems.append("its seconds are no numbers")
    refuse(where, problems, HISTORY_WAY_OUT)


def check_size(path: Path, expected: int) -> None:
    """Raise SepflowError where the file at `path` has not `expected` bytes."""
    actual = path.stat().st_size if path.exists() else 0
    if actual != expected:
        raise SepflowError(
            f"{path}: {actual} bytes, not {expected}: cut short? Remove it; the workflow makes it again."
        )
