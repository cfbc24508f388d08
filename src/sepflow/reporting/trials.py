"""Scored trials on disk: how well they tell, and the curve of both kinds of errors."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from sepflow.errors import SepflowError
from sepflow.files import replacing
from sepflow.files.contracts import refuse
from sepflow.files.reading import read_table
from sepflow.metrics.declared import aggregate_of
from sepflow.reporting.figures.style import page, write
from sepflow.reporting.statistics import interval, value_of

WAY_OUT = "A trial has a score, and same: 1 or 0; perhaps speaker_1 and speaker_2."
SPEAKERS = ["speaker_1", "speaker_2"]
SCALES = {"eer": 100.0, "min_dcf": 1.0}
TICKS = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8)  # shares of errors


def read_trials(path: Path) -> pd.DataFrame:
    """The table of trials in `path`.

    Raises SepflowError, naming the line, where a trial is none, and where all are of one sort.
    """
    trials = read_table(path, ("score", "same"), WAY_OUT, dtype=dict.fromkeys(SPEAKERS, str))
    if missing := [column for column in ("score", "same") if column not in trials]:
        raise SepflowError(f"{path}: no column {missing[0]}. {WAY_OUT}")
    faults = {
        "score: no finite number": ~np.isfinite(trials["score"]),
        "same: neither 1 nor 0": ~trials["same"].isin([0, 1]),
    }
    if len(there := [column for column in SPEAKERS if column in trials]) == 1:
        raise SepflowError(f"{path}: {there[0]} alone. {WAY_OUT}")
    if there:
        alike = trials["speaker_1"] == trials["speaker_2"]
        faults |= {"no speaker": trials[SPEAKERS].isna().any(axis=1)}
        faults |= {"same is not what the speakers say": alike != (trials["same"] == 1)}
    problems = [f"line {k + 2}: {fault}" for fault, rows in faults.items() for k in np.flatnonzero(rows)]
    refuse(str(path), problems, WAY_OUT)
    if trials["same"].nunique() < 2:
        raise SepflowError(f"{path}: trials of one sort alone, and an error rate is of both. {WAY_OUT}")
    return trials


def summary(trials: pd.DataFrame) -> dict[str, Any]:
    """The number of trials, and each measure with its interval; None for one that is undefined."""
    values = trials[["score", "same"]].to_numpy(np.float64)[None]
    speakers = trials[SPEAKERS].to_numpy() if SPEAKERS[0] in trials else None
    found: dict[str, Any] = {"trials": len(trials), "same": int(trials["same"].sum())}
    for metric, scale in SCALES.items():
        aggregate = aggregate_of(metric)
        ends = interval(values, metric, aggregate, speakers=speakers)
        found[metric] = scale * value_of(values, aggregate)
        found[f"{metric}_interval"] = [None if np.isnan(x) else scale * x for x in ends]
    return found | {"interval_over": "trials" if speakers is None else "speakers"}


def write_det(trials: pd.DataFrame, path: Path) -> None:
    """Draw misses over false alarms, on normal deviates, to `path` (.svg or .png)."""
    if path.suffix not in (".svg", ".png"):
        raise SepflowError(f"--det: {path}: neither .svg nor .png")
    order = np.argsort(-trials["score"].to_numpy(), kind="stable")
    score, same = trials["score"].to_numpy()[order], trials["same"].to_numpy()[order]
    last = np.append(np.diff(score) != 0, True)
    misses = 1 - np.cumsum(same)[last] / same.sum()
    alarms = np.cumsum(1 - same)[last] / (1 - same).sum()
    figure = page(5.0)
    axes = figure.subplots()
    edge = TICKS[0] / 2
    axes.plot(*(norm.ppf(np.clip(x, edge, 1 - edge)) for x in (alarms, misses)), color="black")
    places = norm.ppf(TICKS)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(places, [f"{100 * x:g}" for x in TICKS])
    axes.set(xlabel="false alarms (%)", ylabel="misses (%)", aspect="equal")
    axes.plot([places[0], places[-1]], [places[0], places[-1]], color="0.7", linewidth=0.8)
    axes.grid(color="0.9")
    with replacing(path) as temporary:
        write(figure, temporary)
