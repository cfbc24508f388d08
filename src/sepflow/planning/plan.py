"""From the configuration to every run, mix, corpus and table row, each with the name that identifies it.

Pure but for YAML and the digests of folders; nothing here needs numpy, torch or Snakemake.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from sepflow import plugs
from sepflow.corpora import catalogue
from sepflow.errors import SepflowError
from sepflow.files import config as files
from sepflow.identity import RECIPES, digest, fill_neutral, merge, parts_of, run_name
from sepflow.networks import catalogue as networks
from sepflow.planning import schemas
from sepflow.planning.checks import check_builds_on, check_spec, complete, recipe_of, task_of
from sepflow.planning.columns import computing, tests_of
from sepflow.planning.extras import check_extras, with_extras
from sepflow.planning.figures import epoch_steps, resolve_figure
from sepflow.planning.idle import Said, of_mix, of_run
from sepflow.planning.recipes import check_intervals
from sepflow.planning.roles import Roles
from sepflow.planning.schemas import without_unsaid
from sepflow.planning.tables import pick, resolve
from sepflow.tasks.declaration import Declaration

RUN_KEYS = ("task", "model", "objective", "data", "validation", "optimizer", "batch", "segment", "steps",
            "validate_every", "patience", "seed")  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One model to train: its name, the stage that makes it, its whole spec, and what papers call it."""

    name: str
    stage: str
    spec: dict[str, Any]
    aliases: list[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        """What the first of its papers calls it."""
        return self.aliases[0].split("/")[1]


@dataclass
class Plan:
    """All that a scale asks for. Keys of `runs`, `mixes` and `corpora` are their names on disk.

    `titles` says what the scale calls a corpus, or the lists that a mix was published as, by their names;
    `resources` what jobs ask for, as config.yaml and then as the scale has it.
    """

    scale: str
    untrained: bool
    runs: dict[str, Run] = field(default_factory=dict)
    mixes: dict[str, dict[str, Any]] = field(default_factory=dict)
    corpora: dict[str, dict[str, Any]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    tables: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    figures: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    resources: list[dict[str, dict[str, int]]] = field(default_factory=list)

    def mixes_with(self, labels: bool) -> list[str]:
        """The names of the mixes that carry a run's labels, or of those that carry none."""
        return [name for name, recipe in self.mixes.items() if (recipe["kind"] == "labels") == labels]

    def staged(self, stage: str) -> list[str]:
        """The names of the runs of one stage."""
        return [name for name, run in self.runs.items() if run.stage == stage]

    def staged_otherwise(self, stages: Iterable[str]) -> list[str]:
        """The names of the runs of all stages but these."""
        return [name for name, run in self.runs.items() if run.stage not in stages]

    def find(self, name: str) -> Run:
        """A run by its name, a prefix of it, or what a paper calls it (with or without the paper)."""
        runs = self.runs.values()
        called = [run for run in runs if {name} & {y for x in run.aliases for y in (x, x.split("/")[1])}]
        meant = called or [run for run in runs if run.name.startswith(name)]  # a label may look like a hash
        if len(meant) != 1:
            aliases = sorted(alias.split("/")[1] for run in meant or runs for alias in run.aliases)
            raise SepflowError(
                f"{name!r} names {len(meant)} runs: {', '.join(aliases)}."
                if meant
                else files.unknown_name("run", name, aliases)
            )
        return meant[0]


def load(config: dict[str, Any], root: Path) -> Plan:
    """Resolve `config` (the content of config/config.yaml) against the YAML files under `root`/config.

    Raises SepflowError naming the file and the key where anything is wrong or missing.
    """
    directory = root / "config"
    schemas.check(config, "config", directory, "config/config.yaml")
    scale = schemas.read(files.named(directory / "scales", config["scale"]), "scale", directory)
    roles = Roles(scale, config["scale"], config.get("corpora") or {}, root)
    plan = Plan(config["scale"], scale.get("untrained", False), corpora=roles.corpora, titles=roles.titles)
    plan.resources = [side.get("resources") or {} for side in (config, scale)]
    papers = sorted(file.stem for file in (directory / "papers").glob("*.yaml"))
    for unknown in set(scale["papers"]) - set(papers):
        where = f"config/scales/{config['scale']}.yaml"
        raise SepflowError(f"{where}: papers.{unknown}: {files.unknown_name('paper', unknown, papers)}")
    for unknown in set(config.get("corpora") or {}) - set(scale["corpora"]):
        if not _known_elsewhere(unknown, directory):
            words = files.unknown_name("corpus", unknown, sorted(scale["corpora"]))
            raise SepflowError(f"config/config.yaml: corpora.{unknown}: {words}")
    for unknown in set(config.get("networks") or {}) - set(known := networks.names(root)):
        words = files.unknown_name("network", unknown, known)
        raise SepflowError(f"config/config.yaml: networks.{unknown}: {words}")
    contents = {
        name: schemas.read(files.named(directory / "papers", name), "paper", directory)
        for name in config["papers"]
    }
    check_extras(extras := config.get("extras", ()), contents.values())
    for name, paper in contents.items():
        change = scale["papers"].get(name, {})
        _Resolver(plan, name, with_extras(paper, extras), change, roles, directory).all()
    return plan


def _known_elsewhere(corpus: str, directory: Path) -> bool:
    """The catalogue or another scale may have the corpus: then its path in config.yaml is no mistake."""
    scales = (schemas.read(path, "scale", directory) for path in (directory / "scales").glob("*.yaml"))
    return corpus in catalogue.names(directory.parent) or any(corpus in x["corpora"] for x in scales)


class _Resolver:
    """One paper at one scale, resolved into `plan`."""

    def __init__(self, plan: Plan, name: str, paper: dict, change: dict, roles: Roles, directory: Path):
        self.plan, self.name, self.roles, self.directory = plan, name, roles, directory
        self.file = f"config/papers/{name}.yaml"
        self.scale_file = where = f"config/scales/{plan.scale}.yaml: papers.{name}"
        for part in ("mixes", "models", "stages", "runs", "tables"):
            for key in set(change.get(part, {})) - set(paper[part]):
                words = files.unknown_name(part.removesuffix("s"), key, list(paper[part]))
                raise SepflowError(f"{where}.{part}.{key}: {words}")
        having = sorted({run["stage"] for run in paper["runs"].values() if "stage" in run})
        for stage in set(paper["stages"]) - set(having):
            words = files.unknown_name("run of the stage", stage, having)
            raise SepflowError(f"{self.file}: stages.{stage}: {words}")
        self.tables = pick(paper["tables"], change.get("tables"), f"{where}.tables")
        self.paper, self.change = paper, change
        self.said = change.get("seeds") or paper.get("seeds")
        self.seeds = self.said or [merge(paper["base"], change.get("base")).get("seed")]
        self.done: dict[tuple[int, str], str] = {}
        self.idle_runs, self.idle_mixes = Said(of_run), Said(of_mix)

    def all(self) -> None:
        rows = [row for table in self.tables.values() for row in table["rows"].values()]
        labels = (
            [*(row["run"] for row in rows if "run" in row), *chain(*map(computing, self.tables.values()))]
            if "tables" in self.change
            else self.paper["runs"]
        )
        for seed in self.seeds:
            self.seed = seed
            for label in labels:
                self.run(label)
        self.idle_runs.check(self.specs())
        for table in self.tables:
            self.plan.tables[self.name, table] = self.table(table)
        self.idle_mixes.check(self.specs())
        for label, figure in self.paper.get("figures", {}).items():
            place = f"{self.file}: figures.{label}"
            planned = {run for _, run in self.done}
            resolved = resolve_figure(figure, planned, self.seeds, self.seeded, place)
            if resolved["panels"]:
                own = {"title": self.paper["title"], "seeds": self.seeds}
                self.plan.figures[self.name, label] = resolved | own

    def layers(self, part: str, key: str) -> list[dict]:
        return [self.paper[part].get(key, {}), self.change.get(part, {}).get(key, {})]

    def merged(self, label: str, where: str) -> tuple[str, dict]:
        """The stage of a run, and its spec as the files have it: all of the paper, then all of the scale."""
        stage = merge(*self.layers("runs", label)).get("stage")
        if stage is None:
            raise SepflowError(f"{where}: stage: not set: which step of the method it is, in a word")
        if stage not in self.paper["stages"]:
            words = files.unknown_name("stage", stage, list(self.paper["stages"]))
            raise SepflowError(f"{where}: stage: {words} It stands there, perhaps as {{}}.")
        paper, scale = (self.sided(side, stage, label) for side in (self.paper, self.change))
        spec = without_unsaid(merge(*paper, *scale))
        complete(spec, ("task",), where)
        if (task := task_of(spec, where)).made:
            # Nothing of a base, which is of trainings.
            own = without_unsaid(merge(*paper[1:], *scale[1:], {"task": spec["task"]}))
            return own.pop("stage"), self.made(own, task, where)
        if "epochs" in spec:
            for key in {"steps", "validate_every"} & set(spec):
                raise SepflowError(f"{where}: {key}, beside epochs, which gives it; say one of the two")
            spec |= dict.fromkeys(("steps", "validate_every"))
        complete(spec, RUN_KEYS, where)
        for part, key in (("model", "name"), *((part, "mix") for part in parts_of(spec))):
            complete(spec[part], (key,), f"{where}.{part}")
        spec["seed"] = self.own_seed(spec["seed"], merge(*paper[1:], *scale[1:]), where)
        del spec["stage"]
        return stage, spec

    def made(self, spec: dict, task: Declaration, where: str) -> dict:
        """The spec of a run that is made without a training."""
        if wrong := sorted(set(spec) - set(task.own)):
            raise SepflowError(f"{where}: {', '.join(wrong)}: no key of the task {spec['task']}")
        complete(spec, (*task.parts, *([task.settings] if task.settings else [])), where)
        return spec

    def specs(self) -> dict[str, dict]:
        """The specs of all runs by their names."""
        return {name: run.spec for name, run in self.plan.runs.items()}

    def heed(self, stage: str, label: str, spec: dict) -> None:
        """Note which places say something of a run; of the paper's `base` nothing is asked."""
        for file, side in ((f"{self.file}: ", self.paper), (f"{self.scale_file}.", self.change)):
            places = ("base", f"stages.{stage}", f"runs.{label}")
            for place, layer in zip(places, self.sided(side, stage, label), strict=True):
                if side is not self.paper or place != "base":
                    self.idle_runs.note(f"{file}{place}", layer, spec)

    def sided(self, side: dict, stage: str, label: str) -> list[dict | None]:
        """What one side, the paper or the scale, says of a run: of all, of its stage, of it alone."""
        parts = (("stages", stage), ("runs", label))
        return [side.get("base"), *(side.get(part, {}).get(key) for part, key in parts)]

    def run(self, label: str, asking: tuple[str, ...] = ()) -> str:
        """Resolve one run and those it builds on; return its name."""
        where = f"{self.file}: runs.{label}"
        if label in asking:
            raise SepflowError(f"{where}: it builds on itself: {' -> '.join([*asking, label])}")
        if label not in self.paper["runs"]:
            words = files.unknown_name("run", label, list(self.paper["runs"]))
            raise SepflowError(f"{self.file}: runs.{asking[-1]}: {words}" if asking else f"{where}: {words}")
        if (self.seed, label) in self.done:
            return self.done[self.seed, label]
        stage, spec = self.merged(label, where)
        epochs = spec.pop("epochs", None)
        spec["recipe"] = recipe_of(spec)
        if "model" in spec:
            spec["model"] = self.model(spec["model"], where)
        spec = task_of(spec, where).completed(spec, self.directory.parent, where)
        spec = fill_neutral(spec)
        if spec["init"]:
            spec["init"] = self.run(spec["init"], (*asking, label))
        spec["uses"] = {name: self.run(used, (*asking, label)) for name, used in spec["uses"].items()}
        for part in {"validation"} & set(parts_of(spec)):
            spec[part]["labels"] = spec[part]["labels"] or spec["data"]["labels"]
        for part in parts_of(spec):
            spec[part] = self.data(spec[part], spec, f"{where}.{part}", (*asking, label))
        if epochs:
            spec |= {"validate_every": (steps := math.ceil(epoch_steps(spec))), "steps": epochs * steps}
        check_spec(spec, self.directory, where)
        check_builds_on(spec, self.specs(), where)
        self.heed(stage, label, spec)
        name = run_name(spec)
        run = self.plan.runs.setdefault(name, Run(name, stage, spec))
        run.aliases.append(f"{self.name}/{self.label(label, self.seed)}")
        self.done[self.seed, label] = name
        return name

    def own_seed(self, merged: int, differences: dict, where: str) -> int:
        """The seed that a run or its stage says itself, else one of `seeds`; without these `merged`."""
        if "seed" in differences and len(self.seeds) > 1:
            said = differences["seed"]
            raise SepflowError(f"{where}: seed: {said}, beside seeds: {self.seeds}; say one of the two")
        return differences.get("seed", self.seed) if self.said else merged

    def label(self, label: str, seed: int) -> str:
        """What a run is called: as in the paper's file, with its seed where that is not the first."""
        return label if seed == self.seeds[0] else f"{label}@{seed}"

    def model(self, model: dict, where: str) -> dict:
        if model["name"] not in self.paper["models"]:
            words = files.unknown_name("model", model["name"], list(self.paper["models"]))
            if model["name"] in plugs.names("models", "MODEL"):
                words = (
                    f"{model['name']} is none of the paper's; say `{model['name']}: {{}}` under its models"
                )
            raise SepflowError(f"{where}: model.name: {words}")
        return merge(*self.layers("models", model["name"]), model)

    def data(self, data: dict, spec: dict, where: str, asking: tuple[str, ...]) -> dict:
        """The mix of a run by its whole recipe, its labels (if any) folded in."""
        label, labels = data["mix"], data.pop("labels")
        recipe = self.mix(label, where)
        self.heed_mix(label, {**data, "mix": recipe})
        if labels:
            if labels.get("as") == "targets":
                del labels["as"]
            recipe = {"kind": "labels", "recipe": RECIPES["labels"], "mix": recipe, **labels}
            recipe["run"] = self.run(labels["run"], asking)
            recipe.setdefault("selection", "none")
            if recipe.setdefault("unit", "utterance") == "segment":
                recipe["segment"] = spec["segment"]
            self.plan.mixes[digest(recipe)] = recipe
        return {**data, "mix": recipe}

    def mix(self, label: str, where: str) -> dict:
        """A mix by its whole recipe, its corpora by their own."""
        if label not in self.paper["mixes"]:
            words = files.unknown_name("mix", label, list(self.paper["mixes"]))
            raise SepflowError(f"{where}: mix: {words}")
        mix = merge(*self.layers("mixes", label))
        check_intervals(mix, f"{self.file}: mixes.{label}")
        recipe = self.roles.mix(mix, f"{self.file}: mixes.{label}")
        self.plan.mixes[digest(recipe)] = recipe
        return recipe

    def heed_mix(self, label: str, part: dict) -> None:
        """Note what the scale says of a mix that is heard by `part` of a run, or tested on."""
        layer = self.change.get("mixes", {}).get(label)
        self.idle_mixes.note(f"{self.scale_file}.mixes.{label}", layer, part)

    def table(self, label: str) -> dict:
        """A table with its rows and the name of its test mix."""
        where = f"{self.file}: tables.{label}"
        table = self.tables[label]
        tests = {name: self.mix(name, f"{where}.test") for name in tests_of(table)}
        for name, recipe in tests.items():
            self.heed_mix(name, {"mix": recipe})
        resolved = resolve(table, tests, self.seeded, where)
        return {**resolved, "title": self.paper["title"], "seeds": self.seeds}

    def seeded(self, label: str, where: str) -> tuple[dict[str, str], dict]:
        """What a row's runs, one a seed, are called, by their names, and the spec of the first."""
        if label not in self.paper["runs"]:
            raise SepflowError(f"{where}: {files.unknown_name('run', label, list(self.paper['runs']))}")
        runs = {self.done[seed, label]: self.label(label, seed) for seed in self.seeds}
        return runs, self.plan.runs[next(iter(runs))].spec
