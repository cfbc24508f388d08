"""Render soundscapes from their plan."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import fftconvolve

from sepflow.corpora.decode import waveform
from sepflow.errors import SepflowError
from sepflow.identity import digest
from sepflow.simulation.activity import FRAME, active
from sepflow.simulation.desed import BACKGROUND, at
from sepflow.simulation.desed.plan import Source
from sepflow.simulation.desed.responses import Recorded, Simulated
from sepflow.simulation.journal import contents
from sepflow.simulation.rendering import Tree

HEADROOM = 0.99  # the largest peak of a soundscape and of its sources; what is louder is scaled down to it
FADE = 10  # ms at both ends of an event, as scaper's
CROSSFADE = 50  # ms where a background shorter than the soundscape is repeated


@dataclass(frozen=True)
class Renderer:
    """Where the sounds lie, and what is written of them: `split`/soundscapes, and with `sources` those too.

    `response` gives the samples of a room response by its name, from the direct sound on. `measure` says what
    a level is: the RMS, or the peak, of a source's active part.
    """

    foreground: Path
    background: Path
    response: Recorded | Simulated | None
    split: str
    rate: int = 16000
    total: int = 10_000
    measure: str = "rms"
    sources: bool = False

    def __call__(self, tree: Tree, rows: Sequence[Source]) -> dict[str, Any]:
        """Write the files of a soundscape; its name, the gain in dB that all of it got, and its peak."""
        summed = self.by_class(rows)
        codes, scale_db = quantise(summed)
        mixture = np.sum(list(codes.values()), axis=0, dtype=np.int16)
        name = rows[0].soundscape
        tree.write_pcm16(self.soundscape(name), mixture, self.rate)
        for label, samples in codes.items() if self.sources else ():
            tree.write_pcm16(self.source(name, label), samples, self.rate)
        peak = float(np.abs(mixture.astype(np.int32)).max()) / 32768
        return {"soundscape": name, "scale_db": scale_db, "peak": peak}

    def made_of(self, rows: Sequence[Source]) -> dict[str, str]:
        """{what: digest} of the plan of a soundscape and of the files that it is made from.

        Raises SepflowError for a file that is not there.
        """
        files = {}
        for row in rows:
            root = self.background if row.event_label == BACKGROUND else self.foreground
            files[f"{row.event_label}/{row.file}"] = root / row.file
            if row.response and isinstance(self.response, Recorded):
                files[f"response/{row.response}"] = self.response.root / row.response
        return {"plan": digest({"rows": [row.cells() for row in rows]})} | contents(files)

    def soundscape(self, name: str) -> Path:
        """Where a soundscape lies, below the tree's root."""
        return Path(self.split, "soundscapes", f"{name}.wav")

    def source(self, name: str, label: str) -> Path:
        """Where a soundscape's events of one class lie, or its background, below the tree's root."""
        return Path(self.split, "sources", name, f"{label}.wav")

    def files(self, rows: Sequence[Source]) -> int:
        """How many files a soundscape has."""
        return 1 + len({row.event_label for row in rows} if self.sources else ())

    def by_class(self, rows: Sequence[Source]) -> dict[str, np.ndarray]:
        """{class, or "background": samples of shape (n,), float64}, each source at its level, unscaled.

        Raises SepflowError where a source is silent in this soundscape.
        """
        summed: dict[str, np.ndarray] = {}
        for row in rows:
            samples = self.background_of(row) if row.event_label == BACKGROUND else self.event_of(row)
            begin, end = at(row.onset, self.rate), at(row.offset, self.rate)
            level = loudness(samples[begin:end], self.rate, self.measure)
            if not level > 0:
                raise SepflowError(f"{row.file}: silent in {row.soundscape}. Leave it out.")
            summed.setdefault(row.event_label, np.zeros(at(self.total, self.rate)))
            summed[row.event_label] += samples * (10 ** (row.level_db / 20) / level)
        return summed

    def event_of(self, row: Source) -> np.ndarray:
        """An event where it lies in its soundscape, through its response, at no level yet: shape (n,)."""
        begin, end = at(row.onset, self.rate), at(row.offset, self.rate)
        first = at(row.file_onset, self.rate)
        dry = waveform(self.foreground / row.file, self.rate, "mean")[first : first + end - begin]
        wet = fade(dry, at(FADE, self.rate))
        if row.response:
            wet = fftconvolve(wet, self.response(row.response))
        out = np.zeros(at(self.total, self.rate))
        wet = wet[: len(out) - begin]
        out[begin : begin + len(wet)] = wet
        return out

    def background_of(self, row: Source) -> np.ndarray:
        """A background, as long as its soundscape, through its response, at no level yet: shape (n,)."""
        length, first = at(self.total, self.rate), at(row.file_onset, self.rate)
        samples = waveform(self.background / row.file, self.rate, "mean")
        dry = repeat(samples, first + length, at(CROSSFADE, self.rate))[first : first + length]
        return convolve_round(dry, self.response(row.response)) if row.response else dry


