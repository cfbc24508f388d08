"""A plan in words: what is trained, from what, and how two runs differ."""

import pandas as pd
import torch
import yaml

from sepflow.identity import difference, digest, flatten, parts_of
from sepflow.planning.plan import Plan, Run
from sepflow.tasks import declared
from sepflow.tasks.built import build
from sepflow.tasks.task import Frozen


class _Dumper(yaml.SafeDumper):
    """YAML without anchors: what stands twice is shown twice."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def describe(plan: Plan) -> str:
    """The runs of a plan, a line each, and what they share."""
    lines = [f"scale {plan.scale}{' (untrained)' if plan.untrained else ''}: {len(plan.runs)} runs"]
    lines += ["", _table([_line(run, plan) for run in plan.runs.values()]), "", "corpora"]
    lines += [f"  {name}  {plan.titles[name]}: {recipe}" for name, recipe in plan.corpora.items()]
    lines += ["", "mixes"]
    for name, recipe in plan.mixes.items():
        users = [run.label for run in plan.runs.values() if name in _mixes(run)]
        what = (
            f"labels by {_label(plan, recipe['run'])} on {recipe['mix']['split']}"
            if recipe["kind"] == "labels"
            else f"{recipe['split']}, {recipe['mixtures']} mixtures of {recipe['speakers']}"
        )
        lines.append(f"  {name}  {what}: {', '.join(users) or 'tests only'}")
    rows = [run for table in plan.tables.values() for row in table["rows"] for run in row["runs"]]
    shared = [_label(plan, run) for run in dict.fromkeys(rows) if rows.count(run) > 1]
    lines += ["", f"trained once for several rows: {', '.join(shared) or 'none'}", *_alike(plan)]
    return "\n".join(lines)


def _alike(plan: Plan) -> list[str]:
    """Which rows are compared under the condition that their runs agree, and at which values."""
    lines = []
    for (paper, name), table in plan.tables.items():
        run = {row["id"]: next(iter(row["runs"]), None) for row in table["rows"]}
        for comparison in (x for x in table.get("comparisons", []) if "alike" in x):
            spec = flatten(plan.runs[run[comparison["better"]]].spec)
            same = ", ".join(f"{key} {spec[key]}" for key in comparison["alike"])
            lines.append(f"  {paper}/{name}: {comparison['better']}, {comparison['than']}: {same}")
    return ["", "compared alike", *lines] if lines else []


def spec_of(run: Run) -> str:
    """The whole spec of a run, as YAML."""
    head = f"# run {run.name}, stage {run.stage}; in the papers: {', '.join(run.aliases)}\n"
    return head + yaml.dump(run.spec, Dumper=_Dumper, sort_keys=False, default_flow_style=None).rstrip()


def difference_of(first: Run, second: Run, plan: Plan) -> str:
    """The keys in which two runs differ; a run or mix they build on differently is opened in turn."""
    rows = difference(_opened(first, plan), _opened(second, plan))
    if not rows:
        return "the same run: the two specs agree in every key"
    return _table([{"key": key, first.aliases[0]: a, second.aliases[0]: b} for key, a, b in rows])


def _opened(run: Run, plan: Plan) -> dict:
    """A run's spec with the specs of the runs it builds on in place of their names."""

    def opened(value: object) -> object:
        if isinstance(value, dict):
            return {key: opened(item) for key, item in value.items()}
        return _opened(plan.runs[value], plan) if isinstance(value, str) and value in plan.runs else value

    return opened(run.spec)


def _line(run: Run, plan: Plan) -> dict[str, str]:
    spec = run.spec
    with torch.device("meta"):
        used = {name: Frozen(build(plan.runs[run].spec)) for name, run in spec["uses"].items()}
        parameters = sum(weight.numel() for weight in build(spec, used).parameters())
    said = {
        "run": run.label,
        "name": run.name,
        "stage": run.stage,
        "model": _network(spec.get("model")),
        "parameters": f"{parameters:,}",
    }
    if declared(spec["task"]).made:
        return said | {"objective": "-", "data": spec["task"], "steps": "made without a training"}
    return said | {
        "objective": spec["objective"]["name"],
        "data": _source(spec, plan),
        "steps": f"{spec['steps']} x {spec['batch']} x {spec['segment']:g} s",
    }


def _network(model: dict | None) -> str:
    """A network by name, with its outputs where it says how many."""
    if model is None:
        return "-"
    return model["name"] + (f", {model['sources']} out" if "sources" in model else "")


def _source(spec: dict, plan: Plan) -> str:
    """What a run is trained on, and which others it builds on."""
    labels = spec["data"]["mix"].get("run")
    source = f"labels of {_label(plan, labels)}" if labels else f"{spec['data']['first'] or 'all'} of the mix"
    others = [("from", spec["init"])] if spec["init"] else []
    others += [("using", run) for run in spec["uses"].values()]
    return source + "".join(f", {how} {_label(plan, run)}" for how, run in others)


def _mixes(run: Run) -> set[str]:
    return {digest(run.spec[part]["mix"]) for part in parts_of(run.spec)}


def _label(plan: Plan, name: str) -> str:
    return plan.runs[name].label


def _table(rows: list[dict]) -> str:
    return pd.DataFrame(rows).to_markdown(index=False, tablefmt="simple", disable_numparse=True)
