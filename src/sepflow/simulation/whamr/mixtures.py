"""WHAMR!, sample by sample: two speakers in a room with noise, as the field's program makes them.

Pure functions on arrays; `whamr_lists` reads what is published. Signals in a room are
float64 [sources, microphones, samples]; the first microphone is the left one, which sets all levels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import fftconvolve, resample_poly

from sepflow.simulation.inputs import RATE
from sepflow.simulation.wsj0mix.mixtures import quantise

LEFT = 0
KINDS = ("anechoic", "reverb")
# Folders of a mixture's files.
SIGNALS = (
    "noise",
    *(f"{name}_{kind}" for name in ("s1", "s2", "mix_clean", "mix_single", "mix_both") for kind in KINDS),
)


@dataclass(frozen=True)
class Levels:
    """The published factors of a mixture at one rate and length."""

    sources: tuple[float, float]  # of each source, before it is quantised: those of wsj0-2mix
    speech: float  # of both, after
    noise: float


def on_grid(signal: np.ndarray) -> np.ndarray:
    """`signal` (full scale 1) on the grid of 16-bit files, float64."""
    return quantise(signal) / 2.0**15


def in_room(speech: Sequence[np.ndarray], responses: np.ndarray, samples: int) -> np.ndarray:
    """What the microphones of a room hear of each source, at RATE.

    `speech` are the recordings as they are, [T_k], none longer than `samples`: zeros fill up to that length.
    `responses` as of `rooms`.
    """
    heard = []
    for source, of_microphones in zip(speech, responses, strict=True):
        padded = np.zeros(samples)
        padded[: len(source)] = on_grid(source)
        heard.append([fftconvolve(response, padded) for response in of_microphones])
    return np.array(heard)


def resample(signal: np.ndarray, rate: int, axis: int) -> np.ndarray:
    """A signal of RATE Hz at `rate` Hz; none that has it already."""
    return signal if rate == RATE else resample_poly(signal, rate, RATE, axis=axis)


def start_at(start: int, rate: int) -> int:
    """Where the speech starts in the noise at `rate` Hz, from where it does at RATE."""
    return start // (RATE // rate)


def mixtures(
    speech: Sequence[np.ndarray],
    rooms: Sequence[np.ndarray],
    noise: np.ndarray,
    levels: Levels,
    start: int,
    mode: str,
) -> dict[str, np.ndarray]:
    """{signal of SIGNALS: float64 [samples, microphones]} of one mixture; all inputs have one rate.

    `speech` as recorded ([T_k]), `rooms` what is heard of it, anechoic and reverberant ([2, 2, samples]
    each), `noise` as recorded ([samples, 2]). In mode "max" a mixture is as long as the noise, and
    speech begins at `start`; in "min" it is as long as the shorter source, with the noise from `start` on.
    Sources are cut at the end. The noise must be so long.
    """
    dry = [on_grid(s * level) * levels.speech for s, level in zip(speech, levels.sources, strict=True)]
    gains = [
        np.sqrt(np.sum(s**2) / np.sum(direct[LEFT] ** 2)) for s, direct in zip(dry, rooms[0], strict=True)
    ]
    length = len(noise) if mode == "max" else min(map(len, dry))
    noise = noise * levels.noise
    if mode == "min":
        noise = noise[start : start + length]
    signals = {"noise": noise}
    for kind, room in zip(KINDS, rooms, strict=True):
        heard = [source[:, :length].T * gain for source, gain in zip(room, gains, strict=True)]
        s1, s2 = heard if mode == "min" else (_later(source, start) for source in heard)
        signals |= {f"s1_{kind}": s1, f"s2_{kind}": s2, f"mix_clean_{kind}": s1 + s2}
        signals |= {f"mix_single_{kind}": s1 + noise, f"mix_both_{kind}": s1 + s2 + noise}
    return signals


def _later(signal: np.ndarray, start: int) -> np.ndarray:
    """`signal` from sample `start` on, zeros before, its end cut off."""
    later = np.zeros_like(signal)
    later[start:] = signal[: len(signal) - start]
    return later
