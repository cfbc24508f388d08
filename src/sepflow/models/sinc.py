"""Band-pass filters whose edges are learnt: Ravanelli & Bengio, "Speaker recognition from raw waveform with
SincNet", 2018, as RawNet2 and PASE+ have them.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAST = 50.0  # Hz: a filter's lowest edge, and its width


class Sinc(nn.Module):
    """Signals [B, 1, T] at `rate` Hz -> [B, filters, T - kernel + 1]; weights are edges and widths in Hz."""

    def __init__(self, filters: int, kernel: int, rate: int) -> None:
        super().__init__()
        self.rate = rate
        mels = torch.linspace(_mel(30.0), _mel(rate / 2 - 2 * LEAST), filters + 1)
        edges = 700 * (10 ** (mels / 2595) - 1)
        self.low_hz_ = nn.Parameter(edges[:-1, None].clone())
        self.band_hz_ = nn.Parameter(edges.diff()[:, None])
        half = kernel // 2
        # The published window ends half a sample before the middle, so that its steps are not of one sample.
        window = 0.54 - 0.46 * torch.cos(2 * math.pi * torch.linspace(0, kernel / 2 - 1, half) / kernel)
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("times", 2 * math.pi * torch.arange(-half, 0) / rate, persistent=False)

    def forward(self, signals: Tensor) -> Tensor:
        return F.conv1d(signals, self.filters())

    def filters(self) -> Tensor:
        """[filters, 1, kernel], each with 1 in its middle."""
        low = LEAST + self.low_hz_.abs()
        high = (low + LEAST + self.band_hz_.abs()).clamp(LEAST, self.rate / 2)
        width = 2 * (high - low)
        left = 2 * ((high * self.times).sin() - (low * self.times).sin()) / self.times * self.window
        return (torch.cat([left, width, left.flip(1)], 1) / width)[:, None]


def _mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)
