"""PESQ and STOI, as the packages pesq and pystoi compute them: where these have no score, it is NaN."""

import importlib
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import numpy as np

from sepflow.errors import SepflowError

PESQ_RATES = {"wb": (16_000,), "nb": (8_000, 16_000)}  # Hz
# The package writes beyond its arrays, and the process ends, from 51 utterances on: 50 of them, of 46 windows
# of 4 ms each, and the 49 pauses of 51 between them, are longer than this.
LONGEST_PESQ = 19.0  # s
_STOI_RATE = 10_000  # Hz, which pystoi resamples to
_STOI_LEAST = 256 + 30 * 128  # samples there, of 30 frames: with fewer it has no score, or fails


def pesq(clean: np.ndarray, estimate: np.ndarray, rate: int, mode: str) -> float:
    """PESQ of `estimate` [T] against `clean` [T] at `rate` Hz, as MOS-LQO; `mode` is wb or nb.

    NaN at other rates than the mode's, without an utterance, under a quarter of a second, and over 19 s.
    """
    package = _imported("pesq")
    if rate not in PESQ_RATES[mode] or len(clean) > LONGEST_PESQ * rate:
        return math.nan
    found = package.pesq(rate, clean, estimate, mode, on_error=package.PesqError.RETURN_VALUES)
    return float(found) if found > 0 else math.nan  # below are numbers of its errors


def stoi(clean: np.ndarray, estimate: np.ndarray, rate: int, extended: bool = False) -> float:
    """STOI, or ESTOI, of `estimate` [T] against `clean` [T] at `rate` Hz, in %.

    NaN where less than 0.41 s of the clean signal are within 40 dB of its loudest part.
    """
    package = _imported("pystoi")
    if len(clean) * _STOI_RATE < _STOI_LEAST * rate:
        return math.nan
    with warnings.catch_warnings(), _fixed_randomness():
        warnings.filterwarnings("error", "Not enough STFT frames", RuntimeWarning)
        try:
            return 100 * float(package.stoi(clean, estimate, rate, extended=extended))
        except RuntimeWarning:
            return math.nan


@contextmanager
def _fixed_randomness() -> Iterator[None]:
    """pystoi's ESTOI adds noise from numpy's global generator, which decides where a band is empty."""
    before = np.random.get_state()
    np.random.seed(0)
    try:
        yield
    finally:
        np.random.set_state(before)


def _imported(package: str) -> ModuleType:
    try:
        return importlib.import_module(package)
    except ImportError as reason:
        raise SepflowError(
            f"the package {package}, which these scores need, cannot be imported ({reason}); "
            f"`make setup` installs it, and so does `pip install {package}`"
        ) from None
