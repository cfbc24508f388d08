"""What a job is for, in the words of the papers: the messages of the rules."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from sepflow.identity import digest, parts_of, runs_of
from sepflow.mixes.recipes import corpora_of, unlabelled
from sepflow.planning.layout import tested
from sepflow.planning.plan import Plan


class Messages:
    """The jobs of a plan in words: `f"{messages:run 612b8b01870c}"` says what `run("612b8b01870c")` does.

    As a format, because Snakemake fills in a message as it does a shell command, from names alone; and what
    a rule had as a parameter would count as a part of its results in the cache between workflows.
    """

    def __init__(self, plan: Plan):
        self.plan = plan

    def spoken_in(self, names: dict[str, Any]) -> Callable[[str], str]:
        """Join the `names` that messages are filled in from; return what makes a message of a job's words.

        Beside other plans, where a workflow has taken in sepflow more than once.
        """
        own = f"sepflow_{len(names)}"
        names[own] = self
        return lambda job: f"{{{own}:{job}}}"

    def __format__(self, job: str) -> str:
        kind, *names = job.split()
        return getattr(self, kind)(*names)

    def run(self, run: str) -> str:
        """A training: `train student_2src, seed 2, of ts_mixit: Table 1 row 3`."""
        return f"train {self.named(run)}"

    def scores(self, run: str, mix: str, used: str = "") -> str:
        """A run on a test mix, perhaps by another: the rows of tables that its scores are for."""
        return f"score {self._called(run)}{self._by(used)}: {self._rows(run, mix) or 'in no table'}"

    def system(self, system: str, group: str, mix: str, used: str = "") -> str:
        """What no run is behind on a test mix, in a group of metrics: the rows of tables that this is for."""
        rows = self._numbered(lambda row: row.get("system") == system and mix in tested(row))
        return f"score the {system} in place of estimates ({group}{self._by(used)}): {rows or 'in no table'}"

    def labels(self, mix: str) -> str:
        """A run's estimates on a mix: whom they teach."""
        recipe = self.plan.mixes[mix]
        return f"label {self._mixtures(mix)} by {self._called(recipe['run'])}: {self._learners(mix)}"

    def mix(self, mix: str) -> str:
        """The plan of a mix: of which corpora, for which papers."""
        return f"mix {self._mixtures(mix)}: for {', '.join(self._papers(mix))}"

    def files(self, mix: str) -> str:
        """A mix as files, on request."""
        return f"write the files of {self._mixtures(mix)}"

    def corpus(self, corpus: str) -> str:
        """A corpus, by what the scale calls it."""
        return f"pack the corpus {self.plan.titles[corpus]}"

    def corpus_table(self, corpus: str, table: str) -> str:
        """A table of a corpus's own."""
        return f"take over the {table} of the corpus {self.plan.titles[corpus]}"

    def table(self, paper: str, table: str) -> str:
        """A table of a paper."""
        return f"write {_titled(table)} of {paper}"

    def pictures(self, paper: str, table: str) -> str:
        """The pictures of a table."""
        return f"draw the pictures of {_titled(table)} of {paper}"

    def figure(self, paper: str, figure: str) -> str:
        """A paper's figure of its trainings."""
        return f"draw {_titled(figure)} of {paper}"

    def named(self, run: str) -> str:
        """`student_2src, seed 2, of ts_mixit: Table 1 row 3`: a run and what it is for."""
        return f"{self._called(run)}: {self._rows(run) or self._needed(run)}"

    def _by(self, used: str) -> str:
        return f" by {self._called(used)}" if used else ""

    def _called(self, run: str) -> str:
        """`student_2src, seed 2, of ts_mixit`: a run as the first of its papers calls it."""
        return _label(self.plan.runs[run].aliases[0])

    def _rows(self, run: str, mix: str | None = None) -> str:
        """The rows of tables that show the run, or its scores on one mix; empty, where none does."""
        own = self.plan.runs[run].aliases[0].split("/")[0]
        return self._numbered(lambda row: run in row["runs"] and (mix is None or mix in tested(row)), own)

    def _numbered(self, shown: Callable[[dict[str, Any]], bool], own: str = "") -> str:
        """The rows of tables that are `shown`, by number, with their paper where it is not their `own`."""
        return ", ".join(
            f"{_titled(table)} row {number}" + f" of {paper}" * (paper != own)
            for (paper, table), content in self.plan.tables.items()
            for number, row in enumerate(content["rows"], 1)
            if shown(row)
        )

    def _needed(self, run: str) -> str:
        """The runs that build on one which is in no row, or the rows whose metrics it computes."""
        users = [
            self._called(other) for other, x in self.plan.runs.items() if run in runs_of(x.spec).values()
        ]
        if scores := self._numbered(lambda row: run in row.get("used", {}).values()):
            users.append(f"the scores of {scores}")
        return f"for {'; '.join(users)}" if users else "in no table"

    def _learners(self, mix: str) -> str:
        return f"for {'; '.join(self._called(run) for run in self._hearers(mix))}"

    def _hearers(self, mix: str) -> list[str]:
        """The runs that are trained, validated or warmed up on a mix."""
        specs = {run: x.spec for run, x in self.plan.runs.items()}
        return [run for run, spec in specs.items() if mix in {digest(spec[x]["mix"]) for x in parts_of(spec)}]

    def _papers(self, mix: str) -> list[str]:
        """The papers that train or test on a mix, or on one that gives it labels."""
        mixes = {mix} | {name for name, x in self.plan.mixes.items() if mix == digest(unlabelled(x))}
        hearers = {run for name in mixes for run in self._hearers(name)}
        papers = [label.split("/")[0] for run in hearers for label in self.plan.runs[run].aliases]
        papers += [paper for (paper, _), x in self.plan.tables.items() if _tested(x["rows"], mix)]
        return sorted(set(papers))

    def _mixtures(self, mix: str) -> str:
        """`the 40 train mixtures of voices`: what a mix is made of."""
        recipe = unlabelled(self.plan.mixes[mix])
        corpora = [self.plan.titles[digest(corpus)] for corpus in corpora_of(recipe).values()]
        return f"the {recipe['mixtures']} {recipe['split']} mixtures of {' and '.join(corpora)}"


def _tested(rows: Iterable[dict], mix: str) -> bool:
    return any(mix in tested(row) for row in rows)


def _label(label: str) -> str:
    """`student@2` of a paper, said: `student, seed 2, of the paper`."""
    paper, name = label.split("/")
    name, _, seed = name.partition("@")
    return f"{name}, seed {seed}, of {paper}" if seed else f"{name} of {paper}"


def _titled(name: str) -> str:
    """`table1` as a paper prints it, `Table 1`; another name as it is, with the word before it."""
    numbered = re.fullmatch(r"(table|figure)_?(\w*\d\w*)", name)
    return f"{numbered[1].capitalize()} {numbered[2]}" if numbered else f"table {name}"
