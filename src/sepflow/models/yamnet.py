"""A network that tags audio: YAMNet, a MobileNet v1 (Howard et al., "MobileNets: efficient convolutional
neural networks for mobile vision applications", 2017) on AudioSet's 521 classes, with its batch
normalisations folded in.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sepflow.settings import Flag, Size, checked

RATE = 16000
BANDS, WINDOW, FFT, HOP = 64, 400, 512, 160
LOWEST, HIGHEST, FLOOR = 125.0, 7500.0, 1e-6  # Hz; of mel bands, of magnitudes
PATCH, STEP = 96, 48  # frames that are tagged at once
# Maps, in those of the first layer, and stride of each.
PAIRS = (
    (2, 1), (4, 2), (4, 1), (8, 2), (8, 1), (16, 2), (16, 1), (16, 1), (16, 1), (16, 1),
    (16, 1), (32, 2), (32, 1),
)  # fmt: skip
TAPPED = (1, 3, 5, 11)  # pairs of convolutions, from 1


@checked("model")
class YAMNet(nn.Module):
    """Signals [B, T] at 16 kHz -> logits [B, patches, classes], of patches of 0.96 s every 0.48 s.

    `whole`: with all 13 pairs of convolutions and the classifier. Otherwise it ends with its last tap, and
    has no more weights. Behind a signal of less than a patch lie zeros. The first layer has `maps` maps.
    """

    compiles = True

    def __init__(self, maps: Size = 32, classes: Size = 521, whole: Flag = False) -> None:
        super().__init__()
        self.whole = whole
        self.first = nn.Conv2d(1, maps, 3, 2)
        pairs = PAIRS[: None if whole else TAPPED[-1]]
        sizes = [maps] + [maps * many for many, _ in pairs]
        self.pairs = nn.ModuleList(
            Pair(before, size, stride)
            for before, size, (_, stride) in zip(sizes, sizes[1:], pairs, strict=False)
        )
        if whole:
            self.classifier = nn.Linear(sizes[-1], classes)
        self.register_buffer("bank", linear_mel_bank(), persistent=False)
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)

    def forward(self, signals: Tensor) -> Tensor:
        if not self.whole:
            return self.taps(signals)[-1]
        short = max((PATCH - 1) * HOP + WINDOW - signals.shape[-1], 0)
        patches = self._bands(F.pad(signals, (0, short))).unfold(1, PATCH, STEP).mT
        x = self._heard(patches.flatten(0, 1))[-1].mean((2, 3))
        return self.classifier(x).unflatten(0, patches.shape[:2])

    def taps(self, signals: Tensor) -> list[Tensor]:
        """What the first four stages make of whole signals, [B, maps, frames, bands] each."""
        outputs = self._heard(self._bands(signals), TAPPED[-1])
        return [outputs[number - 1] for number in TAPPED]

    def _bands(self, signals: Tensor) -> Tensor:
        """[B, T] -> [B, K, bands], logarithms of magnitudes; the first frame begins at 0."""
        frames = signals.unfold(-1, WINDOW, HOP) * self.window
        return (torch.fft.rfft(frames, FFT).abs() @ self.bank + FLOOR).log()

    def _heard(self, bands: Tensor, pairs: int | None = None) -> list[Tensor]:
        """What each of the first `pairs` makes of [B, K, bands]."""
        x = self.first(F.pad(bands[:, None], (0, 1, 0, 1))).relu()
        outputs = []
        for pair in self.pairs[:pairs]:
            x = pair(x)
            outputs.append(x)
        return outputs


class Pair(nn.Module):
    """A depth-wise convolution of 3 x 3, and a point-wise one: [B, before, K, bands] -> [B, maps, ...]."""

    def __init__(self, before: int, maps: int, stride: int) -> None:
        super().__init__()
        self.around = (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1)  # as TensorFlow pads even numbers
        self.depthwise = nn.Conv2d(before, before, 3, stride, groups=before)
        self.pointwise = nn.Conv2d(before, maps, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(F.pad(x, self.around)).relu()).relu()


def linear_mel_bank() -> Tensor:
    """[bins, bands], triangles on the mel scale, not in Hz as elsewhere: TensorFlow's."""
    mels = torch.tensor([_mel(k * RATE / FFT) for k in range(FFT // 2 + 1)])[:, None]
    edges = torch.linspace(_mel(LOWEST), _mel(HIGHEST), BANDS + 2)
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    return torch.minimum((mels - low) / (middle - low), (high - mels) / (high - middle)).clamp_min(0)


def _mel(hertz: float) -> float:
    return 1127 * math.log1p(hertz / 700)


MODEL = YAMNet
