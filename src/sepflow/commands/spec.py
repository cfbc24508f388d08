"""The spec of one run from a file, held against all that a plan holds its specs against; without torch."""

from pathlib import Path
from typing import Any

from sepflow import tasks
from sepflow.errors import SepflowError
from sepflow.files import config as files
from sepflow.identity import fill_neutral, number_of, parts_of
from sepflow.planning.checks import check_spec
from sepflow.planning.idle import check_alone
from sepflow.planning.recipes import check_mix


def read_spec(path: Path, config: Path) -> dict[str, Any]:
    """The spec in `path`, JSON or YAML, held against all that a plan holds its specs against.

    `config` is the directory with the schemas. Raises SepflowError where the spec is not valid, or was made
    for other recipes than this code's.
    """
    given = files.parse(path)
    made = given.get("task") in tasks.names() and tasks.declared(given["task"]).made
    code = given["task"] if made else "train"
    if given.get("recipe") != number_of(code):
        raise SepflowError(
            f"{path}: made for other recipes than this sepflow's: {code}: {given.get('recipe')!r}, here "
            f"{number_of(code)}. `sepflow why RUN` prints a spec."
        )
    for key in () if made else ("data", "validation", "optimizer"):
        if not isinstance(given.get(key), dict):
            raise SepflowError(f"{path}: {key}: no spec of a run. `sepflow why RUN` prints one.")
    for part in parts_of(given):
        check_mix(given[part]["mix"], config, f"{path}: {part}.mix")
    spec = fill_neutral(given)
    check_spec(spec, config, f"{path}: spec")
    if not made:
        check_alone(spec, f"{path}: spec")
    return spec
