"""Scores on a test mix, read back, and held against what they are to be of."""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sepflow.errors import SepflowError
from sepflow.files.contracts import check_scores, refuse
from sepflow.files.reading import read_record, read_table
from sepflow.metrics.declared import group_of, metric_of
from sepflow.metrics.metric import CLASS, MIXTURE, VALUE, Metric
from sepflow.planning.layout import Column, column, files_of, mix_of, stamp_of, used_of
from sepflow.results import Results

AGAIN = "Remove this file; the workflow makes it again."
_NUMBER = (int, float)
_STAMP = dict.fromkeys(("mix", "scores", "commit", "dirty"), str) | {"mixtures": int, "scorers": dict}
_OF_RUN, _OF_SYSTEM = (dict.fromkeys(keys, str) for keys in (("run", "model"), ("system", "group")))
_OF_USED = dict.fromkeys(("used", "used_model"), str)
_RUN = dict.fromkeys(("seconds", "parameters", "steps", "selected_step"), _NUMBER)
_RUN |= dict.fromkeys(("device", "commit", "dirty"), str)


def checked(table: dict[str, Any], plans: dict[str, pd.DataFrame]) -> dict[str, dict[str, Any]]:
    """The stamps of the scores of all rows of `table`, by file; `plans` are its test mixes, by name.

    Raises SepflowError where a file is damaged, of another run, system or mix, or does not score every source
    (or class) of every mixture by what the row wants.
    """
    stamps: dict[str, dict[str, Any]] = {}
    for row in table["rows"]:
        for key in row["metrics"]:
            metric, plan = column(table, key).metric, plans[mix_of(row, key)]
            for file, whose in _files(row, key, metric):
                wanted = {**whose, "mix": mix_of(row, key), "mixtures": len(plan)}
                stamps[file] = stamps.get(file) or read_stamp(file, wanted)
                _check_complete(file, row["selection"], metric, plan)
    return stamps


