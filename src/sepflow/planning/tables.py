"""A paper's table, its rows resolved: the columns, published numbers, runs and score files of each."""

from pathlib import Path
from typing import Any

from sepflow.errors import SepflowError
from sepflow.files.config import unknown_name
from sepflow.identity import digest, parts_of
from sepflow.metrics.declared import group_of, groups, metric_of, metrics_of, scoring_groups
from sepflow.metrics.metric import RUN
from sepflow.mixes.recipes import rate_of
from sepflow.planning.columns import columns, heads
from sepflow.planning.comparisons import Seeded, check_comparisons
from sepflow.planning.layout import SYSTEMS, column, compared, is_fact
from sepflow.results import Results
from sepflow.tasks import declared

RESULTS = Results()


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
        tests = [row.get("test", table["test"]) for row in kept.values() if "reported" not in row]
        test = table["test"] if table["test"] in tests else next(iter(tests), table["test"])
        picked[label] = {**table, "rows": kept, "comparisons": comparisons, "test": test}
    return picked


def resolve(
    table: dict[str, Any], tests: dict[str, dict[str, Any]], seeded: Seeded, where: str
) -> dict[str, Any]:
    """A table with its rows, and whether it has `pictures`: if its metrics have, of two speakers or more.

    `tests` are the recipes of its test mixes, by what the paper's file calls them. Its columns of numbers are
    named by keys; `heads` has those that are more than a metric. Raises SepflowError naming the key of what
    is wrong.
    """
    own, said, rows = columns(table["metrics"], f"{where}.metrics"), {}, []
    for key, row in table["rows"].items():
        place = f"{where}.rows.{key}"
        said[key] = columns(row["metrics"], f"{place}.metrics") if "metrics" in row else own
        rows.append(_row({**row, "id": key}, table, said[key], tests, seeded, place))
    resolved = {**table, "metrics": list(own), "rows": rows, "mix": digest(tests[table["test"]])}
    if more := heads([*said.values(), own]):
        resolved["heads"] = more
    check_comparisons(resolved, seeded, where)
    return {**resolved, "pictures": _pictured(resolved, tests[table["test"]])}


def _pictured(table: dict[str, Any], test: dict[str, Any]) -> bool:
    """Whether there are scores, all in metrics that have pictures, the first on the table's own mix."""
    keys = {key for row in table["rows"] for key in row["metrics"] if not is_fact(table, key)}
    pictured = all(groups()[group_of(column(table, key).metric)].pictures for key in keys)
    plain = table["metrics"][0] not in table.get("heads", {})
    return pictured and plain and bool(compared(table)) and test["speakers"] > 1


def _row(
    row: dict[str, Any],
    table: dict[str, Any],
    said: dict[str, dict[str, str]],
    tests: dict[str, dict[str, Any]],
    seeded: Seeded,
    where: str,
) -> dict[str, Any]:
    """A row in the columns that are `said`, by their keys."""
    if len(row["cells"]) != len(table["columns"]):
        raise SepflowError(f"{where}: {len(row['cells'])} cells for {len(table['columns'])} columns")
    reported = row.get("reported", False)
    if reported + ("run" in row) + ("system" in row) != 1:
        raise SepflowError(f"{where}: one of these is needed: run, system, or reported: true")
    test = row.get("test", table["test"])
    own = {"mix": digest(tests[test]), "metrics": list(said), "reported": reported}
    own |= {"selection": row.get("selection", "none"), "runs": {}}
    own["published"] = _published(row, own["metrics"], where)
    heard = {key: tests[one.get("test", test)] for key, one in said.items()}
    metrics = {key: one["metric"] for key, one in said.items()}
    mixes = {key: digest(mix) for key, mix in heard.items()}
    if used := _used(said, heard, seeded, where):
        own["used"] = used
    files: dict[str, list[Path]] = dict.fromkeys(said, [])
    if "run" in row:
        own["runs"], spec = seeded(row["run"], where)
        _check_scores(own, metrics, spec, heard, where)
        files = {
            key: [RESULTS.run(run).scores(mixes[key], used.get(key, "")) for run in own["runs"]]
            for key in said
        }
    elif "system" in row:
        _check_system(row, metrics, where)
        files = {
            key: [RESULTS.system(row["system"], group_of(metric), mixes[key], used.get(key, ""))]
            for key, metric in metrics.items()
        }
    files |= {key: [] for key, metric in metrics.items() if metric_of(metric).by == RUN}
    return {**row, **own, **_placed(own["mix"], mixes, {key: [*map(str, x)] for key, x in files.items()})}


