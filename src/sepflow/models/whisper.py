"""The encoder of a recogniser: Radford, Kim, Xu, Brockman, McLeavey & Sutskever, "Robust speech recognition
via large-scale weak supervision", 2022: Whisper tiny.en, under the names that CTranslate2 has.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sepflow.errors import SepflowError
from sepflow.models.layers import attention
from sepflow.models.mel import mel_bank
from sepflow.settings import Flag, Size, checked

RATE = 16000
BANDS, WINDOW, HOP = 80, 400, 160
FLOOR, RANGE = 1e-10, 8  # power that is taken for silence; bels below a signal's loudest band
POSITIONS = 1500  # 30 s


@checked("model", "heads divides width")
class Whisper(nn.Module):
    """Signals [B, T] at 16 kHz, of 30 s at most -> [B, K, width], a frame every 20 ms.

    `whole`: with all `layers`. Otherwise it ends with its last tap, and has no more weights. Signals are
    heard as they are, where Whisper hears 30 s, silence behind. What is more than 80 dB below the loudest
    band of a signal is raised to that.
    """

    compiles = False

    def __init__(self, width: Size = 384, layers: Size = 4, heads: Size = 6, whole: Flag = False) -> None:
        super().__init__()
        self.whole = whole
        self.conv1 = nn.Conv1d(BANDS, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, 2, padding=1)
        self.position_encodings = nn.Module()
        self.position_encodings.encodings = nn.Parameter(sinusoids(POSITIONS, width))
        self.layers = layers if whole else 1
        for k in range(self.layers):
            self.add_module(f"layer_{k}", Layer(width, heads))
        if whole:
            self.layer_norm = nn.LayerNorm(width)
        bank = mel_bank(BANDS, WINDOW, RATE, 0.0, norm="slaney", mel_scale="slaney")
        self.register_buffer("bank", bank, persistent=False)
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)

    def forward(self, signals: Tensor) -> Tensor:
        x = self.taps(signals)[-1]
        for k in range(1, self.layers):
            x = getattr(self, f"layer_{k}")(x)
        return self.layer_norm(x) if self.whole else x

    def taps(self, signals: Tensor) -> list[Tensor]:
        """What both convolutions make of signals, [B, width, frames], and the first layer, [B, K, width].

        Raises SepflowError where signals are longer than 30 s.
        """
        first = F.gelu(self.conv1(self._bands(signals)))
        second = F.gelu(self.conv2(first))
        if second.shape[-1] > POSITIONS:
            seconds = signals.shape[-1] / RATE
            raise SepflowError(f"whisper hears 30 s at most, not {seconds:.1f} s: give it shorter pieces")
        positions = self.position_encodings.encodings[: second.shape[-1]]
        return [first, second, self.layer_0(second.mT + positions)]

    def _bands(self, signals: Tensor) -> Tensor:
        """[B, T] -> [B, bands, K], the middle of the first frame at 0."""
        options = {"window": self.window, "pad_mode": "reflect", "return_complex": True}
        power = torch.stft(signals, WINDOW, HOP, **options)[..., :-1].abs().square()
        bels = (power.mT @ self.bank).mT.clamp_min(FLOOR).log10()
        loudest = bels.amax((1, 2), keepdim=True)
        return (torch.maximum(bels, loudest - RANGE) + 4) / 4


class Layer(nn.Module):
    """Attention and a feed-forward network, each beside its input: [B, K, width] -> [B, K, width]."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.self_attention = _normed(width, 3 * width, width)
        self.ffn = _normed(width, 4 * width, 4 * width)

    def forward(self, x: Tensor) -> Tensor:
        part = self.self_attention
        each = part["linear_0"](part["layer_norm"](x)).unflatten(-1, (3, self.heads, -1))
        x = x + part["linear_1"](attention(*each.permute(2, 0, 3, 1, 4)).transpose(1, 2).flatten(2))
        part = self.ffn
        return x + part["linear_1"](F.gelu(part["linear_0"](part["layer_norm"](x))))


def _normed(width: int, out: int, back: int) -> nn.ModuleDict:
    """A layer's norm, and the linear layers that lead from its width and back to it."""
    linear = {"linear_0": nn.Linear(width, out), "linear_1": nn.Linear(back, width)}
    return nn.ModuleDict({"layer_norm": nn.LayerNorm(width)} | linear)


def sinusoids(positions: int, width: int) -> Tensor:
    """[positions, width]: sines, then cosines, of wavelengths from 2 pi to 20000 pi."""
    slowing = math.log(10000) / (width // 2 - 1)
    phases = torch.arange(positions)[:, None] * torch.exp(-slowing * torch.arange(width // 2))
    return torch.cat([phases.sin(), phases.cos()], 1)


MODEL = Whisper
