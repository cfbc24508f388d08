"""A recording of any length in overlapping chunks, the channels of the estimates in one order throughout.

What of a chunk fits which channel is the model's whim, anew in each: two neighbours are compared where they
overlap, and the later one put into the order of the earlier. Memory is that of two chunks.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from scipy.optimize import linear_sum_assignment

# An order is changed where that gains more than this share of the overlap's energy: not for rounding errors.
_GAIN = 1e-6


def separate_chunks(
    mixture: Iterable[np.ndarray], separate: Callable[[np.ndarray], np.ndarray], size: int, overlap: int
) -> Iterator[np.ndarray]:
    """Estimates [M, n] of a mixture that comes in blocks [n] of any lengths; both add up to the same length.

    `separate` maps a chunk [n], n <= `size` samples, to estimates [M, n]. Neighbours share `overlap` samples,
    0 < overlap < size, and are cross-faded there; a mixture of at most one chunk comes out as `separate`
    gives it. Where each chunk's estimates sum to the chunk, the whole's sum to the mixture.
    """
    fade = ((np.arange(overlap) + 0.5) / overlap).astype(np.float32)
    tail = None
    for chunk, known in chunks(mixture, size, overlap):
        estimates = separate(chunk)
        if tail is not None:
            estimates = estimates[:, known - overlap :]
            estimates = estimates[best_order(tail, estimates[:, :overlap])]
            estimates[:, :overlap] = tail + fade * (estimates[:, :overlap] - tail)
        yield estimates[:, :-overlap]
        tail = estimates[:, -overlap:]
    if tail is not None:
        yield tail


def chunks(blocks: Iterable[np.ndarray], size: int, overlap: int) -> Iterator[tuple[np.ndarray, int]]:
    """(chunk [n], how many of its first samples the chunk before it has too) of a signal in blocks [n].

    All chunks have `size` samples, unless the signal is shorter. Each shares `overlap` of them with the one
    before; the last shares more, so that the model never hears a mere remainder.
    """
    held, begin = np.empty(0, np.float32), 0  # `held` starts where the last chunk did, the next at `begin`
    for block in blocks:
        held = np.concatenate([held, block])
        while len(held) > begin + size:
            held = held[begin:]
            yield held[:size], overlap if begin else 0
            begin = size - overlap
    if len(held):
        last = held[-size:]
        yield last, size - (len(held) - len(last)) if begin else 0


def best_order(wanted: np.ndarray, given: np.ndarray) -> np.ndarray:
    """The order of the channels of `given` [M, n] that comes nearest to `wanted` [M, n]: indices [M].

    By the sum of the inner products, which is the same as by the squared distance. Where no order is
    nearer than the given one (all is silent, say), that one is kept.
    """
    wanted, given = wanted.astype(np.float64), given.astype(np.float64)
    products = wanted @ given.T
    rows, order = linear_sum_assignment(products, maximize=True)
    gained = products[rows, order].sum() - products.trace()
    energy = np.sqrt(np.square(wanted).sum() * np.square(given).sum())
    return order if gained > _GAIN * energy else rows
