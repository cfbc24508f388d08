"""One test mixture as every row of a table separates it, beside the references."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from sepflow.metrics.separation.scores import score
from sepflow.mixes.mix import Mix
from sepflow.reporting.figures.style import head, page, save, wrapped

_WINDOW, _HOP = 0.032, 0.008  # seconds
RANGE = 60.0  # dB
_CHARACTERS = 104  # of titles, side by side
NOTE = (
    "0 dB is the mixture's loudest point,\nhere and below.\n\n"
    "Hann window of 32 ms, every 8 ms.\n\n"
    "Each estimate stands under the\nreference that it is paired with,\nby the best SI-SNR."
)


class Example(NamedTuple):
    """A test mixture [T] with its references [C, T], float32, at `rate` in Hz."""

    name: str
    utterances: list[str]
    mixture: np.ndarray
    references: np.ndarray
    rate: int


def example(mix: Mix, rate: int) -> Example:
    """The first mixture of speakers of different sex; the first of all where none is known to be."""
    row = next((row for row in range(len(mix)) if mix.pair(row) == "different"), 0)
    utterances = []
    for k in range(1, len(mix.references(row)) + 1):
        utterance, sex = (mix.table[f"{key}_{k}"].iat[row] for key in ("utterance", "sex"))
        utterances.append(f"{utterance} ({sex})" if sex else utterance)
    return Example(mix.ids[row], utterances, mix.mixture(row), mix.references(row), rate)


def paired(
    references: np.ndarray, estimates: np.ndarray, mixture: np.ndarray
) -> tuple[np.ndarray, list[float]]:
    """The `estimates` [C, T] in the order of the `references` [C, T], by the best mean SI-SNR.

    With the SI-SNRi of each over the `mixture` [T], in dB: NaN where it is undefined, as one is silent.
    """
    if (np.ptp(references, axis=1) == 0).any():
        return estimates, [float("nan")] * len(references)
    scores = score(references, estimates, mixture)
    return estimates[scores["pairing"]], scores["si_snri"]


def level(signal: np.ndarray, rate: int) -> np.ndarray:
    """The magnitude of the STFT of `signal` [T] in dB, [F, frames]; frame k is centred at k hops."""
    window, hop = round(_WINDOW * rate), round(_HOP * rate)
    padded = np.pad(signal.astype(np.float64), window // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    magnitude = np.abs(np.fft.rfft(frames * np.hanning(window), axis=1)).T
    return 20 * np.log10(np.maximum(magnitude, 1e-12))


def spectrograms(
    example: Example, systems: list[tuple[str, np.ndarray]], lines: list[str], out: Path
) -> None:
    """Draw `example` and the estimates [C, T] of each system to `out`.svg and .png, under the head `lines`.

    A row of panels a system, a column a reference; all in dB under the mixture's loudest point.
    """
    sources = len(example.references)
    figure = page(0.95 * (len(systems) + 2) + 1.3)
    grid = figure.subplots(len(systems) + 2, sources, sharex=True, sharey=True, squeeze=False)
    top = level(example.mixture, example.rate).max()
    image = _panel(grid[0, 0], example.mixture, example.rate, top, "mixture")
    for axes in grid[0, 1:]:
        axes.set_axis_off()
    grid[0, 1].text(0.02, 1.0, NOTE, transform=grid[0, 1].transAxes, va="top", fontsize=8)
    for k, reference in enumerate(example.references):
        _panel(grid[1, k], reference, example.rate, top, f"reference {k + 1}")
    for row, (name, estimates) in zip(grid[2:], systems, strict=True):
        ordered, improvements = paired(example.references, estimates, example.mixture)
        for axes, estimate, value in zip(row, ordered, improvements, strict=True):
            gain = "undefined" if np.isnan(value) else f"{value:+.1f} dB".replace("-", "\N{MINUS SIGN}")
            title = wrapped(f"{name}: SI-SNRi {gain}", _CHARACTERS // sources)
            _panel(axes, estimate, example.rate, top, title)
    figure.colorbar(image, ax=grid, label="level (dB)", aspect=60, shrink=0.6)
    figure.supxlabel("time (s)", fontsize=9)
    figure.supylabel("frequency (kHz)", fontsize=9)
    where = f"Test mixture {example.name}: {' + '.join(example.utterances)}"
    head(figure, *lines, where)
    save(figure, out)


def _panel(axes: Axes, signal: np.ndarray, rate: int, top: float, title: str) -> AxesImage:
    decibels = level(signal, rate) - top
    hop = round(_HOP * rate) / rate
    frames = decibels.shape[1]
    extent = (-hop / 2, (frames - 0.5) * hop, 0, rate / 2000)
    image = axes.imshow(
        decibels,
        cmap="gray_r",
        vmin=-RANGE,
        vmax=0,
        origin="lower",
        aspect="auto",
        extent=extent,
        interpolation="none",
    )
    axes.set_xlim(0, len(signal) / rate)
    axes.set_title(title, loc="left", fontsize=7, pad=2)
    return image