def loudness(samples: np.ndarray, rate: int, measure: str) -> float:
    """RMS of the frames of samples (n,) within 40 dB of the loudest, or the peak: 1 is full scale."""
    if measure == "peak":
        return float(np.abs(samples).max(initial=0.0))
    frames = active(samples[None], rate)[0]
    sounding = samples[np.repeat(frames, round(FRAME * rate))[: len(samples)]]
    return math.sqrt(np.square(sounding).mean()) if len(sounding) else 0.0


def fade(samples: np.ndarray, length: int) -> np.ndarray:
    """Samples (n,) with a raised cosine of `length` samples at both ends, shorter where n is short."""
    length = min(length, len(samples) // 2)
    rise = np.square(np.sin(np.pi / 2 * (np.arange(length) + 0.5) / max(length, 1)))
    shape = np.ones(len(samples))
    shape[:length], shape[len(samples) - length :] = rise, rise[::-1]
    return samples * shape


def repeat(samples: np.ndarray, length: int, crossfade: int) -> np.ndarray:
    """Samples (n,) as they are, or, where n < `length`, again and again, with cross-fades of equal power."""
    crossfade = min(crossfade, len(samples) // 2)
    angle = np.pi / 2 * (np.arange(crossfade) + 0.5) / max(crossfade, 1)
    pieces, tail, done = [], samples, len(samples)
    while done < length:
        joint = tail[len(tail) - crossfade :] * np.cos(angle) + samples[:crossfade] * np.sin(angle)
        pieces += [tail[: len(tail) - crossfade], joint]
        tail, done = samples[crossfade:], done + len(samples) - crossfade
    return np.concatenate([*pieces, tail])


def convolve_round(samples: np.ndarray, response: np.ndarray) -> np.ndarray:
    """The circular convolution, shape (n,): a background that sounds on has no swell at its beginning."""
    length = len(samples)
    folded = np.pad(response, (0, -len(response) % length)).reshape(-1, length).sum(axis=0)
    return np.fft.irfft(np.fft.rfft(samples) * np.fft.rfft(folded), length)


def quantise(summed: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], float]:
    """(int16 codes of each source, gain in dB that all got): 0 unless a source or their sum passes HEADROOM.

    The mixture is the sum of the codes, so that it is the sum of the files to the last bit.
    """
    mixture = np.sum(list(summed.values()), axis=0)
    peak = max(float(np.abs(samples).max()) for samples in [mixture, *summed.values()])
    # In thousandths of a dB, rounded down: what the table says is what was done.
    scale_db = min(0.0, -math.ceil(20_000 * math.log10(peak / HEADROOM)) / 1000)
    gain = 10 ** (scale_db / 20)
    return {key: np.rint(32768 * gain * x).astype(np.int16) for key, x in summed.items()}, scale_db
