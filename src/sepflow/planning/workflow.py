"""What the workflow's rules ask of the plan: the inputs and parameters of a job, from its wildcards."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sepflow.code import code_digest
from sepflow.corpora import catalogue
from sepflow.corpora.layouts import own_tables
from sepflow.identity import canonical, digest, parts_of, runs_of, without_neutral
from sepflow.metrics.declared import (
    AGGREGATES,
    SCORES,
    computed,
    group_of,
    modules_of,
    scorers_of,
    scoring_groups,
)
from sepflow.mixes import kind_of
from sepflow.mixes.recipes import Recipe, corpora_of, unlabelled
from sepflow.networks import catalogue as networks
from sepflow.planning.layout import SYSTEMS, column, mixes_of, scores_of, stamp_of, tested
from sepflow.planning.losses import comparable
from sepflow.planning.plan import Plan
from sepflow.provenance import versions
from sepflow.results import AUDIO, MANIFEST, Results
from sepflow.tasks import declared

RESULTS = Results()  # of the directory that Snakemake works in
FORMATS = (".csv", ".md", ".tex", ".svg")
CURVES = (".csv", ".svg", ".png")
PICTURES = [
    f"_{name}{end}" for name in ("learning", "spectrograms", "distribution") for end in (".svg", ".png")
]


def export_package() -> None:
    """Let every process started from here import this very copy of the package."""
    source = str(Path(__file__).parents[2])
    others = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path not in ("", source)]
    os.environ["PYTHONPATH"] = os.pathsep.join([source, *others])


class Jobs:
    """The plan, as functions of a rule's wildcards."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self.systems, self.scoring = list(SYSTEMS), scoring_groups()

    def pattern(self, names: Iterable[str]) -> str:
        """A wildcard constraint that matches these names and, where there are none, nothing."""
        return "|".join(sorted(names)) or "(?!)"

    def papers(self, planned: Iterable[tuple[str, str]]) -> str:
        """A wildcard constraint that matches a paper before the name of a table or figure `planned` for it.

        So what another paper alone has is no output, rather than an error of whoever looks it up.
        """
        return self.pattern(rf"{paper}(?=/{name}[._])" for paper, name in planned)

    def fetchable(self, directory: str) -> list[str]:
        """What may be fetched, by its folder in data/: the names of both catalogues in `directory`."""
        root = Path(directory)
        return [*catalogue.names(root), *(f"networks/{name}" for name in networks.names(root))]

    def target(self, paper: str) -> Callable[[Any], list[str] | str]:
        """`results` of a paper, for a rule that is called as the paper is.

        Where the paper is not planned, Snakemake misses, if the rule is asked for, a file whose name says so:
        beside an exception it would print a traceback.
        """
        files = self.results(paper)
        return lambda wildcards: files or f"config/config.yaml: papers: {paper} is not among them; add it"

    def results(self, paper: str) -> list[str]:
        """The files of all tables and figures of a paper, and the tables' pictures where they have any."""
        tables = [table for owner, table in self.plan.tables if owner == paper]
        pictured = [table for table in tables if self.plan.tables[paper, table]["pictures"]]
        figures = [figure for owner, figure in self.plan.figures if owner == paper]
        parts = (("tables", tables, FORMATS), ("figures", pictured, PICTURES), ("figures", figures, CURVES))
        return [
            f"results/{self.plan.scale}/{part}/{paper}/{name}{end}"
            for part, names, ends in parts
            for name in names
            for end in ends
        ]

    def scoring_code(self, wildcards: Any) -> str:
        """A digest of all code that decides a run's scores: with its own task, network, metrics, no other."""
        metrics = modules_of(self._groups(wildcards), SCORES)
        own = self._looked_up([wildcards.run, *_used(wildcards)], wildcards.mix)
        return code_digest("applying/evaluation.py", *own, *metrics)

    def table_code(self, wildcards: Any) -> str:
        """A digest of all code that decides a table: with the metrics that it shows."""
        return code_digest("reporting/tables.py", *self._shown(wildcards))

    def figure_code(self, wildcards: Any) -> str:
        """A digest of all code that decides the pictures of a table, whose runs separate once more."""
        runs = [run for row in self.table(wildcards)["rows"] for run in row["runs"]]
        own = self._looked_up(runs, self.table(wildcards)["mix"])
        return code_digest("reporting/figures/write.py", *own, *self._shown(wildcards))

    def scorers(self, wildcards: Any) -> dict[str, str]:
        """The packages that score a run, with their versions."""
        return versions(scorers_of(self._groups(wildcards)))

    def system_code(self, wildcards: Any) -> str:
        """A digest of all code that decides the scores of what no run is behind, in a group of metrics."""
        metrics = modules_of([wildcards.group], SCORES)
        own = self._looked_up(_used(wildcards), wildcards.mix)
        return code_digest("applying/systems.py", *own, *metrics)

    def system_scorers(self, wildcards: Any) -> dict[str, str]:
        """The packages that compute a group of metrics, with their versions."""
        return versions(scorers_of([wildcards.group]))

    def _groups(self, wildcards: Any) -> list[str]:
        """The groups of metrics that a run is scored in: what no other run computes, or what one does."""
        run, *used = (self.plan.runs[name].spec["task"] for name in (wildcards.run, *_used(wildcards)))
        return computed(declared(run).metrics, *used or [None])

    def _shown(self, wildcards: Any) -> list[str]:
        """The modules that decide what a table makes of the metrics of its rows."""
        table = self.table(wildcards)
        metrics = {column(table, key).metric for row in table["rows"] for key in row["metrics"]}
        return modules_of(sorted(set(map(group_of, metrics))), AGGREGATES)

    def _looked_up(self, runs: list[str], mix: str) -> list[str]:
        """The modules that the specs of `runs`, and of what they use, name, and that of a mix."""
        specs = [self.plan.runs[run].spec for run in runs]
        specs += [self.plan.runs[run].spec for spec in specs for run in spec["uses"].values()]
        modules = {f"mixes/{self.plan.mixes[mix]['kind']}/mixtures.py"}
        modules |= {f"tasks/{spec['task']}/task.py" for spec in specs}
        return sorted(modules | {f"models/{spec['model']['name']}.py" for spec in specs if "model" in spec})

    def corpus_recipe(self, wildcards: Any) -> dict[str, Any]:
        """The whole recipe of a corpus."""
        return canonical(self.plan.corpora[wildcards.corpus])

    def corpus_label(self, wildcards: Any, input: Any) -> str:
        """What the scale calls a corpus, and config.yaml its directory: no part of what it is.

        (Snakemake does not track a parameter whose function also takes `input`.)
        """
        return self.plan.titles[wildcards.corpus]

    def own_tables(self) -> dict[str, list[str]]:
        """{corpus: the tables of its own, without suffix} of the corpora that have any."""
        return {name: tables for name, x in self.plan.corpora.items() if (tables := own_tables(x))}

    def corpus_tables(self, wildcards: Any) -> list[str]:
        """The tables of a corpus's own, which are made before it."""
        return _tables(wildcards.corpus, self.plan.corpora[wildcards.corpus])

    def table_name(self, wildcards: Any) -> str:
        """Which table of its corpus a job makes: a cache between workflows asks for no wildcards."""
        return wildcards.table

    def mix_recipe(self, wildcards: Any) -> dict[str, Any]:
        """The whole recipe of a mix."""
        return canonical(self.plan.mixes[wildcards.mix])

    def mix_label(self, wildcards: Any, input: Any) -> str:
        """What the scale calls the lists of a published mix; empty, where a mix is drawn."""
        return self.plan.titles.get(wildcards.mix, "")

    def mix_corpora(self, wildcards: Any) -> list[str]:
        """What a mix is decided over: a manifest; of a published one, audio too (for its levels)."""
        corpora, listed = self._corpora(wildcards.mix), kind_of(self.plan.mixes[wildcards.mix]["kind"]).listed
        return corpora if listed else [file for file in corpora if file.endswith(MANIFEST)]

    def mix_inputs(self, wildcards: Any) -> list[str]:
        """The plan of a mix, then its corpus's manifest and audio."""
        return self._mix_files(wildcards.mix)

    def mix_group(self, wildcards: Any) -> str:
        """Where a mix is decided on a cluster: with its corpus; with one of them, where it has two.

        With the first by name, so that no two corpora wait for each other.
        """
        return f"corpus_{min(map(digest, corpora_of(self.plan.mixes[wildcards.mix]).values()))}"

    def labels_group(self, wildcards: Any) -> str:
        """Where labels are made on a cluster: with all else that is made of the run's model."""
        return f"use_{self.plan.mixes[wildcards.mix]['run']}"

    def labels_inputs(self, wildcards: Any) -> dict[str, Any]:
        """The mix to be labelled, and the model that labels it."""
        recipe = self.plan.mixes[wildcards.mix]
        return {
            "mix": self._mix_files(digest(recipe["mix"])),
            "model": str(RESULTS.run(recipe["run"]).model),
        }

    def run_spec(self, wildcards: Any) -> dict[str, Any]:
        """The whole spec of a run."""
        return canonical(without_neutral(self.plan.runs[wildcards.run].spec))

    def run_inputs(self, wildcards: Any) -> list[str]:
        """The mixes, corpora and models that a training reads; nothing, where the run was made elsewhere."""
        if RESULTS.run(wildcards.run).adopted:
            return []
        spec = self.plan.runs[wildcards.run].spec
        mixes, runs = _mixes(spec), [spec["init"], *spec["uses"].values()]
        if spec["init"] and spec["disjoint_speakers"]:
            mixes.append(self.plan.runs[spec["init"]].spec["data"]["mix"])
        files = {str(RESULTS.run(run).model) for run in runs if run}
        return sorted(files | {file for mix in mixes for file in self._mix_files(digest(mix))})

    def table(self, wildcards: Any) -> dict[str, Any]:
        """A table of a paper, resolved."""
        return self.plan.tables[wildcards.paper, wildcards.table]

    def table_inputs(self, wildcards: Any) -> list[str]:
        """The scores that a table joins, the provenance of its runs, and its test mixes."""
        table = self.table(wildcards)
        runs = [str(RESULTS.run(run).record) for row in table["rows"] for run in row["runs"]]
        scores = [file for row in table["rows"] for csv in scores_of(row) for file in (csv, stamp_of(csv))]
        mixes = [str(RESULTS.plan(mix)) for mix in mixes_of(table)]
        return list(dict.fromkeys([*scores, *runs, *mixes]))

    def figure_inputs(self, wildcards: Any) -> dict[str, list[str]]:
        """What a table joins, the histories and models of its runs, and the files of its test mix."""
        table = self.table(wildcards)
        runs = dict.fromkeys(run for row in table["rows"] for run in row["runs"])
        return {
            "scores": self.table_inputs(wildcards),
            "histories": [str(RESULTS.run(run).history) for run in runs],
            "models": [str(RESULTS.run(run).model) for run in runs],
            "mix": self._mix_files(table["mix"]),
        }

    def training_figure(self, wildcards: Any) -> dict[str, Any]:
        """A figure of trainings, resolved."""
        return self.plan.figures[wildcards.paper, wildcards.figure]

    def histories(self, wildcards: Any) -> list[str]:
        """The histories that a figure of trainings shows."""
        runs = [run["run"] for panel in self.training_figure(wildcards)["panels"] for run in panel["runs"]]
        return [str(RESULTS.run(run).history) for run in dict.fromkeys(runs)]

    def figure_mix(self, wildcards: Any) -> dict[str, Any]:
        """The whole recipe of the test mix of a table."""
        return canonical(self.plan.mixes[self.table(wildcards)["mix"]])

    def losses(self, wildcards: Any) -> list[dict[str, Any]]:
        """The runs of a table in groups whose losses compare."""
        return comparable(self.table(wildcards), self.plan)

    def context(self, wildcards: Any) -> dict[str, Any]:
        """What a table says beside its numbers: the scale, the corpora behind it, what was trained on.

        `heard`, by test mix, are the mixes that its runs, and all that these build on, were trained and
        validated on: `runs` in words, and whether the speech is of the test mix's corpus (`comparable`).
        Their plans are no input of the table: that of a run made elsewhere need not be here, and one that was
        removed, made again, would be newer than the run.
        """
        table = self.table(wildcards)
        runs = {mix: self._specs(runs) for mix, runs in _runs_by_mix(table).items()}
        mixes = [self.plan.mixes[mix] for mix in runs]
        mixes += [mix for specs in runs.values() for spec in specs.values() for mix in _mixes(spec)]
        names = {digest(x) for mix in mixes for x in corpora_of(mix).values()}
        corpora = [f"{self.plan.titles[name]} (`{name}`)" for name in self.plan.corpora if name in names]
        heard = {mix: self._heard(mix, specs) for mix, specs in runs.items()}
        return {
            "scale": self.plan.scale,
            "untrained": self.plan.untrained,
            "corpora": corpora,
            "heard": heard,
        }

    def _heard(self, test: str, specs: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """The mixes of `specs` (by run), by name, without those that are twins with labels."""
        corpus, heard = corpora_of(self.plan.mixes[test])["corpus"], {}
        for run, spec in specs.items():
            for mix in map(unlabelled, _mixes(spec)):
                of = heard.setdefault(
                    digest(mix), {"comparable": corpora_of(mix)["corpus"] == corpus, "runs": []}
                )
                if self.plan.runs[run].label not in of["runs"]:
                    of["runs"].append(self.plan.runs[run].label)
        return heard

    def _specs(self, runs: list[str]) -> dict[str, dict[str, Any]]:
        """The specs of `runs` and of all that these build on, by name."""
        specs: dict[str, dict[str, Any]] = {}
        while runs := [run for run in runs if run not in specs]:
            specs |= {run: self.plan.runs[run].spec for run in runs}
            runs = [other for run in runs for other in runs_of(specs[run]).values()]
        return specs

    def _corpora(self, mix: str) -> list[str]:
        corpora = [(digest(recipe), recipe) for recipe in corpora_of(self.plan.mixes[mix]).values()]
        packed = [str(RESULTS.corpus(name) / file) for name, _ in corpora for file in (MANIFEST, AUDIO)]
        return packed + [table for name, recipe in corpora for table in _tables(name, recipe)]

    def _mix_files(self, mix: str) -> list[str]:
        own = [RESULTS.mix(mix) / file for file in kind_of(self.plan.mixes[mix]["kind"]).files]
        return [*map(str, [RESULTS.plan(mix), *own]), *self._corpora(mix)]


def _tables(corpus: str, recipe: Recipe) -> list[str]:
    return [str(RESULTS.corpus(corpus) / f"{table}.csv") for table in own_tables(recipe)]


def _used(wildcards: Any) -> list[str]:
    """The run that computes metrics of others, where a job's wildcards name one."""
    return [run] if (run := getattr(wildcards, "used", "")) else []


def _mixes(spec: dict[str, Any]) -> list[Recipe]:
    """The mixes that a run is trained and validated on."""
    return [spec[part]["mix"] for part in parts_of(spec)]


def _runs_by_mix(table: dict[str, Any]) -> dict[str, list[str]]:
    """The runs of a table by the mix that they are tested on."""
    by_mix: dict[str, list[str]] = {mix: [] for mix in mixes_of(table)}
    for row in table["rows"]:
        for mix in tested(row):
            by_mix[mix] += row["runs"]
    return by_mix
