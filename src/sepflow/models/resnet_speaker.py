"""A speaker network: ResNet-18 on log-mel bands, mean and deviation of each map, an embedding.

Cai, Chen, Zhang & Li, "On-the-fly data loader and utterance-level aggregation for speaker and language
recognition", 2020; section 3.1 of Atss-Net.
"""

import torch
from torch import Tensor, nn

from sepflow.settings import Size, checked

BLOCKS = 2  # a stage, as in ResNet-18
STAGES = 4


def _conv(channels: int, out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Convolution without bias, then batch normalisation."""
    convolution = nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(out))


class Block(nn.Module):
    """Two convolutions 3x3 beside a way past them, which is a convolution 1x1 where the size changes."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.first, self.second = _conv(channels, out, 3, stride), _conv(out, out, 3)
        same = stride == 1 and channels == out
        self.past = nn.Identity() if same else _conv(channels, out, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        return (self.second(self.first(x).relu()) + self.past(x)).relu()


@checked("model")
class ResNetSpeaker(nn.Module):
    """Log-mel features [B, bands, frames] -> embeddings [B, embedding].

    channels are those of the first stage; each of the three that follow has twice as many, at half the size.
    """

    compiles = True

    def __init__(self, channels: Size = 16, embedding: Size = 128) -> None:
        super().__init__()
        self.size = embedding
        self.stem = _conv(1, channels, 3)
        sizes = [channels * 2**stage for stage in range(STAGES)]
        blocks = []
        for stage, size in enumerate(sizes):
            before = sizes[max(stage - 1, 0)]
            blocks += [Block(before, size, 2 if stage else 1)]
            blocks += [Block(size, size, 1) for _ in range(BLOCKS - 1)]
        self.blocks = nn.Sequential(*blocks)
        self.embed = nn.Linear(2 * sizes[-1], embedding)

    def forward(self, features: Tensor) -> Tensor:
        maps = self.blocks(self.stem(features[:, None]).relu()).flatten(2)
        # Of a constant map the deviation is 0, where its root has no derivative.
        deviation = (maps.var(-1, correction=0) + 1e-5).sqrt()
        return self.embed(torch.cat([maps.mean(-1), deviation], 1))


MODEL = ResNetSpeaker
