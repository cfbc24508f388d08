"""A paper's table, its rows resolved: the metrics, published numbers, runs and score files of each."""

from collections.abc import Callable
from typing import Any

from sepflow.errors import SepflowError
from sepflow.files.config import unknown_name
from sepflow.identity import digest, flatten
from sepflow.metrics.declared import group_of, groups, metrics_of
from sepflow.metrics.names import of_task
from sepflow.planning.layout import compared

# From what a row calls its run, and where it does so: what its runs are called, by name, and their spec.
Seeded = Callable[[str, str], tuple[dict[str, str], dict[str, Any]]]


def pick(
    tables: dict[str, Any], wanted: dict[str, list[str] | None] | None, where: str
) -> dict[str, dict[str, Any]]:
    """The `wanted` tables (None: all) with their wanted rows (None: all), and the comparisons between these.

    Where no row is left of a table's own test mix, it is that of the first row.

    Raises SepflowError naming a row that is not there.
    """
    picked = {}
    for label, rows in (dict.fromkeys(tables) if wanted is None else wanted).items():
        table = tables[label]
        for row in set(rows or ()) - set(table["rows"]):
            raise SepflowError(f"{where}.{label}: {unknown_name('row', row, list(table['rows']))}")
        kept = {key: row for key, row in table["rows"].items() if rows is None or key in rows}
        dropped = set(table["rows"]) - set(kept)
        comparisons = [x for x in table.get("comparisons", []) if not {x["better"], x["than"]} & dropped]
        tests = [row.get("test", table["test"]) for row in kept.values() if "run" in row]
        test = table["test"] if table["test"] in tests else next(iter(tests), table["test"])
        picked[label] = {**table, "rows": kept, "comparisons": comparisons, "test": test}
    return picked


def resolve(
    table: dict[str, Any], tests: dict[str, dict[str, Any]], seeded: Seeded, where: str
) -> dict[str, Any]:
    """A table with its rows, and whether it has `pictures`: if its metrics have, of two speakers or more.

    `tests` are the recipes of its test mixes, by what the paper's file calls them. Raises SepflowError naming
    the key of what is wrong.
    """
    _check_metrics(table["metrics"], where)
    rows = [_row(key, table, tests, seeded, f"{where}.rows.{key}") for key in table["rows"]]
    resolved = {**table, "rows": rows, "mix": digest(tests[table["test"]])}
    scored = {row["id"]: row for row in compared(resolved)}
    _check_comparisons(table, scored, seeded, where)
    pictured = all(groups()[group_of(metric)].pictures for row in rows for metric in row["metrics"])
    return {**resolved, "pictures": pictured and bool(scored) and tests[table["test"]]["speakers"] > 1}


def _row(
    key: str, table: dict[str, Any], tests: dict[str, dict[str, Any]], seeded: Seeded, where: str
) -> dict[str, Any]:
    row = table["rows"][key]
    test = tests[row.get("test", table["test"])]
    if len(row["cells"]) != len(table["columns"]):
        raise SepflowError(f"{where}: {len(row['cells'])} cells for {len(table['columns'])} columns")
    reported = row.get("reported", False)
    if reported == ("run" in row):
        raise SepflowError(f"{where}: one of the two is needed: run, or reported: true")
    own = {
        "id": key,
        "mix": digest(test),
        "metrics": row.get("metrics", table["metrics"]),
        "reported": reported,
    }
    own |= {"selection": row.get("selection", "none"), "runs": {}}
    _check_metrics(own["metrics"], where)
    own["published"] = _published(row, own["metrics"], where)
    if not reported:
        own["runs"], spec = seeded(row["run"], where)
        _check_scores(own, spec, test, where)
    scores = [f"results/runs/{run}/scores/{digest(test)}.csv" for run in own["runs"]]
    return {**row, **own, "scores": scores}


def _check_metrics(metrics: list[str], where: str) -> None:
    known = metrics_of(groups())
    for metric in metrics:
        if metric not in known:
            raise SepflowError(f"{where}.metrics: {unknown_name('metric', metric, list(known))}")


def _published(row: dict[str, Any], metrics: list[str], where: str) -> dict[str, float]:
    """The published numbers of a row, by metric; none, where a row with a run says none."""
    said = row.get("published", [])
    numbers = said if isinstance(said, list) else [said]
    if len(numbers) != len(metrics) and (numbers or "run" not in row):
        raise SepflowError(f"{where}: published: {len(numbers)} given for {', '.join(metrics)}")
    return dict(zip(metrics, numbers, strict=False))


def _check_scores(row: dict[str, Any], spec: dict[str, Any], test: dict[str, Any], where: str) -> None:
    """The runs of a row have as many outputs as its selection wants, and are scored in its metrics."""
    if (spec["model"]["sources"] != test["speakers"]) == (row["selection"] == "none"):
        raise SepflowError(f"{where}: selection: {row['selection']} does not fit the run's outputs")
    there = metrics_of(of_task(spec["task"]))
    if others := [metric for metric in row["metrics"] if metric not in there]:
        raise SepflowError(
            f"{where}: metrics: {', '.join(others)}: a run of the task {spec['task']} has {', '.join(there)}"
        )


def _check_comparisons(
    table: dict[str, Any], scored: dict[str, dict[str, Any]], seeded: Seeded, where: str
) -> None:
    """Both rows of a comparison are there, have scores of one test mix, and runs as `alike` as it says."""
    for i, comparison in enumerate(table.get("comparisons", [])):
        for side in ("better", "than"):
            row, key = comparison[side], f"{where}.comparisons.{i}.{side}"
            if row not in table["rows"]:
                raise SepflowError(f"{key}: {unknown_name('row', row, list(table['rows']))}")
            if row not in scored:
                why = "it is reported" if "run" not in table["rows"][row] else "it has metrics of its own"
                raise SepflowError(
                    f"{key}: row {row!r} has no scores of {table['metrics'][0]}, in which rows compare: {why}"
                )
        _check_alike(comparison, scored, table["rows"], seeded, f"{where}.comparisons.{i}")


def _check_alike(
    comparison: dict[str, Any],
    scored: dict[str, dict[str, Any]],
    rows: dict[str, dict[str, Any]],
    seeded: Seeded,
    where: str,
) -> None:
    """The runs compared were tested on one mix, and agree in the keys of a spec that the comparison names."""
    sides = [comparison[side] for side in ("better", "than")]
    if len({scored[row]["mix"] for row in sides}) > 1:
        raise SepflowError(f"{where}: rows {' and '.join(sides)} are of different test mixes")
    specs = [flatten(seeded(rows[row]["run"], where)[1]) for row in sides]
    for key in comparison.get("alike", []):
        if not any(key in spec for spec in specs):
            raise SepflowError(f"{where}: alike: {unknown_name('key of a spec', key, list(specs[0]))}")
        values = [spec.get(key, "not said") for spec in specs]
        if values[0] != values[1]:
            raise SepflowError(
                f"{where}: alike: {key} is {values[0]} of {sides[0]} and {values[1]} of {sides[1]}"
            )
