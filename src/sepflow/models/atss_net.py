"""Atss-Net: Li, Lin, Bao & Li, "Target Speaker Separation via Attention-based Neural Network", 2020.

Maps are [B, C, K, F]: C channels, K frames, F bins of the spectrum and, behind them, of the embedding.
"""

from collections.abc import Iterator
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sepflow.models.spectral import SpectralMasking
from sepflow.settings import Count, NotNegative, Size, checked

DILATIONS = (1, 2, 4, 8, 16)  # in time, of Table 1


class DilatedCNN(nn.Sequential):
    """Table 1: five convolutions 5x5, dilated in time, and one 1x1, each with batch norm and ReLU."""

    def __init__(self, channels: int) -> None:
        layers: list[nn.Module] = []
        for before, dilation in zip([1] + [channels] * len(DILATIONS), DILATIONS, strict=False):
            layers.append(nn.Conv2d(before, channels, 5, padding=(2 * dilation, 2), dilation=(dilation, 1)))
            layers += [nn.BatchNorm2d(channels), nn.ReLU()]
        layers += [nn.Conv2d(channels, channels, 1), nn.BatchNorm2d(channels), nn.ReLU()]
        super().__init__(*layers)
        # Channels last in memory: of few channels a step takes 0.6 of the time on a CPU.
        self.to(memory_format=torch.channels_last)

    def forward(self, joined: Tensor) -> Tensor:
        """[B, K, F] -> [B, channels, K, F]."""
        return super().forward(joined[:, None]).contiguous()


class TemporalAttention(nn.Module):
    """Each frame, all its channels and bins, looks at all others: a map [K, K] a head (eqs. 7, 8 and 11)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, channels**-0.5  # 1 / sqrt(d_k), d_k the channels
        self.query, self.key, self.value = (nn.Conv2d(channels, heads * channels, 1) for _ in range(3))
        self.out = nn.Conv2d(heads * channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps -> maps."""
        query, key, value = (self._split(layer(x)) for layer in (self.query, self.key, self.value))
        heard = F.scaled_dot_product_attention(query, key, value, scale=self.scale)
        return self.out(heard.unflatten(-1, (x.shape[1], x.shape[3])).movedim(2, 3).flatten(1, 2))

    def weights(self, x: Tensor) -> Tensor:
        """What each frame looks at: [B, heads, K, K], each row of sum 1."""
        return (self._split(self.query(x)) @ self._split(self.key(x)).mT * self.scale).softmax(-1)

    def _split(self, x: Tensor) -> Tensor:
        """[B, heads C, K, F] -> [B, heads, K, C F]."""
        return x.unflatten(1, (self.heads, -1)).movedim(3, 2).flatten(3)


class AttentionBlock(nn.Module):
    """x + TA(LN(x)), then x + FFN(LN(x)), both over the bins of a frame (eqs. 12 and 13)."""

    def __init__(self, channels: int, heads: int, bins: int, widening: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(bins) for _ in range(2))
        self.attention = TemporalAttention(channels, heads)
        self.feed = nn.Sequential(
            nn.Linear(bins, widening * bins), nn.ReLU(), nn.Linear(widening * bins, bins)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norms[0](x))
        return x + self.feed(self.norms[1](x))


@checked("model", "window below fft", "hop covers window")
class AtssNet(SpectralMasking):
    """A spectrum, and behind its bins an embedding -> masks: one dilated CNN, blocks of attention, Transform.

    The text's literal reading: one CNN before the first block (whose residual has its channels only so),
    layer norm over bins. embedding 0: none is heard, as where several `outputs` are trained with PIT. blocks
    0: the row without attention. `opening` is what the masks' logits begin at: at 0 half of all is lost,
    which takes long to mend where there is little noise.
    """

    def __init__(
        self,
        outputs: Size = 1,
        embedding: Count = 128,
        channels: Size = 64,
        blocks: Count = 3,
        heads: Size = 2,
        widening: Size = 4,
        fft: Size = 512,
        window: Size = 400,
        hop: Size = 160,
        heard: Literal["linear", "log"] = "linear",
        opening: NotNegative = 0.0,
    ) -> None:
        super().__init__(fft, window, hop, heard)
        bins = fft // 2 + 1
        self.embedding = embedding
        self.cnn = DilatedCNN(channels)
        whole = bins + embedding
        self.blocks = nn.ModuleList(AttentionBlock(channels, heads, whole, widening) for _ in range(blocks))
        self.dense = nn.Linear(whole, bins)
        self.compress = nn.Conv2d(channels, outputs, 3, padding=1)
        nn.init.constant_(self.compress.bias, opening)

    def logits(self, heard: Tensor, embedding: Tensor | None) -> Tensor:
        """Logits [B, outputs, K, bins] of masks."""
        maps = self.cnn(self._joined(heard, embedding))
        for block in self.blocks:
            maps = block(maps)
        return self.compress(self.dense(maps))

    def attended(self, mixture: Tensor, embedding: Tensor | None = None) -> Iterator[Tensor]:
        """Of each block what its frames look at, [B, heads, K, K], in a mixture [B, T]."""
        maps = self.cnn(self._joined(self.heard(self.spectrum(mixture).abs()), embedding))
        for block in self.blocks:
            yield block.attention.weights(block.norms[0](maps))
            maps = block(maps)

    def _joined(self, heard: Tensor, embedding: Tensor | None) -> Tensor:
        """The embedding, the same in all frames, behind the bins (eq. 9)."""
        if not self.embedding:
            return heard
        return torch.cat([heard, embedding[:, None].expand(-1, heard.shape[1], -1)], -1)


MODEL = AtssNet
