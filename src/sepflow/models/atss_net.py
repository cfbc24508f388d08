"""Atss-Net: Li, Lin, Bao & Li, "Target Speaker Separation via Attention-based Neural Network", 2020.

Frames are [B, K, C, F]: C channels, K frames, F bins of the spectrum and, behind them, of the embedding.
"""

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor, nn

from sepflow.models.layers import Linear
from sepflow.models.spectral import SpectralMasking
from sepflow.settings import Count, NotNegative, Size, checked

ROWS = 512  # of an attention's map, that are there at once where nothing is learnt
DILATIONS = (1, 2, 4, 8, 16)  # in time, of Table 1


class DilatedCNN(nn.Sequential):
    """Table 1: five convolutions 5x5, dilated in time, and one 1x1, each with batch norm and ReLU."""

    def __init__(self, channels: int) -> None:
        layers: list[nn.Module] = []
        for before, dilation in zip([1] + [channels] * len(DILATIONS), DILATIONS, strict=False):
            layers.append(nn.Conv2d(before, channels, 5, padding=(2 * dilation, 2), dilation=(dilation, 1)))
            layers += [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
        layers += [nn.Conv2d(channels, channels, 1), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
        super().__init__(*layers)
        # Channels last in memory: of few channels a step takes 0.6 of the time on a CPU.
        self.to(memory_format=torch.channels_last)

    def forward(self, joined: Tensor) -> Tensor:
        """[B, K, F] -> [B, K, channels, F]."""
        return super().forward(joined[:, None]).transpose(1, 2).contiguous()


class Projection(nn.Conv2d):
    """A 1x1 convolution of frames as they lie in memory, [B, K, C, F] -> [B, K, C', F]."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(channels, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        each = self.weight[..., 0, 0].expand(x.shape[0] * x.shape[1], -1, -1)
        return torch.baddbmm(self.bias[:, None], each, x.flatten(0, 1)).unflatten(0, x.shape[:2])


class TemporalAttention(nn.Module):
    """Each frame, all its channels and bins, looks at all others: a map [K, K] a head (eqs. 7, 8 and 11)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, channels**-0.5  # 1 / sqrt(d_k), d_k the channels
        self.query, self.key, self.value = (Projection(channels, heads * channels) for _ in range(3))
        self.out = nn.Conv2d(heads * channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Frames -> frames."""
        heads = [
            torch.cat([rows @ value for rows in maps], 1)
            for maps, value in zip(self._maps(x), self._split(self.value(x)), strict=True)
        ]
        heard = torch.cat([head.unflatten(2, x.shape[2:]).transpose(1, 2) for head in heads], 1)
        return self.out(heard).transpose(1, 2)

    def weights(self, x: Tensor) -> Tensor:
        """What each of the frames looks at: [B, heads, K, K], each row of sum 1."""
        return torch.stack([torch.cat([*rows], 1) for rows in self._maps(x)], 1)

    def _maps(self, x: Tensor) -> Iterator[Iterator[Tensor]]:
        """Of each head its map, some rows [B, K', K] at a time: it is never whole where nothing is learnt."""
        for query, key in zip(self._split(self.query(x)), self._split(self.key(x)), strict=True):
            yield ((part @ key.mT * self.scale).softmax(-1) for part in query.split(ROWS, 1))

    def _split(self, x: Tensor) -> Iterator[Tensor]:
        """[B, K, heads C, F] -> of each head [B, K, C F]."""
        return (head.flatten(2) for head in x.chunk(self.heads, 2))


class AttentionBlock(nn.Module):
    """x + TA(LN(x)), then x + FFN(LN(x)), both over the bins of a frame (eqs. 12 and 13)."""

    def __init__(self, channels: int, heads: int, bins: int, widening: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(bins) for _ in range(2))
        self.attention = TemporalAttention(channels, heads)
        self.feed = nn.Sequential(
            Linear(bins, widening * bins), nn.ReLU(inplace=True), Linear(widening * bins, bins)
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
        self.dense = Linear(whole, bins)
        self.compress = nn.Conv2d(channels, outputs, 3, padding=1)
        nn.init.constant_(self.compress.bias, opening)

    def logits(self, heard: Tensor, embedding: Tensor | None) -> Tensor:
        """Logits [B, outputs, K, bins] of masks."""
        maps = self.cnn(self._joined(heard, embedding))
        for block in self.blocks:
            maps = block(maps)
        return self.compress(self.dense(maps).transpose(1, 2))

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