def _used(
    said: dict[str, dict[str, str]], heard: dict[str, dict[str, Any]], seeded: Seeded, where: str
) -> dict[str, str]:
    """The runs (those of the first seed) that compute the metrics of columns, by the keys of these."""
    used = {}
    for key, one in said.items():
        if "with" not in one:
            continue
        runs, spec = seeded(one["with"], f"{where}.metrics")
        place = f"{where}: {one['metric']}: with: {one['with']}"
        (tasks,) = groups()[group_of(one["metric"])].uses.values()
        if spec["task"] not in tasks:
            raise SepflowError(
                f"{place}: a run of the task {spec['task']}, where one of {', '.join(tasks)} is used"
            )
        _check_rates(spec, heard[key], place)
        used[key] = next(iter(runs))
    return used


def _placed(mix: str, mixes: dict[str, str], files: dict[str, list[str]]) -> dict[str, Any]:
    """Where the `scores` of a row lie: those on its own `mix`, and by key those that lie `elsewhere`."""
    own = next((files[key] for key in files if mixes[key] == mix and files[key]), [])
    elsewhere = {
        key: {"mix": mixes[key], "scores": files[key]}
        for key in files
        if (mixes[key], files[key]) != (mix, own)
    }
    return {"scores": own, **({"elsewhere": elsewhere} if elsewhere else {})}


def _published(row: dict[str, Any], keys: list[str], where: str) -> dict[str, float]:
    """The published numbers of a row, by column; none, where a row with a run says none, or null."""
    said = row.get("published", [])
    numbers = said if isinstance(said, list) else [said] * (len(keys) if said is None else 1)
    if len(numbers) != len(keys) and (numbers or row.get("reported", False)):
        raise SepflowError(f"{where}: published: {len(numbers)} given for {', '.join(keys)}")
    given = {key: x for key, x in zip(keys, numbers, strict=False) if x is not None}
    if row.get("reported", False) and not given:
        raise SepflowError(f"{where}: published: a row that is reported has a number at least")
    return given


def _check_scores(
    row: dict[str, Any],
    metrics: dict[str, str],
    spec: dict[str, Any],
    heard: dict[str, dict[str, Any]],
    where: str,
) -> None:
    """The runs of a row have as many outputs as its selection wants, and are scored in its metrics."""
    there = metrics_of(declared(spec["task"]).metrics)
    known = {*there, *(metric for metric in metrics.values() if metric_of(metric).by == RUN)}
    if others := [metric for metric in metrics.values() if metric not in known]:
        raise SepflowError(
            f"{where}: metrics: {', '.join(others)}: a run of the task {spec['task']} has {', '.join(there)}"
        )
    signals = {group_of(metric) for metric in metrics.values()} & {*scoring_groups()}
    for test in heard.values():
        outputs, speakers = spec.get("model", {}).get("sources", test["speakers"]), test["speakers"]
        if signals and (outputs != speakers) == (row["selection"] == "none"):
            raise SepflowError(
                f"{where}: selection: {row['selection']} does not fit: the run has {outputs} outputs "
                f"(model.sources), and the test mix {speakers} speakers"
            )
        _check_rates(spec, test, where)


def _check_rates(spec: dict[str, Any], test: dict[str, Any], where: str) -> None:
    """A run hears a test mix at the rate that it was trained at."""
    if others := {rate_of(spec[part]["mix"]) for part in parts_of(spec)} - {rate_of(test)}:
        raise SepflowError(f"{where}: the run hears {min(others)} Hz, and is tested at {rate_of(test)} Hz")


def _check_system(row: dict[str, Any], metrics: dict[str, str], where: str) -> None:
    """A row without a run is one of those that there are, and its metrics are of signals alone."""
    if row["system"] not in SYSTEMS:
        raise SepflowError(f"{where}: system: {unknown_name('system', row['system'], list(SYSTEMS))}")
    if "selection" in row:
        raise SepflowError(
            f"{where}: selection: nothing is selected of what no model estimates; take it away"
        )
    scoring = scoring_groups()
    for metric in metrics.values():
        if group_of(metric) not in scoring and metric_of(metric).by != RUN:
            raise SepflowError(f"{where}: metrics: {metric}: no score of signals; a row of a system has none")
