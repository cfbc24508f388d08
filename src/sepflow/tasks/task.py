"""What every task is to a training: a network, what a step loses, perhaps a head that no other task needs."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from sepflow.errors import SepflowError
from sepflow.metrics.signals import Signals, Values
from sepflow.mixes.examples import Examples, FixedExamples
from sepflow.mixes.mix import Mix
from sepflow.mixes.recipes import rate_of
from sepflow.tasks import declared
from sepflow.tasks.selection import select, selections

# What the examples of each part (data, joint, ...) have, by name: mixture [B, T], references [B, C, T] and
# number [B]; where crops stay, pass and row [B]; what a kind of mix adds.
Examined = dict[str, Tensor]
Batch = Mapping[str, Examined]
HEAD, USES = "head.", "uses."


class Step(NamedTuple):
    """What a step loses, of each example [B].

    The assignment [B, C] that it is the loss of, where there is one; and, for the history, what the loss is
    made of: means over the batch, by name.
    """

    losses: Tensor
    assignment: Tensor | None = None
    terms: dict[str, Tensor] = {}  # noqa: RUF012 (nobody changes it)


Columns = Callable[[Signals], dict[str, Values]]


class Tested(NamedTuple):
    """A mixture [T] of a test mix at `rate` Hz, float32, with its references [C, T], and its name there.

    `columns` computes the columns of signals in the metrics that are wanted.
    """

    mixture: np.ndarray
    references: np.ndarray
    name: str
    rate: int
    columns: Columns


Scores = tuple[str, dict[str, Values]]  # a selection, the values of each column of the task's metrics


class Task(nn.Module, ABC):
    """A `model` that other runs may begin with, a `head` of the task's own, and the loss of a batch.

    `used` are the frozen networks of other runs, by name. They are no modules of this one: no optimiser, no
    checkpoint and no other process sees them.
    """

    model: nn.Module
    head: nn.Module | None
    shares_batch = True  # whether processes may share a batch: no example's loss depends on the others

    def __init__(self, spec: dict[str, Any], used: Mapping[str, "Frozen"] | None = None):
        super().__init__()
        self.spec, self.used, self.declared = spec, dict(used or {}), declared(spec["task"])
        self.head = None  # of the class it would hide the module that a task sets

    @property
    def of_mixtures(self) -> bool:
        """Whether an example is a mixture of two mixtures."""
        return self.declared.of_mixtures(self.spec)

    def examples(self, part: str, mix: Mix) -> Dataset:
        """The examples of a part of the run: those of a training by their numbers, or all to validate on."""
        kind = FixedExamples if self.declared.parts[part].validated else Examples
        return kind(mix, self.spec[part], segment_samples(self.spec), self.spec["seed"], self.of_mixtures)

    @abstractmethod
    def step(self, batch: Batch, at: int = 0) -> Step:
        """What a batch of the parts that are trained on loses at optimiser step `at`, from 0; less is better.

        Of a separation in dB.
        """

    def held_step(self, batch: Batch, at: int = 0) -> Step:
        """A step, held against what it has to be: SepflowError where a task returns another thing."""
        step, wanted = self.step(batch, at), batch["data"]["mixture"].shape[:1]
        if not isinstance(step, Step):
            wrong = described(step)
        elif not isinstance(step.losses, Tensor) or step.losses.shape != wanted:
            wrong = f"losses {described(step.losses)}"
        elif odd := [name for name, x in step.terms.items() if not isinstance(x, Tensor) or x.ndim]:
            wrong = (
                f"{odd[0]} among its terms, which are means, Tensor [], as {described(step.terms[odd[0]])}"
            )
        else:
            return step
        raise SepflowError(
            f"step of the task {self.spec['task']} must return Step(losses [{wanted[0]}]), an example one, "
            f"not {wrong}"
        )

    def stepped(self, at: int) -> None:
        """After optimiser step `at`: what follows the weights, as a moving average does, is moved here."""

    def validated(self, batch: Batch, at: int = 0) -> Tensor:
        """What a validation adds up over its batches, each of one part: here [losses, their number]."""
        (examined,) = batch.values()
        losses = self.held_step({"data": examined}, at).losses.double()
        return torch.stack([losses.sum(), losses.new_tensor(len(losses))])

    def summary(self, sums: Tensor) -> dict[str, Tensor]:
        """What the `sums` [K] over all validation batches say, by name, `validation_loss` among it."""
        return {"validation_loss": sums[0] / sums[1]}

    @torch.inference_mode()
    def apply_to(self, mixture: np.ndarray) -> Tensor:
        """Estimates [M, T] (float32, on the CPU) of a mixture [T] float32."""
        device = next(iter(self.weights().values())).device
        return self(torch.from_numpy(mixture).to(device)[None])[0].float().cpu()

    def score(self, tested: Tested) -> Iterator[Scores]:
        """The scores of a test mixture in the task's metrics: of estimates, selected in each way there is."""
        estimates = self.apply_to(tested.mixture)
        for selection in selections(len(estimates), len(tested.references)):
            chosen = select(estimates, selection, tested.references).numpy()
            signals = Signals(tested.references, chosen, tested.mixture, tested.rate)
            yield selection, tested.columns(signals)

    def weights(self) -> dict[str, Tensor]:
        """All weights of its own: the model's under their own names, the head's after `head.`."""
        head = self.head.state_dict() if self.head else {}
        return self.model.state_dict() | {HEAD + name: weight for name, weight in head.items()}

    def applied(self) -> dict[str, "Frozen"]:
        """The used networks without which the model cannot be applied, and that it is saved with."""
        return {name: self.used[name] for name, use in self.declared.uses.items() if use.applied}

    def used_weights(self) -> dict[str, Tensor]:
        """The weights of these, after `uses.<name>.`."""
        return {
            f"{USES}{used}.{name}": weight
            for used, frozen in self.applied().items()
            for name, weight in frozen.task.weights().items()
        }

    def load_weights(self, weights: dict[str, Tensor]) -> None:
        """Take up `weights()`."""
        head = {name.removeprefix(HEAD): weights[name] for name in weights if name.startswith(HEAD)}
        self.model.load_state_dict(model_weights(weights))
        if self.head:
            self.head.load_state_dict(head)


