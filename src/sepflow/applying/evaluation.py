"""A run applied to a test mix: estimated and scored together, whole utterances, never an average."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from sepflow.applying.inference import Estimator
from sepflow.applying.scoring import Scored, write_scores
from sepflow.errors import SepflowError
from sepflow.files.seals import digest_of
from sepflow.metrics.declared import computed
from sepflow.metrics.signals import score_signals
from sepflow.mixes.mix import Mix
from sepflow.mixes.recipes import rate_of
from sepflow.tasks.task import Columns, Scores, Task, Tested, described


class Used(NamedTuple):
    """The model of a `run` that computes metrics of others."""

    model: Path
    run: str

    @property
    def stamp(self) -> dict[str, str]:
        """What is said of it beside the scores."""
        return {"used": self.run, "used_model": digest_of(self.model)}


def evaluate(
    model: Path,
    mix: Mix,
    out: Path,
    device: str = "auto",
    run: str | None = None,
    origin: dict[str, Any] | None = None,
    rate: int | None = None,
    used: Used | None = None,
) -> None:
    """Score a model on every mixture of `mix` in the metrics of its task; write them to `out` (see scoring).

    These are all that no other run computes, or all that `used` does. The stamp beside `out` says the `run`
    (which the model must be of, else SepflowError), the digest of the model, and the `origin` that the caller
    says. `rate` is that of `mix`, in Hz; by default what the run was trained at.
    """
    estimator = Estimator(model, device, run)
    network = Estimator(used.model, device, used.run) if used else None
    groups = computed(estimator.task.declared.metrics, network.spec["task"] if network else None)
    of = {**(origin or {}), "run": run, "model": digest_of(model), **(used.stamp if used else {})}
    rate = rate or rate_of(estimator.spec["data"]["mix"])
    columns = partial(score_signals, groups, network=network)
    write_scores(_scored(estimator, mix, rate, columns), groups, mix, out, of)


def _scored(estimator: Estimator, mix: Mix, rate: int, columns: Columns) -> Iterator[Scored]:
    for row in range(len(mix)):
        tested = Tested(mix.mixture(row), mix.references(row), mix.ids[row], rate, columns)
        for selection, values in _scores(estimator.task, tested):
            yield row, selection, values


def _scores(task: Task, tested: Tested) -> list[Scores]:
    """What a task says of a mixture; SepflowError where its `score` yields no such thing."""
    scores = task.score(tested)
    found = list(scores) if isinstance(scores, Iterator) else []
    odd = [x for x in found if not isinstance(x, tuple) or len(x) != 2 or not isinstance(x[1], Mapping)]
    if odd or not found:
        given = (
            f"yielded {described(odd[0])}" if odd else f"returned {described(scores)}, and yielded nothing"
        )
        raise SepflowError(
            f"score of the task {task.spec['task']} must yield (selection, {{column: [values]}}); it {given}"
        )
    return found
