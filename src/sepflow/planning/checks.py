"""What a part of a plan has to say, and which keys of a spec go together."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sepflow import plugs, tasks
from sepflow.declarations import declaration
from sepflow.errors import SepflowError
from sepflow.files import config as files
from sepflow.identity import canonical, difference, number_of, parts_of
from sepflow.mixes.recipes import rate_of, unlabelled
from sepflow.planning import schemas
from sepflow.tasks.declaration import Declaration


def complete(part: dict[str, Any], keys: tuple[str, ...], where: str) -> None:
    """Raises SepflowError naming the `keys` that `part` lacks."""
    missing = [key for key in keys if key not in part]
    if missing:
        raise SepflowError(f"{where}: {', '.join(missing)}: not set, here or in what it is a difference from")


def check_spec(spec: dict[str, Any], config: Path, where: str) -> None:
    """Hold a resolved spec, its mixes apart, against the schema of runs in `config`, and its keys together.

    Raises SepflowError naming the key of whatever a training would refuse.
    """
    spec = canonical(spec)  # as a training has it
    made = spec.get("task") in tasks.names() and tasks.declared(spec["task"]).made
    shape = {key: value for key, value in spec.items() if key != "recipe"}
    shape |= {part: spec[part] | {"mix": ""} for part in parts_of(spec)}
    schemas.check(shape, "run#/$defs/made" if made else "run", config, where)
    task = task_of(spec, where)
    _check_task(spec, task, where)
    if "model" in spec:
        _check_network(spec, where)
    if task.settings:
        declaration("tasks", spec["task"]).check(spec[task.settings], f"{where}.")
    if not made:
        _check_training(spec, task, where)
    for problem in task.problems(spec):
        raise SepflowError(f"{where}: {problem}")
    for part in parts_of(spec):
        _check_part(spec, part, task, f"{where}.{part}")


def recipe_of(spec: dict[str, Any]) -> int:
    """The number of the code that makes a run of `spec`: of all trainings, or of its own task."""
    return number_of(spec["task"] if tasks.declared(spec["task"]).made else "train")


def task_of(spec: dict[str, Any], where: str) -> Declaration:
    """What the task of a spec declares; SepflowError, with what was meant, where there is no such task."""
    if spec["task"] not in tasks.names():
        raise SepflowError(f"{where}: task: {files.unknown_name('task', spec['task'], tasks.names())}")
    task = tasks.declared(spec["task"])
    code = plugs.PACKAGE / "tasks" / spec["task"] / "task.py"
    plugs.check_says(code, "TASK", *["make"] * task.made)
    return task


def _check_task(spec: dict[str, Any], task: Declaration, where: str) -> None:
    """A run has the parts, settings and frozen networks that its task declares, and no others."""
    for part in sorted({*parts_of(spec)} ^ {*task.parts}):
        having = _declaring(lambda other: part in other.parts)  # noqa: B023 (asked at once)
        raise SepflowError(f"{where}: {part}: what the task {having} trains on beside, and no other task")
    for key in {other.settings for other in map(tasks.declared, tasks.names()) if other.settings}:
        if task.settings == key and not spec.get(key):
            there = ", ".join(declaration("tasks", spec["task"]).types)
            raise SepflowError(f"{where}: {key}: not set; the task {spec['task']} takes {there}")
        if spec.get(key) and task.settings != key:
            having = _declaring(lambda other: other.settings == key)  # noqa: B023
            raise SepflowError(f"{where}: {key}: the settings of {having}, and of no other task")
    if {*spec["uses"]} != {*task.uses}:
        wanted = f"the task {spec['task']} uses {', '.join(task.uses) or 'no other run'}"
        raise SepflowError(f"{where}: uses: {', '.join(spec['uses']) or 'nothing said'}: {wanted}")


def _check_training(spec: dict[str, Any], task: Declaration, where: str) -> None:
    """What only a run that is trained has to say."""
    if spec["steps"] % spec["validate_every"]:
        raise SepflowError(
            f"{where}: validate_every: {spec['steps']} steps are no multiple of {spec['validate_every']}; "
            "the last steps would never be validated"
        )
    if spec["select"] not in task.select:
        words = files.unknown_name("criterion", spec["select"], list(task.select))
        raise SepflowError(f"{where}: select: {words}")
    objective = spec["objective"]["name"], spec["objective"]["loss"]
    if objective not in task.objectives:
        there = "; ".join(", ".join(pair) for pair in task.objectives)
        raise SepflowError(
            f"{where}: objective: name and loss {', '.join(objective)}: the task {spec['task']} has {there}"
        )
    settings = spec["optimizer"]
    if settings["noam"] and (settings["plateau"] or settings["decay"] != "none" or not settings["warmup"]):
        raise SepflowError(
            f"{where}: optimizer.noam: beside it decay is none, plateau null and warmup above 0"
        )


def _declaring(what: Callable[[Declaration], bool]) -> str:
    """The tasks of which `what` is true, in words."""
    return " or ".join(sorted((name for name in tasks.names() if what(tasks.declared(name))), reverse=True))


def _check_network(spec: dict[str, Any], where: str) -> None:
    model = dict(spec["model"])
    if not (file := plugs.source("models", name := str(model.pop("name")))):
        words = files.unknown_name("network", name, plugs.names("models", "MODEL"))
        raise SepflowError(f"{where}.model: name: {words}")
    plugs.check_says(file, "MODEL")
    declaration("models", name).check(model, f"{where}.")


def _check_part(spec: dict[str, Any], part: str, task: Declaration, where: str) -> None:
    """One of the mixes of a run, and how the run hears it."""
    data, mix, mixit = spec[part], unlabelled(spec[part]["mix"]), task.of_mixtures(spec)
    labelled = mix is not data["mix"]
    if data["first"] and data["first"] > mix["mixtures"]:
        raise SepflowError(f"{where}: first: {data['first']} of only {mix['mixtures']} mixtures")
    if (count := data["first"] or mix["mixtures"]) < 1 + mixit:
        raise SepflowError(f"{where}: {count} mixture is too few for MixIT, which mixes two")
    if labelled and data["dynamic"]:
        raise SepflowError(f"{where}: dynamic: mixtures with labels are fixed; take away dynamic or labels")
    if data["crop"] == "fixed" and (data["dynamic"] or mixit):
        raise SepflowError(f"{where}: crop: fixed: not of mixtures drawn anew (dynamic), nor of MixIT's")
    if data["dynamic"] and "level_difference" not in mix:
        raise SepflowError(
            f"{where}: dynamic: draws mixtures of speakers anew, and those of the kind {mix['kind']} are as "
            "they are; take it away"
        )
    if data["dynamic"] and "noise" in mix:
        raise SepflowError(f"{where}: dynamic: draws speech alone; take away dynamic, or noise from the mix")
    rate, own = rate_of(mix), rate_of(spec.get("data", data)["mix"])
    if rate != own:
        raise SepflowError(f"{where}: mix: at {rate} Hz, where the run hears {own} Hz (data)")
    if round(spec.get("segment", 1) * rate) < 1:
        raise SepflowError(f"{where}: segment: {spec['segment']} s is no sample at {rate} Hz")
    wanted = task.parts[part].speakers
    if wanted and mix["speakers"] != wanted:
        raise SepflowError(f"{where}: mix: {mix['speakers']} speakers, where this task hears {wanted}")
    if not wanted and not mixit and mix["speakers"] != (sources := spec.get("model", {}).get("sources")):
        said = "not said: the task declares no Part(speakers)" if sources is None else sources
        raise SepflowError(f"{where}: mix: {mix['speakers']} speakers, and model.sources is {said}")


def check_builds_on(spec: dict[str, Any], specs: dict[str, dict[str, Any]], where: str) -> None:
    """The runs that a spec names, by their `specs`, give what it takes: weights of its network, labels.

    Raises SepflowError naming the key that does not fit.
    """
    if spec["init"]:
        first = specs[spec["init"]]
        if "model" not in first:
            raise SepflowError(f"{where}: init: a run of the task {first['task']}, which has no network")
        if spec["disjoint_speakers"] and "data" not in first:
            raise SepflowError(
                f"{where}: disjoint_speakers: init is a run of the task {first['task']}: nobody knows whom "
                "it has heard; say false"
            )
        differs = difference(first["model"], spec["model"])
        if words := [f"{key} {a!r}, here {b!r}" for key, a, b in differs if key != "sources"]:
            raise SepflowError(f"{where}: init: another model than this run's: {'; '.join(words)}")
    if spec["disjoint_speakers"]:
        _check_apart(spec, specs, where)
    for name, use in tasks.declared(spec["task"]).uses.items():
        task = specs[spec["uses"][name]]["task"]
        if task not in use.tasks:
            raise SepflowError(
                f"{where}: uses.{name}: a run of the task {task}, where one of {', '.join(use.tasks)} is used"
            )
        rate, own = _hears_at(specs[spec["uses"][name]]), _hears_at(spec)
        if rate != own and None not in (rate, own):
            raise SepflowError(f"{where}: uses.{name}: hears {rate} Hz, where the run hears {own} Hz (data)")
        if use.applied and any(own.applied for own in tasks.declared(task).uses.values()):
            raise SepflowError(
                f"{where}: uses.{name}: a run that is saved with others itself; a model is saved with those "
                "that it uses, and no further"
            )
    for part in parts_of(spec):
        mix = spec[part]["mix"]
        if mix["kind"] != "labels":
            continue
        teacher, speakers = specs[mix["run"]], mix["mix"]["speakers"]
        sources, place = teacher["model"]["sources"], f"{where}.{part}.labels"
        if not tasks.declared(teacher["task"]).separates:
            raise SepflowError(f"{place}: run: the task {teacher['task']} separates nothing")
        if sources < speakers or (sources > speakers and mix["selection"] == "none"):
            raise SepflowError(
                f"{place}: selection: {mix['selection']}: {sources} outputs for {speakers} speakers"
            )
        if (rate := rate_of(teacher["data"]["mix"])) != rate_of(mix):
            raise SepflowError(f"{place}: run: was trained at {rate} Hz, and the mix is at {rate_of(mix)} Hz")


def _hears_at(spec: dict[str, Any]) -> int | None:
    """The rate in Hz of what a run hears; None of one that says none."""
    return rate_of(spec["data"]["mix"]) if "data" in spec else spec.get("fetched", {}).get("rate")


def _check_apart(spec: dict[str, Any], specs: dict[str, dict[str, Any]], where: str) -> None:
    """Whether what a run begins with, or hears beside, can have other speakers than its data."""
    others = {part: spec[part] for part in tasks.declared(spec["task"]).trained_on if part != "data"}
    others |= {"init": specs[spec["init"]]["data"]} if spec["init"] else {}
    own = _speakers(spec["data"])
    if same := [key for key, data in others.items() if _speakers(data) == own]:
        raise SepflowError(
            f"{where}: disjoint_speakers: {' and '.join(same)}: of the same speakers as data. Give the mixes "
            "shares of the speakers that do not overlap (`among`), other lists, or corpora"
        )


def _speakers(data: dict[str, Any]) -> dict[str, Any]:
    """What says which speakers a part of a run hears."""
    mix = unlabelled(data["mix"])
    return {key: mix.get(key) for key in ("kind", "corpus", "list", "subset", "split", "among")}
