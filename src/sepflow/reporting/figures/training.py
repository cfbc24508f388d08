"""Trainings epoch by epoch: validation SI-SNR and label switches, the paper's points beside ours."""

from pathlib import Path
from typing import Any

import pandas as pd

from sepflow.files import replacing
from sepflow.files.contracts import read_history, refuse
from sepflow.files.quoting import spreadsheet
from sepflow.reporting.figures.epochs import REACHES, SI_SNR, SWITCHES, draw
from sepflow.reporting.figures.style import headline
from sepflow.results import HISTORY, Results

COLUMNS = ("panel", "strategy", "source", "seed", "quantity", "epoch", "value", "low", "high")

NOTE = (
    'A curve for each seed. The final result of "{baseline}" is its best validation; another strategy '
    "reaches it with its first validation as good, seed by seed (in % of that baseline's epochs)."
)


def write_training(figure: dict[str, Any], context: dict[str, Any], results: Path, out: Path) -> None:
    """Write the points of `figure` (resolved by the plan) to `out`.csv, and their picture to .svg and .png.

    `context` says the `scale`, and whether it is `untrained`. Raises SepflowError where a run's history has
    no validations or no label switches.
    """
    table = points(figure, _histories(figure, results))
    baseline = " / ".join(dict.fromkeys(panel["baseline"] for panel in figure["panels"]))
    published = f"Grey: published in “{figure['title']}”."
    lines = [headline(figure["caption"], context), NOTE.format(baseline=baseline), published]
    draw(figure, table, lines, out)
    with replacing(Path(f"{out}.csv")) as temporary:
        spreadsheet(table).to_csv(temporary, index=False)


def points(figure: dict[str, Any], histories: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """All points of `figure`, one a row (COLUMNS), from the `histories` of its runs, by name.

    Ours: `validation_si_snr` (dB) and `label_switches` (%: those of the last whole pass over the training
    mixtures; no row before there are two passes) at each validation of each run. And, of each run whose
    strategy is not the panel's baseline, `reaches_baseline`: `epoch` is that of the first validation whose
    SI-SNR is at least the final result of the baseline of the same seed, `value` its share (%) of the epochs
    that this baseline trained; both are empty where that is never reached. The final result of a run is its
    best validation: that of the weights which it keeps. Published: the points of the panel, as they are.
    """
    rows = []
    for panel in figure["panels"]:
        curves = {run["run"]: _curves(run, histories[run["run"]]) for run in panel["runs"]}
        baselines = {
            run["seed"]: curves[run["run"]] for run in panel["runs"] if run["strategy"] == panel["baseline"]
        }
        for run in panel["runs"]:
            measured = _measured(curves[run["run"]])
            if run["strategy"] != panel["baseline"]:
                measured.append(_reached(curves[run["run"]], baselines[run["seed"]]))
            names = {"panel": panel["id"], "strategy": run["strategy"], "source": "ours", "seed": run["seed"]}
            rows += [names | row for row in measured]
        rows += [{"panel": panel["id"], "source": "published"} | row for row in panel["published"]]
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"seed": "Int64"})
    for column in ("epoch", "value", "low", "high"):
        table[column] = table[column].astype(float).round(3) + 0.0  # -0.0001 is 0.0, not -0.0
    return table


def _histories(figure: dict[str, Any], results: Path) -> dict[str, pd.DataFrame]:
    """The history of each run of `figure`, by its name; SepflowError where label switches are missing."""
    names = dict.fromkeys(run["run"] for panel in figure["panels"] for run in panel["runs"])
    histories = {name: read_history(Results(results).run(name).history, name) for name in names}
    without = [name for name in names if SWITCHES not in histories[name]]
    refuse(
        str(results / "runs"),
        [f"{name}/{HISTORY}: no column {SWITCHES!r}" for name in without],
        "Label switches are counted where a mixture is cropped alike in every pass: "
        "give these runs `data: {crop: fixed}`, or leave them out of the figure.",
    )
    return histories


def _curves(run: dict[str, Any], history: pd.DataFrame) -> pd.DataFrame:
    """The validations of a run, one a row: `epoch`, SI-SNR in dB, label switches in %."""
    # The objective's loss is minus the SI-SNR.
    columns = {SI_SNR: -history["validation_loss"], SWITCHES: 100 * history[SWITCHES]}
    return pd.DataFrame({"epoch": history["step"] / run["epoch"]} | columns)


def _measured(curves: pd.DataFrame) -> list[dict[str, Any]]:
    """Both curves of a run, one row a point."""
    return [
        {"quantity": quantity, "epoch": epoch, "value": value}
        for quantity in (SI_SNR, SWITCHES)
        for epoch, value in curves[["epoch", quantity]].dropna().itertuples(index=False)
    ]


def _reached(curves: pd.DataFrame, baseline: pd.DataFrame) -> dict[str, Any]:
    """Where a run first does as well as its `baseline` at the end."""
    there = curves.loc[curves[SI_SNR] >= baseline[SI_SNR].max(), "epoch"]
    if there.empty:
        return {"quantity": REACHES}
    return {
        "quantity": REACHES,
        "epoch": there.iloc[0],
        "value": 100 * there.iloc[0] / baseline["epoch"].iloc[-1],
    }