def _files(row: dict[str, Any], key: str, metric: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The files of scores of a row's column, each with whose scores they are to be."""
    used = {"used": run} if (run := used_of(row, key)) else {}
    of = [{"run": run, **used} for run in row["runs"]]
    if "system" in row:
        of = [{"system": row["system"], "group": group_of(metric), **used}]
    if files := files_of(row, key):
        yield from zip(files, of, strict=True)


def read_runs(
    table: dict[str, Any], stamps: dict[str, dict[str, Any]], results: Path
) -> dict[str, dict[str, Any]]:
    """What each run of `table` says of its training (run.json), by run: of the model that was scored."""
    records = {}
    for run in dict.fromkeys(run for row in table["rows"] for run in row["runs"]):
        path = Results(results).run(run).record
        records[run] = record = read_record(path, _RUN, "Train the run again, or adopt it again.")
        for stamp in (x for x in stamps.values() if x.get("run") == run):
            for key in ("run", "model"):  # said by runs since they are stamped
                if record.get(key, stamp[key]) != stamp[key]:
                    raise SepflowError(
                        f"{path}: of the {key} {record[key]!s:.12}, not {stamp[key]:.12}, which was scored. "
                        "Was it copied from elsewhere? Train the run again, or adopt it again."
                    )
    return records


def check_models(stamps: Iterable[dict[str, Any]], results: Path) -> None:
    """Raise SepflowError where a run has another model than the scores with these stamps are of."""
    keys = (("run", "model"), ("used", "used_model"))
    models = {stamp[run]: stamp[model] for stamp in stamps for run, model in keys if run in stamp}
    for run, digest in models.items():
        path = Results(results).run(run).model
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise SepflowError(
                f"{path}: not the model that was scored. Was it replaced? Score it: touch {path}"
            )


def values_by_seed(row: dict[str, Any], column: Column) -> pd.DataFrame:
    """What each mixture of a row has in a column of the table, by mixture: its mean over the sources.

    One column a seed; of a metric that is made of counted columns (seed, column), by class (seed, class,
    column). Raises SepflowError where the seeds are not of the same classes.
    """
    frames = [_mixtures(file, row["selection"], column.metric) for file in files_of(row, column.key)]
    for frame, file in zip(frames, files_of(row, column.key), strict=True):
        if isinstance(frame, pd.DataFrame) and not frame.columns.equals(frames[0].columns):
            raise SepflowError(f"{file}: of other classes than {files_of(row, column.key)[0]}. {AGAIN}")
    return pd.concat(frames, axis=1, keys=range(len(frames)))


def stacked(values: pd.DataFrame) -> np.ndarray:
    """`values_by_seed` as an array [seeds, mixtures], or with axes for (classes and) counted columns."""
    levels = range(values.columns.nlevels)
    shape = [values.columns.get_level_values(level).nunique() for level in levels]
    return np.moveaxis(values.to_numpy().reshape(len(values), *shape), 1, 0)


def pairs(row: dict[str, Any], column: Column) -> pd.Series:
    """ "same" or "different" for each mixture; empty where it is not known, or of what is by class."""
    scores = _read(files_of(row, column.key)[0])
    scores = scores[scores["metric"].isin(column.declared.counted(column.metric))]
    found = scores.groupby("mixture")["pair"].first()
    return found.where(found.notna() & (column.declared.by != CLASS), "")


def _mixtures(file: str, selection: str, name: str) -> pd.Series | pd.DataFrame:
    """What each mixture has in a metric: one column, or (class,) counted columns."""
    metric, scores = metric_of(name), _read(file)
    parts = {
        column: _utterances(_column(scores, file, selection, key), metric)
        for column, key in zip(metric.of, metric.counted(name), strict=True)
    }
    if metric.of == VALUE and metric.by != CLASS:
        return parts["value"]
    joined = pd.concat(parts, axis=1)
    if metric.by != CLASS:
        return joined
    classes = joined.columns.get_level_values(1).unique()
    return joined.swaplevel(axis=1)[[(one, column) for one in classes for column in metric.of]]


def _column(scores: pd.DataFrame, file: str, selection: str, key: str) -> pd.DataFrame:
    """The rows of a counted column."""
    chosen = scores[(scores["selection"] == selection) & (scores["metric"] == key)]
    if chosen.empty:
        raise SepflowError(f"{file}: no {key} of selection {selection!r}; make it again")
    return chosen


def _utterances(rows: pd.DataFrame, metric: Metric) -> pd.Series | pd.DataFrame:
    """The values of a counted column by mixture, and by class where it is counted so."""
    if metric.by == CLASS:
        return rows.pivot(index="mixture", columns="source", values="value")
    # A mixture with an undefined source is undefined: counted by n, never taken for 0.
    return rows.groupby("mixture")["value"].agg(lambda v: v.mean(skipna=False))


def _read(file: str) -> pd.DataFrame:
    names = dict.fromkeys(("mixture", "pair", "source"), str)
    options = {"dtype": names, "keep_default_na": False, "na_values": {"value": [""]}}
    scores = read_table(file, ("value",), AGAIN, **options)
    check_scores(scores, file)
    return scores


def read_stamp(file: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """The stamp of the scores in `file`, which are to be of what is `wanted`, and as they were written."""
    path = stamp_of(file)
    keys = (_OF_SYSTEM if "system" in wanted else _OF_RUN) | (_OF_USED if "used" in wanted else {})
    stamp = read_record(path, _STAMP | keys, AGAIN)
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


def _check_complete(file: str, selection: str, name: str, plan: pd.DataFrame) -> None:
    """Every source (or class) of every mixture of `plan`, and no other, has the metric; else SepflowError."""
    metric, scores = metric_of(name), _read(file)
    parts = {key: _column(scores, file, selection, key) for key in metric.counted(name)}
    sources = _sources(metric, next(iter(parts.values())), plan)
    wanted = set(product(plan["id"], sources))
    kind = "class" if metric.by == CLASS else "source"
    for key, part in parts.items():
        there = set(zip(part["mixture"], part["source"], strict=True))
        problems = [f"{mixture}: no {key} of {kind} {k}" for mixture, k in sorted(wanted - there)]
        problems += [f"{mixture}: {kind} {k} is not in the mix" for mixture, k in sorted(there - wanted)]
        refuse(file, problems, AGAIN)


def _sources(metric: Metric, rows: pd.DataFrame, plan: pd.DataFrame) -> list[str]:
    """What each mixture is counted by: its sources, itself, or the classes that any mixture has."""
    if metric.by == CLASS:
        return sorted(set(rows["source"]))
    count = sum(column.startswith("utterance_") for column in plan.columns)
    return ["1"] if metric.by == MIXTURE else [str(k) for k in range(1, count + 1)]
