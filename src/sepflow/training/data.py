"""Batches in an order that depends on the step alone, so that a resumed run sees what it would have seen."""

from collections.abc import Callable, Iterator
from typing import Any

from torch.utils.data import DataLoader, Dataset, Sampler, Subset

from sepflow.mixes.examples import Examples, FixedExamples, JointExamples
from sepflow.mixes.mix import Mix
from sepflow.mixes.recipes import rate_of

# This process and how many there are.
Share = tuple[int, int]
ALONE: Share = (0, 1)


class StepSampler(Sampler[list[int]]):
    """The numbers of the examples of one epoch's batches: step s, place b -> s B + b.

    Of each batch a process of several takes its share: the places rank, rank + processes, ... An epoch is
    what lies between two validations. It begins at the step that `first` gives when it begins: the
    optimiser's own count, which a checkpoint restores; one that was begun before is what is left of it.
    Lightning's `set_epoch` does not reach a batch sampler, and counts a resumed epoch twice.
    """

    def __init__(self, steps: int, batch: int, first: Callable[[], int], share: Share = ALONE):
        self.steps, self.batch, self.first, self.share = steps, batch, first, share

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[list[int]]:
        first, (rank, processes) = self.first(), self.share
        for step in range(first, first + self.steps - first % self.steps):
            yield list(range(step * self.batch + rank, (step + 1) * self.batch, processes))


def train_loader(
    spec: dict[str, Any],
    mixes: dict[str, Mix],
    pairs: bool,
    workers: int,
    first: Callable[[], int],
    share: Share = ALONE,
) -> DataLoader:
    """The training batches of a run, from the step that `first` gives when an epoch begins.

    `mixes` are those of the spec by its keys: data, perhaps joint.
    """
    segment, seed = segment_samples(spec), spec["seed"]
    examples = Examples(mixes["data"], spec["data"], segment, seed, pairs)
    if spec["joint"]:
        examples = JointExamples(examples, Examples(mixes["joint"], spec["joint"], segment, seed, pairs))
    sampler = StepSampler(spec["validate_every"], spec["batch"], first, share)
    return _loader(examples, workers, batch_sampler=sampler)


def validation_loader(spec: dict[str, Any], mix: Mix, pairs: bool, share: Share = ALONE) -> DataLoader:
    """The batches a run is validated on: the same each time."""
    examples = FixedExamples(mix, spec["validation"], segment_samples(spec), spec["seed"], pairs)
    rank, processes = share
    return _loader(
        Subset(examples, range(rank, len(examples), processes)), 0, batch_size=max(spec["batch"], 8)
    )


def segment_samples(spec: dict[str, Any]) -> int:
    """Length of a run's training segments, in samples."""
    return round(spec["segment"] * rate_of(spec["data"]["mix"]))


def _loader(examples: Dataset, workers: int, **batches: Any) -> DataLoader:
    # Nothing is drawn in a worker, and forked workers share the corpus's pages.
    return DataLoader(examples, num_workers=workers, persistent_workers=workers > 0, **batches)
