"""The scores of a run on a test mix, read back, and held against what they are to be of."""

import hashlib
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from sepflow.errors import SepflowError
from sepflow.files.contracts import check_scores, refuse
from sepflow.files.reading import read_record, read_table
from sepflow.planning.layout import stamp_of

AGAIN = "Remove this file; the workflow makes it again."
_NUMBER = (int, float)
_STAMP = dict.fromkeys(("run", "mix", "model", "scores", "commit", "dirty"), str)
_STAMP |= {"mixtures": int, "scorers": dict}
_RUN = dict.fromkeys(("seconds", "parameters", "steps", "selected_step"), _NUMBER)
_RUN |= dict.fromkeys(("device", "commit", "dirty"), str)


def checked(table: dict[str, Any], plans: dict[str, pd.DataFrame]) -> dict[str, dict[str, Any]]:
    """The stamps of the scores of all rows of `table`, by file; `plans` are its test mixes, by name.

    Raises SepflowError where a file is damaged, of another run or mix, or does not score every source of
    every mixture by what the row wants.
    """
    stamps = {}
    for row in table["rows"]:
        for run, file in zip(row["runs"], row["scores"], strict=True):
            plan = plans[row["mix"]]
            stamps[file] = read_stamp(file, {"run": run, "mix": row["mix"], "mixtures": len(plan)})
            _check_complete(file, row, plan)
    return stamps


def read_runs(
    table: dict[str, Any], stamps: dict[str, dict[str, Any]], results: Path
) -> dict[str, dict[str, Any]]:
    """What each run of `table` says of its training (run.json), by run: of the model that was scored."""
    found = {}
    for stamp in (stamps[file] for row in table["rows"] for file in row["scores"]):
        path = results / "runs" / stamp["run"] / "run.json"
        record = read_record(path, _RUN, "Train the run again, or adopt it again.")
        for key in ("run", "model"):  # said by runs since they are stamped
            if record.get(key, stamp[key]) != stamp[key]:
                raise SepflowError(
                    f"{path}: of the {key} {record[key]!s:.12}, not {stamp[key]:.12}, which was scored. "
                    "Was it copied from elsewhere? Train the run again, or adopt it again."
                )
        found[stamp["run"]] = record
    return found


def check_models(stamps: Iterable[dict[str, Any]], results: Path) -> None:
    """Raise SepflowError where the model of a run is not that which the scores with these stamps are of."""
    for run, digest in {stamp["run"]: stamp["model"] for stamp in stamps}.items():
        path = results / "runs" / run / "model.safetensors"
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise SepflowError(
                f"{path}: not the model that was scored. Was it replaced? Score it: touch {path}"
            )


def values_by_seed(row: dict[str, Any], metric: str) -> pd.DataFrame:
    """The value of each mixture of a row (the mean over its sources), by mixture; one column a seed."""
    columns = [_utterances(file, row["selection"], metric) for file in row["scores"]]
    return pd.concat(columns, axis=1, keys=range(len(columns)))


def pairs(file: str) -> pd.Series:
    """ "same" or "different" for each mixture; empty where it is not known, or there is one speaker."""
    scores = _read(file)
    found = scores.groupby("mixture")["pair"].first()
    return found.where(scores.groupby("mixture")["source"].max() > 1, "")


def _utterances(file: str, selection: str, metric: str) -> pd.Series:
    scores = _read(file)
    wanted = scores[(scores["selection"] == selection) & (scores["metric"] == metric)]
    if wanted.empty:
        raise SepflowError(f"{file}: no {metric} of selection {selection!r}; make it again")
    # A mixture with an undefined source is undefined: counted by n, never taken for 0.
    return wanted.groupby("mixture")["value"].agg(lambda v: v.mean(skipna=False))


def _read(file: str) -> pd.DataFrame:
    options = {"dtype": {"mixture": str, "pair": str}, "keep_default_na": False, "na_values": {"value": [""]}}
    scores = read_table(file, ("source", "value"), AGAIN, **options)
    check_scores(scores, file)
    return scores


def read_stamp(file: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """The stamp of the scores in `file`, which are to be of what is `wanted`, and as they were written."""
    path = stamp_of(file)
    stamp = read_record(path, _STAMP, AGAIN)
    for key, value in wanted.items():
        if stamp[key] != value:
            raise SepflowError(
                f"{path}: of the {key} {stamp[key]}, not {value}. Remove it and {Path(file).name}; "
                "the workflow makes them again."
            )
    _read(file)  # a damage that can be named is
    if hashlib.sha256(Path(file).read_bytes()).hexdigest() != stamp["scores"]:
        raise SepflowError(f"{file}: not the scores that {Path(path).name} beside it is of. {AGAIN}")
    return stamp


def _check_complete(file: str, row: dict[str, Any], plan: pd.DataFrame) -> None:
    """Every source of every mixture of `plan`, and no other, has what the row wants; else SepflowError."""
    scores = _read(file)
    sources = range(1, 1 + sum(column.startswith("utterance_") for column in plan.columns))
    wanted = set(product(plan["id"], sources))
    for metric in row["metrics"]:
        of = scores[(scores["selection"] == row["selection"]) & (scores["metric"] == metric)]
        if of.empty:
            raise SepflowError(f"{file}: no {metric} of selection {row['selection']!r}; make it again")
        there = set(zip(of["mixture"], of["source"], strict=True))
        problems = [f"{mixture}: no {metric} of source {k}" for mixture, k in sorted(wanted - there)]
        problems += [f"{mixture}: source {k} is not in the mix" for mixture, k in sorted(there - wanted)]
        refuse(file, problems, AGAIN)
