"""The settings of the contrastive task, and what it draws for an example."""

from dataclasses import dataclass

import numpy as np

from sepflow.settings import NotNegative, Positive, Several, Size, checked


@checked("pretext", "share below 1", "groups divides size")
@dataclass(frozen=True)
class Contrast:
    """What a run's `pretext` says of the contrastive task.

    frame: what is compared, in seconds; share of the frames that is masked, in spans of `span` seconds; the
    most distractors of a frame; temperature that the cosines are divided by; size of the compared vectors;
    groups of `codes` codes each; diversity: the weight of that loss; gumbel: temperature of the codes'
    softmax. Raises SepflowError for a value that is none.
    """

    frame: Positive
    span: Positive
    share: Positive
    distractors: Size
    temperature: Positive
    size: Size
    groups: Size
    codes: Several
    diversity: NotNegative
    gumbel: Positive


def masked_count(frames: int, share: float) -> int:
    """How many of `frames` are masked."""
    return round(share * frames)


def draw_masked(frames: int, share: float, span: int, rng: np.random.Generator) -> np.ndarray:
    """The masked ones of `frames`, in order: [M], M the same for all draws.

    Spans begin anywhere that they end within, no two at one frame, and may overlap; the last is cut short.
    """
    count = masked_count(frames, share)
    masked = np.zeros(frames, dtype=bool)
    for start in rng.permutation(max(1, frames - span + 1)):
        left = count - int(masked.sum())
        new = start + np.flatnonzero(~masked[start : start + span])
        masked[new[:left]] = True
    return np.flatnonzero(masked)


def draw_candidates(count: int, distractors: int, rng: np.random.Generator) -> np.ndarray:
    """Which of `count` frames are candidates of each: itself and, at most, so many others. Bool, [M, M]."""
    if count <= distractors + 1:
        return np.ones((count, count), dtype=bool)
    order = rng.random((count, count))
    np.fill_diagonal(order, -1)
    return order <= np.partition(order, distractors, axis=1)[:, [distractors]]
