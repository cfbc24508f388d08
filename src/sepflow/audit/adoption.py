"""A run trained elsewhere, taken into the results of a workflow, which then does not train it again."""

from pathlib import Path
from typing import Any

from sepflow import provenance
from sepflow.audit.runs import check_run
from sepflow.errors import SepflowError
from sepflow.files import write_bytes, write_json
from sepflow.identity import difference, difference_in_words, fill_neutral
from sepflow.planning.plan import Plan
from sepflow.results import FILES, MARK, Results, Run


def adopt(directory: Path, plan: Plan, results: Path) -> str:
    """Copy the run in `directory` to where the workflow of `plan` looks for it; return its name.

    All of it is checked first. Raises SepflowError where a file of the run is missing, damaged or not of this
    run, where the plan has no such run (with the keys in which the nearest one differs), or where another
    model of that name is there already.
    """
    name, spec = check_run(directory)
    if name not in plan.runs:
        raise SepflowError(_unplanned(directory, spec, plan))
    model = Results(results).run(name).model
    out = model.parent
    if model.exists() and model.read_bytes() != Run(directory).model.read_bytes():
        raise SepflowError(f"{out}: there is another model of this run. Remove the directory to replace it.")
    write_json(out / MARK, {"from": str(directory), "by": provenance.stamp()})
    for file in FILES:
        write_bytes(out / file, (directory / file).read_bytes())
    return name


def _unplanned(directory: Path, spec: dict[str, Any], plan: Plan) -> str:
    nearest = min(plan.runs.values(), key=lambda run: len(difference(spec, fill_neutral(run.spec))))
    differs = difference_in_words(spec, fill_neutral(nearest.spec))
    return (
        f"{directory}: its spec is that of no run at scale {plan.scale}. Nearest is {nearest.aliases[0]}, "
        f"which differs (there, here): {differs}"
    )
