"""TERA's alterations of a signal (Liu, Li & Lee 2021, section III.A): in time, in channels, in magnitude.

They are decided first, from a random generator and the number of frames, and then applied to the signal's
STFT.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sepflow.settings import NotNegative, Part, Positive, Share, Size, checked


@checked("pretext", "hop halves window")
@dataclass(frozen=True)
class Alterations:
    """How signals are altered: window and hop of the STFT in seconds, the rest as TERA has it of its frames.

    share: of the frames, altered in time; width: frames of a span of them; channels: the widest block of
    channels, a share of all; magnitude: how often noise is added to the magnitudes, and deviation: its
    standard deviation, re their RMS. Raises SepflowError for a value that is none.
    """

    window: Positive
    hop: Positive
    share: Share
    width: Size
    channels: Part
    magnitude: Part
    deviation: NotNegative

    def decide(self, bins: int, frames: int, rng: np.random.Generator) -> "Alteration":
        """What to do with a signal of so many STFT bins and frames."""
        width = min(self.width, frames)
        spans = max(1, int(frames * self.share / width))
        altered = np.zeros((bins, frames), dtype=bool)
        kept, source = np.ones((bins, frames)), np.arange(frames)
        dice = rng.random()
        for start in rng.choice(frames - width + 1, size=min(spans, frames - width + 1), replace=False):
            span = slice(start, start + width)
            altered[:, span] = True
            if dice < 0.8:
                kept[:, span] = 0.0
            elif dice < 0.9:
                source[span] = np.arange(width) + rng.integers(frames - width + 1)
        block = int(rng.integers(int(self.channels * bins) + 1))
        low = int(rng.integers(bins - block + 1))
        altered[low : low + block] = True
        kept[low : low + block] = 0.0
        noise = np.zeros((bins, frames))
        if rng.random() < self.magnitude:
            noise = rng.normal(0.0, self.deviation, (bins, frames))
        return Alteration(altered, kept, source, noise)


@dataclass(frozen=True)
class Alteration:
    """A decided alteration of F bins and K frames.

    altered [F, K] bool: the points to be reconstructed; kept [F, K]: 0 where nothing is heard; source [K]:
    the frame that is heard in the place of each; noise [F, K] on the magnitudes, re their RMS.
    """

    altered: np.ndarray
    kept: np.ndarray
    source: np.ndarray
    noise: np.ndarray


class Spectra:
    """Signals [B, T] and their STFT [B, F, K], with a window and a hop in samples."""

    def __init__(self, window: int, hop: int):
        self.window, self.hop = window, hop

    def shape(self, samples: int) -> tuple[int, int]:
        """(F, K) of a signal of so many samples."""
        return self.window // 2 + 1, 1 + -(-samples // self.hop)

    def forward(self, signals: Tensor) -> Tensor:
        """[B, T] -> [B, F, K], complex."""
        frames = self.shape(signals.shape[-1])[1]
        padded = F.pad(signals, (0, (frames - 1) * self.hop - signals.shape[-1]))
        return torch.stft(
            padded,
            self.window,
            self.hop,
            window=self._taper(signals),
            pad_mode="constant",
            return_complex=True,
        )

    def inverse(self, spectra: Tensor, samples: int) -> Tensor:
        """[B, F, K] -> [B, T]."""
        taper = self._taper(spectra.real)
        return torch.istft(spectra, self.window, self.hop, window=taper, length=samples)

    def alter(self, signals: Tensor, alterations: list[Alteration]) -> Tensor:
        """The signals [B, T] as they are heard, each altered in its own way."""
        spectra = self.forward(signals)
        source, kept, noise = (
            torch.from_numpy(np.stack([getattr(one, key) for one in alterations])).to(signals.device)
            for key in ("source", "kept", "noise")
        )
        heard = spectra.gather(2, source[:, None].expand(-1, spectra.shape[1], -1))
        magnitude = heard.abs()
        level = magnitude.square().mean((1, 2), keepdim=True).sqrt()
        louder = (magnitude + noise.to(level.dtype) * level).clamp(min=0) * kept.to(level.dtype)
        return self.inverse(torch.polar(louder, heard.angle()), signals.shape[-1])

    def _taper(self, like: Tensor) -> Tensor:
        return torch.hann_window(self.window, dtype=like.dtype, device=like.device)
