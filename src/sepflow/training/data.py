"""Batches in an order that depends on the step alone, so that a resumed run sees what it would have seen."""

from collections.abc import Callable, Iterator
from typing import Any

from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from sepflow.identity import batch_of
from sepflow.mixes.mix import Mix
from sepflow.tasks.task import Batch, Task

# This process and how many there are.
Share = tuple[int, int]
ALONE: Share = (0, 1)
Place = tuple[str, int]  # a part of a run, and the number of an example of it


class Parts(Dataset):
    """The examples of several parts of a run: that of a part and a number, with its part."""

    def __init__(self, examples: dict[str, Dataset]):
        self.examples = examples

    def __getitem__(self, place: Place) -> tuple[str, dict[str, Any]]:
        part, number = place
        return part, self.examples[part][number]


def collate(examples: list[tuple[str, dict[str, Any]]]) -> Batch:
    """Examples of parts as a batch: part by part, and name by name."""
    parts: dict[str, list[dict[str, Any]]] = {}
    for part, example in examples:
        parts.setdefault(part, []).append(example)
    return {part: default_collate(own) for part, own in parts.items()}


class StepSampler(Sampler[list[Place]]):
    """The examples of one epoch's batches: step s, place b of a part with batches of B -> number s B + b.

    Of each part's batch a process of several takes its share: the places rank, rank + processes, ... An
    epoch is what lies between two validations. It begins at the step that `first` gives when it begins: the
    optimiser's own count, which a checkpoint restores; one that was begun before is what is left of it.
    A step of the optimiser has `accumulate` such batches.
    Lightning's `set_epoch` does not reach a batch sampler, and counts a resumed epoch twice.
    """

    def __init__(
        self,
        steps: int,
        batches: dict[str, int],
        first: Callable[[], int],
        share: Share = ALONE,
        accumulate: int = 1,
    ):
        self.steps, self.batches, self.first, self.share = steps * accumulate, batches, first, share
        self.accumulate = accumulate

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[list[Place]]:
        first, (rank, processes) = self.first() * self.accumulate, self.share
        for step in range(first, first + self.steps - first % self.steps):
            yield [
                (part, number)
                for part, batch in self.batches.items()
                for number in range(step * batch + rank, (step + 1) * batch, processes)
            ]


def train_loader(
    task: Task, mixes: dict[str, Mix], workers: int, first: Callable[[], int], share: Share = ALONE
) -> DataLoader:
    """The training batches of a run, from the step that `first` gives when an epoch begins.

    `mixes` are those of the run by the parts of its spec.
    """
    spec = task.spec
    examples = {part: task.examples(part, mixes[part]) for part in task.declared.trained_on}
    sampler = StepSampler(spec["validate_every"], batches(task), first, share, spec["accumulate"])
    # Nothing is drawn in a worker, and forked workers share the corpus's pages.
    return DataLoader(
        Parts(examples),
        batch_sampler=sampler,
        collate_fn=collate,
        num_workers=workers,
        persistent_workers=workers > 0,
    )


def validation_loader(task: Task, mixes: dict[str, Mix], share: Share = ALONE) -> DataLoader:
    """The batches a run is validated on, each of one part: the same each time."""
    examples = {part: task.examples(part, mixes[part]) for part in task.declared.validated_on}
    size, (rank, processes) = max(task.spec["batch"], 8), share
    places = []
    for part, dataset in examples.items():
        own = [(part, number) for number in range(rank, len(dataset), processes)]
        places += [own[start : start + size] for start in range(0, len(own), size)]
    return DataLoader(Parts(examples), batch_sampler=places, collate_fn=collate)


def batches(task: Task) -> dict[str, int]:
    """How many examples of each part a step hears."""
    return {part: batch_of(task.spec, part) for part in task.declared.trained_on}
