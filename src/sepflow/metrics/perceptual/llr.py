"""The log-likelihood ratio: how far apart the spectral envelopes of two signals are, by linear prediction."""

import numpy as np

from sepflow.metrics.perceptual.frames import mean_of_lowest

_NO_RATIO = 1000.0  # in place of a ratio that rounding made negative
_LEAST = 1e-12  # of a frame's energy: less is left to predict than rounding adds


def log_likelihood_ratio(clean: np.ndarray, estimate: np.ndarray, rate: int) -> float:
    """The LLR of the frames [frames, samples] of both, the mean of the lowest 95 %; NaN without any.

    Not cut off at 2, as it is outside the composites. A frame of digital silence has a flat envelope.
    """
    order = 10 if rate < 10_000 else 16
    lags = _autocorrelation(clean, order)
    lags[lags[:, 0] == 0, 0] = 1  # white
    error = _residual(_predictor(_autocorrelation(estimate, order)), lags)
    ratios = error / _residual(_predictor(lags), lags)
    return mean_of_lowest(np.log(np.where(ratios > 0, ratios, _NO_RATIO)))


def _autocorrelation(x: np.ndarray, order: int) -> np.ndarray:
    """Lags 0 to `order` of the rows of x [frames, samples]: [frames, order + 1]."""
    size = x.shape[1]
    return np.stack([np.einsum("ft,ft->f", x[:, : size - k], x[:, k:]) for k in range(order + 1)], 1)


def _predictor(lags: np.ndarray) -> np.ndarray:
    """The filters that whiten signals of these `lags` [frames, order + 1], first 1: Levinson and Durbin."""
    filters = np.zeros_like(lags)
    filters[:, 0] = 1
    left = lags[:, 0].copy()  # the energy that is not predicted yet
    for k in range(1, lags.shape[1]):
        known = np.einsum("fk,fk->f", filters[:, :k], lags[:, k:0:-1])
        predictable = left > _LEAST * lags[:, 0]
        reflection = np.where(predictable, -known / np.where(predictable, left, 1), 0)
        filters[:, 1 : k + 1] += reflection[:, None] * filters[:, k - 1 :: -1][:, :k]
        left *= 1 - reflection**2
    return filters


def _residual(filters: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """The energy that `filters` leave of signals of these `lags`, [frames]: a R a', R the Toeplitz matrix."""
    own = _autocorrelation(filters, lags.shape[1] - 1)
    return own[:, 0] * lags[:, 0] + 2 * np.einsum("fk,fk->f", own[:, 1:], lags[:, 1:])
