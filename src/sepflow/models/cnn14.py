"""A network that tags audio: Kong, Cao, Iqbal, Wang, Wang & Plumbley, "PANNs: large-scale pretrained audio
neural networks for audio pattern recognition", 2020: CNN14 at 16 kHz, whose weights these are for.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sepflow.models.mel import mel_bank
from sepflow.settings import Flag, Size, checked

RATE = 16000
BANDS, WINDOW, HOP, LOWEST = 64, 512, 160, 50.0  # mel bands from so many Hz up
FLOOR = 1e-10  # power that is taken for silence
BLOCKS, TAPPED = 6, 4  # convolution blocks of the whole, and those that others hear


@checked("model")
class CNN14(nn.Module):
    """Signals [B, T] at 16 kHz -> of each class the probability that it is in them [B, classes].

    `whole`: with all six blocks and the classifier. Otherwise it ends with its last tap, and has no more
    weights. A block has twice the maps of the one before; the first has `maps`.
    """

    compiles = True

    def __init__(self, maps: Size = 64, classes: Size = 527, whole: Flag = False) -> None:
        super().__init__()
        self.whole = whole
        self.bn0 = nn.BatchNorm2d(BANDS)
        sizes = [1] + [maps << k for k in range(BLOCKS if whole else TAPPED)]
        for k, (before, size) in enumerate(zip(sizes, sizes[1:], strict=False), 1):
            self.add_module(f"conv_block{k}", Block(before, size))
        if whole:
            self.fc1 = nn.Linear(sizes[-1], sizes[-1])
            self.fc_audioset = nn.Linear(sizes[-1], classes)
        bank = mel_bank(BANDS, WINDOW, RATE, LOWEST, norm="slaney", mel_scale="slaney")
        self.register_buffer("bank", bank, persistent=False)
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)

    def forward(self, signals: Tensor) -> Tensor:
        x = self.taps(signals)[-1]
        if not self.whole:
            return x
        x = self.conv_block6(self.conv_block5(x), pool=1).mean(-1)
        x = self.fc1(x.amax(-1) + x.mean(-1)).relu()
        return self.fc_audioset(x).sigmoid()

    def taps(self, signals: Tensor) -> list[Tensor]:
        """What the first four blocks make of signals, pooled, [B, maps, frames, bands] each."""
        x = self.bn0(self._bands(signals).mT[..., None]).transpose(1, 3)
        heard = []
        for k in range(1, TAPPED + 1):
            x = getattr(self, f"conv_block{k}")(x)
            heard.append(x)
        return heard

    def _bands(self, signals: Tensor) -> Tensor:
        """[B, T] -> [B, K, bands] in dB, the middle of the first frame at 0."""
        options = {"window": self.window, "pad_mode": "reflect", "return_complex": True}
        power = torch.stft(signals, WINDOW, HOP, **options).abs().square()
        return 10 * (power.mT @ self.bank).clamp_min(FLOOR).log10()


class Block(nn.Module):
    """Two convolutions of 3 x 3, and a mean over `pool` x `pool`: [B, maps, K, bands]."""

    def __init__(self, before: int, maps: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, maps, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(maps, maps, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(maps)
        self.bn2 = nn.BatchNorm2d(maps)

    def forward(self, x: Tensor, pool: int = 2) -> Tensor:
        x = self.bn1(self.conv1(x)).relu()
        x = self.bn2(self.conv2(x)).relu()
        return F.avg_pool2d(x, pool)


MODEL = CNN14
