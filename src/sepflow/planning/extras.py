"""Runs of a paper that are only there where config.yaml asks for them, as those of networks to be fetched."""

from collections.abc import Collection, Iterable
from typing import Any

from sepflow.errors import SepflowError, unknown_name
from sepflow.planning.tables import pick

Paper = dict[str, Any]


def check_extras(wanted: Iterable[str], papers: Iterable[Paper]) -> None:
    """Raise SepflowError where an extra is wanted that no run of the papers is called."""
    known = sorted({run["extra"] for paper in papers for run in paper["runs"].values() if "extra" in run})
    for unknown in set(wanted) - set(known):
        words = unknown_name("extra", unknown, known) if known else "the papers have no extra"
        raise SepflowError(f"config/config.yaml: extras.{unknown}: {words}")


def with_extras(paper: Paper, wanted: Collection[str]) -> Paper:
    """The paper without the runs, and their rows, that are of another `extra` than those wanted."""
    runs = {
        label: {key: value for key, value in run.items() if key != "extra"}
        for label, run in paper["runs"].items()
        if "extra" not in run or run["extra"] in wanted
    }
    dropped = set(paper["runs"]) - set(runs)
    rows = {
        label: [key for key, row in table["rows"].items() if row.get("run") not in dropped]
        for label, table in paper["tables"].items()
    }
    stages = {run["stage"] for run in paper["runs"].values() if "stage" in run}
    gone = stages - {run["stage"] for run in runs.values() if "stage" in run}
    kept = {stage: said for stage, said in paper["stages"].items() if stage not in gone}
    return paper | {"runs": runs, "stages": kept, "tables": pick(paper["tables"], rows, "")}
