"""A speaker network on raw waveforms: Jung, Kim, Shim, Kim & Yu, "Improved RawNet with feature map scaling
for text-independent speaker verification using raw waveforms", 2020, as it was trained for the published
weights.

The authors' repository has two classes. In the one that the weights are of, a block's first convolution hears
the block's input; in the corrected one, what the block's batch normalisation and LeakyReLU make of it. This
is the former: `bn1` is among its weights, and is not heard.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sepflow.models.sinc import Sinc
from sepflow.settings import Flag, Odd, Size, checked

RATE = 16000
BLOCKS, TAPPED = 6, 2
POOL, SLOPE = 3, 0.3
LEAST = 1e-20  # variance of a signal, so that silence has a gradient


@checked("model", "kernel below samples")
class RawNet2(nn.Module):
    """Signals [B, T] at 16 kHz -> a score of each speaker [B, speakers].

    `whole`: with all six blocks, the GRU and the speakers. Otherwise it ends with its last tap, and has no
    more weights. It hears `samples` samples, no more and no fewer: its first layer has a gain and a bias for
    each. Of a longer signal it hears the beginning; a shorter one is repeated from its beginning.
    """

    compiles = False

    def __init__(
        self,
        samples: Size = 59049,
        filters: Size = 128,
        kernel: Odd = 251,
        maps: Size = 256,
        hidden: Size = 1024,
        speakers: Size = 6112,
        whole: Flag = False,
    ) -> None:
        super().__init__()
        self.whole = whole
        self.ln = InputNorm(samples)
        self.first_conv = Sinc(filters, kernel, RATE)
        self.first_bn = nn.BatchNorm1d(filters)
        sizes = [filters] * 3 + [maps] * 4
        for k in range(BLOCKS if whole else TAPPED):
            self.add_module(f"block{k}", nn.Sequential(Block(*sizes[k : k + 2], first=k == 0)))
        for k in range(BLOCKS if whole else TAPPED - 1):  # none is needed behind the last tap
            scaling = nn.Sequential(nn.Linear(sizes[k + 1], sizes[k + 1]))
            self.add_module(f"fc_attention{k}", scaling)
        if whole:
            self.bn_before_gru = nn.BatchNorm1d(maps)
            self.gru = nn.GRU(maps, hidden, batch_first=True)
            self.fc1_gru = nn.Linear(hidden, hidden)
            self.fc2_gru = nn.Linear(hidden, speakers)

    def forward(self, signals: Tensor) -> Tensor:
        x = self.taps(signals)[-1]
        if not self.whole:
            return x
        for k in range(TAPPED, BLOCKS):
            x = getattr(self, f"block{k}")(self._scaled(x, k - 1))
        x = F.leaky_relu(self.bn_before_gru(self._scaled(x, BLOCKS - 1)), SLOPE)
        embedding = self.fc1_gru(self.gru(x.mT)[0][:, -1])
        return self.fc2_gru(10 * F.normalize(embedding))

    def taps(self, signals: Tensor) -> list[Tensor]:
        """What the sinc layer makes of signals, before it is rectified and pooled, and the first two blocks.

        [B, filters, frames] each; of a block what it gives before its feature maps are scaled.
        """
        filtered = self.first_conv(self.ln(fixed(signals, len(self.ln.gamma)))[:, None])
        pooled = self.first_bn(F.max_pool1d(filtered.abs(), POOL))
        first = self.block0(F.leaky_relu(pooled, SLOPE))
        return [filtered, first, self.block1(self._scaled(first, 0))]

    def _scaled(self, x: Tensor, block: int) -> Tensor:
        """The feature maps of a block, each times a number and plus it, as their means decide."""
        scale = getattr(self, f"fc_attention{block}")(x.mean(-1)).sigmoid()[..., None]
        return x * scale + scale


class InputNorm(nn.Module):
    """Signals [B, samples] at mean 0 and deviation 1, with a gain and a bias for each of their samples."""

    def __init__(self, samples: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(samples))
        self.beta = nn.Parameter(torch.zeros(samples))

    def forward(self, signals: Tensor) -> Tensor:
        variance, mean = torch.var_mean(signals, -1, keepdim=True)
        deviation = variance.clamp_min(LEAST).sqrt() + 1e-6
        return self.gamma * (signals - mean) / deviation + self.beta


class Block(nn.Module):
    """Two convolutions beside their input, pooled: [B, maps, K] -> [B, maps, K / 3]."""

    def __init__(self, before: int, maps: int, first: bool) -> None:
        super().__init__()
        if not first:
            self.bn1 = nn.BatchNorm1d(before)  # in the published weights, and not heard
        self.conv1 = nn.Conv1d(before, maps, 3, padding=1)
        self.bn2 = nn.BatchNorm1d(maps)
        self.conv2 = nn.Conv1d(maps, maps, 3, padding=1)
        self.conv_downsample = nn.Conv1d(before, maps, 1) if before != maps else None

    def forward(self, x: Tensor) -> Tensor:
        beside = self.conv_downsample(x) if self.conv_downsample else x
        x = self.conv2(F.leaky_relu(self.bn2(self.conv1(x)), SLOPE))
        return F.max_pool1d(x + beside, POOL)


def fixed(signals: Tensor, samples: int) -> Tensor:
    """Signals [B, T] as [B, samples]: cut, or repeated from the beginning."""
    return signals.repeat(1, -(-samples // signals.shape[-1]))[:, :samples]


MODEL = RawNet2
