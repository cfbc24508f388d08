"""What a task declares, without torch, beside its code: so that the plan refuses what a training would."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sepflow import plugs
from sepflow.errors import SepflowError, unknown_name

if TYPE_CHECKING:
    from sepflow.networks.places import Places

Spec = dict[str, Any]
LOWER, HIGHER = "lower", "higher"


@dataclass(frozen=True)
class Part:
    """A mix that a run hears: of so many `speakers` (None: as many as the model has outputs).

    A run is trained on its parts, but for those that it is `validated` on.
    """

    speakers: int | None = None
    validated: bool = False


PARTS = {"data": Part(), "validation": Part(validated=True)}


@dataclass(frozen=True)
class Use:
    """A frozen network that a task uses: of a run of one of `tasks`; saved with the model if `applied`."""

    tasks: tuple[str, ...]
    applied: bool = False


class Idle(NamedTuple):
    """A key without effect `when` it says so of a spec (and of the specs of all runs by their names).

    `off` is the value that asks for nothing; `why` has the way out. `alone` of what a spec can be asked by
    itself; the rest is what a base of several tasks says of the others, or hangs on what other runs are.
    """

    key: str
    off: Any
    when: Callable[[Spec, dict[str, Spec]], bool]
    why: str
    alone: bool = False


def always(spec: Spec, specs: dict[str, Spec]) -> bool:
    """For an Idle of a task: in all of its runs."""
    return True


def never(spec: Spec) -> bool:
    """For a task whose examples are mixtures, not pairs of them."""
    return False


def as_said(spec: Spec, root: Path, where: str) -> Spec:
    """For a task whose runs say all that they are."""
    return spec


def nothing(spec: Spec, places: "Places") -> str:
    """For a task that reads what the workflow makes."""
    return ""


def no_problems(spec: Spec) -> Iterator[str]:
    """For a task whose settings go together however they are."""
    yield from ()


@dataclass(frozen=True)
class Declaration:
    """What a task is given, and scored in.

    objectives: the pairs of name and loss that it can be trained with; metrics: the groups of its scores;
    parts: the mixes that it hears, by the keys of a spec; uses: its frozen networks, by name; settings: the
    key of a spec under which it has settings of its own, which a `checked` class beside its code takes;
    select: what its best model may be selected by, and which way is better; separates: whether it estimates
    the sources of a recording; of_mixtures: whether an example of a spec is a mixture of two mixtures; idle:
    keys that do nothing in it; problems: what else a training would refuse in a whole spec, as `key: words`;
    made: whether its runs are made once without a training, by `make` of its task.py, from no more than their
    parts, settings, network, used runs and seed; completed: a run's spec, said at `where`, with what it has
    from the files of the checkout `root`, by which it is named too; wants: what has to be brought before a
    run can be made, and the way to it, where that is not there.
    """

    objectives: tuple[tuple[str, str], ...] = ()
    metrics: tuple[str, ...] = ()
    parts: dict[str, Part] = field(default_factory=PARTS.copy)
    uses: dict[str, Use] = field(default_factory=dict)
    settings: str | None = None
    select: dict[str, str] = field(default_factory=lambda: {"validation_loss": LOWER})
    separates: bool = True
    of_mixtures: Callable[[Spec], bool] = never
    idle: tuple[Idle, ...] = ()
    problems: Callable[[Spec], Iterator[str]] = no_problems
    made: bool = False
    completed: Callable[[Spec, Path, str], Spec] = as_said
    wants: Callable[[Spec, "Places"], str] = nothing

    @property
    def own(self) -> tuple[str, ...]:
        """The keys of a spec that a run which is made may say."""
        return ("task", "model", "uses", "seed", *self.parts, *([self.settings] if self.settings else []))

    def sign(self, select: str) -> int:
        """What to multiply a criterion by, so that less of it is better."""
        return 1 if self.select[select] == LOWER else -1

    @property
    def trained_on(self) -> list[str]:
        """The parts that a run is trained on."""
        return [name for name, part in self.parts.items() if not part.validated]

    @property
    def validated_on(self) -> list[str]:
        """The parts that a run is validated on."""
        return [name for name, part in self.parts.items() if part.validated]


def check(said: Any, where: str, tasks: Collection[str], groups: Collection[str]) -> None:
    """Hold what a task says in `where` against what a Declaration is, beside `tasks` and `groups` of metrics.

    Raises SepflowError naming the field.
    """
    if not isinstance(said, Declaration):
        raise SepflowError(f"{where}: DECLARED: a Declaration is needed, not {said!r}")
    for problem in _shapeless(said):
        raise SepflowError(f"{where}: {problem}")
    uses = {f"uses: {name}": use.tasks for name, use in said.uses.items()}
    plugs.check_words(where, metrics=said.metrics, **uses)
    named = [("metrics", "group of metrics", said.metrics, groups)]
    named += [(key, "task", names, tasks) for key, names in uses.items()]
    for key, what, names, known in named:
        for name in names:
            if name not in known:
                raise SepflowError(f"{where}: {key}: {unknown_name(what, name, list(known))}")
    if not said.made and not ("data" in said.trained_on and "validation" in said.validated_on):
        raise SepflowError(
            f'{where}: parts: a training has "data": Part(...) and "validation": Part(..., validated=True), '
            "beside what else it hears"
        )
    if not said.made and not said.objectives:
        raise SepflowError(f"{where}: objectives: a training needs one, or the task `made=True`")


def _shapeless(said: Declaration) -> Iterator[str]:
    """The fields that are not of the types that they are declared with."""
    objectives, ways = said.objectives, (LOWER, HIGHER)
    if not isinstance(objectives, tuple) or not all(_is_pair(one) for one in objectives):
        yield f'objectives: pairs of name and loss are needed, as (("pit", "si_snr"),), not {objectives!r}'
    for key, kind, example in (
        ("parts", Part, '{"data": Part()}'),
        ("uses", Use, '{"judge": Use(("task",))}'),
    ):
        value = getattr(said, key)
        if not isinstance(value, dict) or not all(isinstance(one, kind) for one in value.values()):
            yield f"{key}: a {kind.__name__} by each name is needed, as {example}, not {value!r}"
    select = said.select
    if not isinstance(select, dict) or not select or not all(way in ways for way in select.values()):
        yield f"select: LOWER or HIGHER by each criterion is needed, not {select!r}"
    if not isinstance(said.settings, str | None):
        yield f"settings: the key of a run is needed, or None, not {said.settings!r}"
    if not isinstance(said.idle, tuple) or not all(isinstance(one, Idle) for one in said.idle):
        yield f"idle: a tuple of Idle is needed, as (Idle(...),), not {said.idle!r}"
    for key in ("of_mixtures", "problems", "completed"):
        if not callable(getattr(said, key)):
            yield f"{key}: a function is needed, not {getattr(said, key)!r}"


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple | list) and len(value) == 2 and all(isinstance(x, str) for x in value)
