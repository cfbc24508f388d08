"""Files that are scored against each other: mono, of one rate and one length."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sepflow.errors import SepflowError
from sepflow.files import audio


def read_alike(paths: Sequence[Path]) -> tuple[np.ndarray, int]:
    """(The samples of mono files of one rate and length, [files, T] in float64; the rate in Hz).

    Raises SepflowError, with the file's name, for one that cannot be decoded, is not mono, has no samples or
    some that are not finite, or differs in rate or length from the first.
    """
    samples, rates = zip(*map(_read, paths), strict=True)
    for path, signal, rate in zip(paths, samples, rates, strict=True):
        if rate != rates[0]:
            raise SepflowError(f"{path}: {rate} Hz, but {paths[0]} has {rates[0]} Hz; resample one of them.")
        if len(signal) != len(samples[0]):
            raise SepflowError(
                f"{path}: {len(signal)} samples, but {paths[0]} has {len(samples[0])}; "
                "an estimate must be as long as its reference."
            )
    return np.stack(samples), rates[0]


def none_for_nan(value: float) -> float | None:
    """A score for JSON, which has no NaN."""
    return None if math.isnan(value) else value


def _read(path: Path) -> tuple[np.ndarray, int]:
    """Samples [T] in float64, and the rate in Hz, of a mono file."""
    try:
        samples, rate = audio.read(path)
    except SepflowError as reason:
        raise SepflowError(f"{path}: {reason}.") from None
    if samples.shape[1] != 1:
        raise SepflowError(f"{path}: {samples.shape[1]} channels; scoring takes mono files, one a source.")
    if not len(samples):
        raise SepflowError(f"{path}: {audio.NO_SAMPLES}.")
    return samples[:, 0], rate