class Frozen:
    """The network of another run, as a task uses it: its weights stay, and it computes in float32.

    No module, so that whoever has one has none of its weights. Gradients reach what it is given.
    """

    def __init__(self, task: Task):
        self.task = task.float().eval().requires_grad_(False)

    def to(self, device: torch.device) -> None:
        """Bring it to a device."""
        self.task.to(device)

    def __call__(self, *inputs: Tensor) -> Any:
        """What the run's task makes of tensors."""
        with torch.autocast(inputs[0].device.type, enabled=False):
            return self.task(*(x.float() if x.is_floating_point() else x for x in inputs))


class Pretext(Task):
    """A task on one noisy speaker, from which a separator begins; it has a score of its own."""

    def score(self, tested: Tested) -> Iterator[Scores]:
        """The task's own scores of a test mixture."""
        scores = self.scores(tested.mixture, tested.references[0], tested.name)
        yield "none", {metric: [value] for metric, value in scores.items()}

    @abstractmethod
    def scores(self, mixture: np.ndarray, reference: np.ndarray, name: str) -> dict[str, float]:
        """Each of the task's metrics for `mixture` [T] and its clean `reference` [T]; drawn from `name`."""


class Made(Task):
    """A task whose runs are made without a training: others use what its network hears."""

    def step(self, batch: Batch, at: int = 0) -> Step:
        """None: raises TypeError."""
        raise TypeError(f"a run of the task {self.spec['task']} is made, not trained")


def described(value: Any) -> str:
    """What messages call what a task or a network returned: its type, and a tensor's shape."""
    return type(value).__name__ + (f" {list(value.shape)}" if isinstance(value, Tensor) else "")


def model_weights(weights: dict[str, Any]) -> dict[str, Any]:
    """Of a run's weights those of the network."""
    return {name: weight for name, weight in weights.items() if not name.startswith((HEAD, USES))}


def segment_samples(spec: dict[str, Any]) -> int:
    """Length of a run's training segments, in samples."""
    return round(spec["segment"] * rate_of(spec["data"]["mix"]))
