"""Batches in an order that depends on the step alone, so that a resumed run sees what it would have seen."""

from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader, Dataset, Sampler

from sepflow.simulation.examples import Examples, FixedExamples
from sepflow.simulation.mix import Mix


class StepSampler(Sampler[list[int]]):
    """The numbers of the examples of one epoch's batches: epoch e, step s, place b -> (e S + s) B + b.

    An epoch is what lies between two validations. Lightning calls `set_epoch`, after a resume too.
    """

    def __init__(self, steps: int, batch: int):
        self.steps, self.batch, self.epoch = steps, batch, 0

    def set_epoch(self, epoch: int) -> None:
        """Go to the batches of an epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[list[int]]:
        for step in range(self.epoch * self.steps, (self.epoch + 1) * self.steps):
            yield list(range(step * self.batch, (step + 1) * self.batch))


def train_loader(spec: dict[str, Any], mix: Mix, pairs: bool, workers: int) -> DataLoader:
    """The training batches of a run."""
    examples = Examples(mix, spec["data"], segment_samples(spec), spec["seed"], pairs)
    return _loader(examples, workers, batch_sampler=StepSampler(spec["validate_every"], spec["batch"]))


def validation_loader(spec: dict[str, Any], mix: Mix, pairs: bool) -> DataLoader:
    """The batches a run is validated on: the same each time."""
    examples = FixedExamples(mix, spec["validation"], segment_samples(spec), spec["seed"], pairs)
    return _loader(examples, 0, batch_size=max(spec["batch"], 8))


def segment_samples(spec: dict[str, Any]) -> int:
    """Length of a run's training segments, in samples."""
    mix = spec["data"]["mix"]
    return round(spec["segment"] * mix.get("mix", mix)["corpus"]["rate"])


def _loader(examples: Dataset, workers: int, **batches: Any) -> DataLoader:
    # Nothing is drawn in a worker, and forked workers share the corpus's pages.
    return DataLoader(examples, num_workers=workers, persistent_workers=workers > 0, **batches)
