"""A packed corpus read at another rate, sample by sample what the field's simulators make of files."""

from collections.abc import Callable
from math import gcd

import numpy as np
import pandas as pd

from sepflow.corpora.packed import PackedCorpus
from sepflow.simulation.librimix.mixtures import extend_noise
from sepflow.simulation.resampling import HALF_FILTER, resample


class Resampled:
    """`corpus` at `rate` Hz instead of its own `native_rate`: gain first, then scipy's filter.

    A window is computed from the native samples that its filter reaches, so it equals that of the whole.
    """

    def __init__(self, corpus: PackedCorpus, native_rate: int, rate: int):
        divisor = gcd(native_rate, rate)
        self.corpus, self.up, self.down = corpus, rate // divisor, native_rate // divisor
        self.channels = corpus.channels
        self.manifest = self._at_this_rate(corpus.manifest)

    def _at_this_rate(self, manifest: pd.DataFrame) -> pd.DataFrame:
        return manifest.assign(samples=-(-manifest["samples"] * self.up // self.down))

    def samples(self, utterance_id: str, limit: int | None = None) -> int:
        """The length of an utterance at this rate; `limit` as in `read`."""
        native = self.corpus.samples(utterance_id) if limit is None else limit
        return -(-native * self.up // self.down)

    def native_samples(self, utterance_id: str) -> int:
        """The length of an utterance at its own rate."""
        return self.corpus.samples(utterance_id)

    def read(
        self,
        utterance_id: str,
        start: int = 0,
        length: int | None = None,
        gain: float = 1.0,
        limit: int | None = None,
    ) -> np.ndarray:
        """Samples of one utterance times `gain`: `length` from `start`, by default the rest.

        Their shape is (length,), of a corpus of several channels (channels, length). With `limit` the
        utterance is first cut, or extended with itself as LibriMix does, to so many native samples. float32;
        float64 where it was extended.
        """
        whole = self.corpus.samples(utterance_id) if limit is None else limit
        length = self.samples(utterance_id, limit) - start if length is None else length
        reach = HALF_FILTER * max(self.up, self.down) // self.up + 1
        # From a native sample that is also one of ours: the filter's phases then fall as in the whole.
        begin = max(start // self.up * self.down - reach, 0) // self.down * self.down
        end = min(-(-(start + length) * self.down // self.up) + reach, whole)
        native = self._native(utterance_id, begin, end, whole) * np.float32(gain)
        skip = start - begin // self.down * self.up
        return _of_each(lambda x: resample(x, self.up, self.down)[skip : skip + length], native)

    def _native(self, utterance_id: str, begin: int, end: int, whole: int) -> np.ndarray:
        if whole <= self.corpus.samples(utterance_id):
            return self.corpus.read(utterance_id, begin, end - begin)
        return _of_each(lambda x: extend_noise(x, whole)[begin:end], self.corpus.read(utterance_id))


def _of_each(function: Callable[[np.ndarray], np.ndarray], samples: np.ndarray) -> np.ndarray:
    """`function` of samples (n,), or of each channel of samples (channels, n)."""
    return function(samples) if samples.ndim == 1 else np.stack([function(channel) for channel in samples])
