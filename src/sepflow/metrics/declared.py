"""The groups of metrics, found by name: what each declares, and whose a metric is."""

import ast
import importlib
import importlib.util
from collections.abc import Callable, Iterable
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from sepflow import metrics, plugs
from sepflow.errors import SepflowError
from sepflow.metrics.metric import BY, SOURCE, VALUE, Group, Metric

PACKAGE = metrics.__name__
# Modules that a group may have: what scores separated signals; aggregates, beside those of all groups.
SCORES, AGGREGATES = "scores", "aggregates"


def known() -> tuple[str, ...]:
    """All groups, as their folders are called."""
    return plugs.folders(metrics.__path__)


@cache
def groups() -> dict[str, Group]:
    """All groups by their names.

    Raises SepflowError where two declare one metric, or one has an aggregate that is nowhere.
    """
    by_name = {name: plugs.offered(PACKAGE, name, "GROUP") for name in known()}
    owners: dict[str, str] = {}
    for name, group in by_name.items():
        _check_group(group, f"metrics/{name}")
        for key, metric in group.metrics.items():
            if (other := owners.setdefault(key, name)) != name:
                raise SepflowError(f"metrics/{other} and metrics/{name} both declare {key}; rename one")
            _check(name, key, metric, group.pictures)
        if scores := _spec(name, SCORES):
            plugs.check_says(Path(scores.origin), "SCORES")
        if len(group.uses) > 1:
            raise SepflowError(f"metrics/{name}: uses: {', '.join(group.uses)}: scores are with one run")
    return by_name


def _check_group(group: Any, where: str) -> None:
    """A group is one, of metrics."""
    if not isinstance(group, Group):
        raise SepflowError(f"{where}: GROUP: a Group is needed, not {group!r}")
    if not isinstance(group.metrics, dict) or not all(isinstance(x, Metric) for x in group.metrics.values()):
        raise SepflowError(f"{where}: a Metric by each name is needed, not {group.metrics!r}")
    of = {f"{key}: of": metric.of for key, metric in group.metrics.items()}
    uses = {f"uses: {name}": tasks for name, tasks in group.uses.items()}
    plugs.check_words(where, scorers=group.scorers, **of, **uses)


def _check(group: str, key: str, metric: Metric, pictures: bool) -> None:
    """What a declaration names is there, and goes together."""
    if pictures and (metric.of, metric.by, metric.aggregate) != (VALUE, SOURCE, "mean"):
        raise SepflowError(f"metrics/{group}: {key}: pictures are of values of sources and their mean alone")
    if metric.by not in BY:
        raise SepflowError(f"metrics/{group}: {key}: by is one of {', '.join(BY)}, not {metric.by!r}")
    if _module_of(group, metric) is None:
        there = sorted({x for module in _aggregates(group) for x in _functions(module)})
        raise SepflowError(
            f"metrics/{group}: {key}: no aggregate {metric.aggregate!r}; there are: {', '.join(there)}"
        )


def group_of(metric: str) -> str:
    """The group that declares a metric; SepflowError for a metric that is in none."""
    owners = {key: name for name, group in groups().items() for key in group.metrics}
    if metric not in owners:
        raise SepflowError(f"there is no metric {metric!r}; there are: {', '.join(owners)}")
    return owners[metric]


def metric_of(metric: str) -> Metric:
    """What its group declares of a metric; SepflowError for one that is in none."""
    return groups()[group_of(metric)].metrics[metric]


def metrics_of(names: Iterable[str]) -> dict[str, Metric]:
    """The metrics of the groups of these names, in their order."""
    return {key: metric for name in names for key, metric in groups()[name].metrics.items()}


def scorers_of(names: Iterable[str]) -> tuple[str, ...]:
    """The packages that compute the metrics of these groups with us."""
    return tuple(dict.fromkeys(package for name in names for package in groups()[name].scorers))


def computed(names: Iterable[str], task: str | None) -> list[str]:
    """Of these groups those that a run of `task` computes; for None, those that no run is needed for."""
    by_name = {name: groups()[name].uses for name in names}
    if task is None:
        return [name for name, uses in by_name.items() if not uses]
    return [name for name, uses in by_name.items() if any(task in wanted for wanted in uses.values())]


def scorer_of(group: str) -> Callable[..., Any] | None:
    """What scores signals for a group (see signals.py); None, where a task alone computes its metrics."""
    return plugs.offered(f"{PACKAGE}.{group}", SCORES, "SCORES")


def scoring_groups() -> list[str]:
    """The groups that score signals, whoever made them."""
    return [name for name in groups() if _spec(name, SCORES)]


def modules_of(names: Iterable[str], *parts: str) -> list[str]:
    """The declarations of these groups, and of their modules `parts` those that they have, in the package."""
    there = [(name, part) for name in names for part in parts if _spec(name, part)]
    return [f"metrics/{name}/{part}.py" for name, part in [*((x, "__init__") for x in names), *there]]


def aggregate_of(metric: str) -> Callable[[Any, Any], Any]:
    """The function that makes a metric's value of its columns (see metrics/aggregates.py)."""
    declared = metric_of(metric)
    module = _module_of(group_of(metric), declared)
    return getattr(importlib.import_module(module), declared.aggregate)


def _module_of(group: str, metric: Metric) -> str | None:
    """The module that has the aggregate of a metric of `group`: the group's own before that of all."""
    return next((x for x in _aggregates(group) if metric.aggregate in _functions(x)), None)


def _aggregates(group: str) -> list[str]:
    own = [f"{PACKAGE}.{group}.{AGGREGATES}"] if _spec(group, AGGREGATES) else []
    return [*own, f"{PACKAGE}.{AGGREGATES}"]


def _spec(group: str, part: str) -> ModuleSpec | None:
    return importlib.util.find_spec(f"{PACKAGE}.{group}.{part}")


def _functions(module: str) -> set[str]:
    """The public functions of a module, from its text: it may import numpy, which planning does without."""
    text = Path(importlib.util.find_spec(module).origin).read_text(encoding="utf-8")
    names = {x.name for x in ast.parse(text).body if isinstance(x, ast.FunctionDef)}
    return {name for name in names if not name.startswith("_")}
