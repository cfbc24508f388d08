"""Mel bands, by torchaudio, as a matrix."""

from typing import Any

import torch
from torch import Tensor

from sepflow.torchaudio_cpu import torchaudio


def mel_bank(bands: int, fft: int, rate: int, lowest: float, **scale: Any) -> Tensor:
    """The matrix [fft / 2 + 1, bands] that makes mel bands from `lowest` Hz up of spectra at `rate` Hz.

    `scale` is what torchaudio's melscale_fbanks knows: norm, mel_scale.
    """
    with torch.device("cpu"):  # torchaudio asks for values, which a shape alone has none of
        return torchaudio.functional.melscale_fbanks(fft // 2 + 1, lowest, rate / 2, bands, rate, **scale)
