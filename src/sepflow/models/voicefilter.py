"""VoiceFilter: Wang et al., "VoiceFilter: Targeted Voice Separation by Speaker-Conditioned Spectrogram
Masking", 2019, as Atss-Net's Table 3 counts it: 512-point spectra, an embedding of 128, an LSTM both ways.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from sepflow.models.spectral import SpectralMasking
from sepflow.settings import NotNegative, Size, checked

# Kernels and dilations, in time and frequency.
LAYERS = [((1, 7), 1), ((7, 1), 1), *(((5, 5), dilation) for dilation in (1, 2, 4, 8, 16)), ((1, 1), 1)]


def _convolutions(channels: int, last: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    widths = [1, *[channels] * (len(LAYERS) - 1), last]
    for before, after, ((time, frequency), dilation) in zip(widths, widths[1:], LAYERS, strict=False):
        padding = (time // 2 * dilation, frequency // 2)
        layers.append(nn.Conv2d(before, after, (time, frequency), padding=padding, dilation=(dilation, 1)))
        layers += [nn.BatchNorm2d(after), nn.ReLU()]
    # Channels last in memory, as in Atss-Net: faster on a CPU.
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


@checked("model", "window below fft", "hop covers window")
class VoiceFilter(SpectralMasking):
    """Convolutions over the spectrum; of each frame, with the embedding, an LSTM and two dense layers.

    `opening` is what the mask's logits begin at.
    """

    def __init__(
        self,
        embedding: Size = 128,
        channels: Size = 64,
        last: Size = 8,
        hidden: Size = 400,
        dense: Size = 600,
        fft: Size = 512,
        window: Size = 400,
        hop: Size = 160,
        heard: Literal["linear", "log"] = "linear",
        opening: NotNegative = 0.0,
    ) -> None:
        super().__init__(fft, window, hop, heard)
        bins = fft // 2 + 1
        self.embedding = embedding
        self.convolutions = _convolutions(channels, last)
        self.lstm = nn.LSTM(last * bins + embedding, hidden, batch_first=True, bidirectional=True)
        self.dense = nn.Sequential(nn.Linear(2 * hidden, dense), nn.ReLU(), nn.Linear(dense, bins))
        nn.init.constant_(self.dense[-1].bias, opening)

    def logits(self, heard: Tensor, embedding: Tensor | None) -> Tensor:
        """Logits [B, 1, K, bins] of the mask."""
        frames = self.convolutions(heard[:, None]).movedim(2, 1).flatten(2)
        frames = torch.cat([frames, embedding[:, None].expand(-1, frames.shape[1], -1)], -1)
        return self.dense(self.lstm(frames)[0])[:, None]


MODEL = VoiceFilter
