"""DPTNet: Chen, Mao & Liu, "Dual-path transformer network", 2020 (arXiv 2007.13975)."""

import torch.nn.functional as F
from torch import Tensor, nn

from sepflow.models.dprnn import DualPath, half
from sepflow.models.layers import Linear, attention
from sepflow.models.masking import MaskingModel, global_layer_norm
from sepflow.settings import Mask, Size, checked


class SequenceNorm(nn.GroupNorm):
    """gLN of each sequence on its own, [N, P, F] -> [N, P, F], one gain and bias a feature."""

    def __init__(self, features: int) -> None:
        super().__init__(1, features, eps=1e-8)

    def forward(self, x: Tensor) -> Tensor:
        # As a layer norm it runs over memory in its order; a group norm wants the features first.
        shape = x.shape[1:]
        return F.layer_norm(x, shape, self.weight.expand(shape), self.bias.expand(shape), self.eps)


class Attention(nn.Module):
    """Multi-head self-attention of sequences [N, P, F] (eqs. 1-3), initialised as torch's own."""

    def __init__(self, features: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project = Linear(features, 3 * features)
        self.merge = Linear(features, features)
        nn.init.xavier_uniform_(self.project.weight)
        nn.init.zeros_(self.project.bias)
        nn.init.zeros_(self.merge.bias)

    def forward(self, x: Tensor) -> Tensor:
        split = self.project(x).unflatten(-1, (3, self.heads, -1))  # [N, P, 3, H, D]
        query, key, value = split.transpose(1, 3).unbind(2)  # each [N, H, P, D]
        heads = attention(query, key, value)
        return self.merge(heads.transpose(1, 2).flatten(2))


class TransformerLayer(nn.Module):
    """The improved transformer along dimension 2 of [B, S, P, F]: attention, then a BiLSTM for order.

    Either adds to its input, and a gLN of each sequence follows (eqs. 4-6).
    """

    def __init__(self, features: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.attention = Attention(features, heads)
        self.lstm = nn.LSTM(features, hidden, bidirectional=True)
        self.linear = Linear(2 * hidden, features)
        self.attention_norm = SequenceNorm(features)
        self.norm = SequenceNorm(features)

    def forward(self, x: Tensor) -> Tensor:
        sequences = x.flatten(0, 1)
        sequences = self.attention_norm(sequences + self.attention(sequences))
        # Time first, as torch's LSTM works: its output, the widest tensor here, is never copied.
        recurrent = self.lstm(sequences.transpose(0, 1))[0]
        out = self.linear(recurrent.relu()).transpose(0, 1)
        return self.norm(sequences + out).unflatten(0, x.shape[:2])


class DualPathTransformer(DualPath):
    """The separator: `repeats` times a layer within the chunks and a layer across them."""

    def __init__(
        self, sources: int, filters: int, heads: int, hidden: int, chunk: int, hop: int, repeats: int
    ) -> None:
        super().__init__(sources, chunk, hop)
        # An empty chunk before the first, and after the last full one, as public weights are trained with.
        empty = nn.ZeroPad1d((hop, 1))
        self.bottleneck = nn.Sequential(global_layer_norm(filters), empty)
        self.layers = nn.ModuleList(TransformerLayer(filters, heads, hidden) for _ in range(2 * repeats))
        self.add_head(filters)
        self.to_filters = nn.Identity()

    def forward(self, encoded: Tensor) -> Tensor:
        """[B, N, K] -> mask logits [B, C, N, K]."""
        return super().forward(encoded)[..., self.hop : -1]


@checked("model", "stride covers kernel", "hop covers chunk", "heads divides filters")
class DPTNet(MaskingModel):
    """Mixture [B, T] -> estimates [B, sources, T].

    filters, kernel and stride (default: half the kernel) in samples, heads of the attention (they divide
    filters), hidden (one direction of the LSTM), chunk and hop (default chunk // 2) in frames, repeats, mask
    "relu" or "sigmoid". Raises SepflowError for a value out of range.
    """

    compiles = False  # for its LSTM, as DPRNN
    rectifies = True

    def __init__(
        self,
        sources: Size,
        filters: Size = 64,
        kernel: Size = 2,
        stride: Size | None = None,
        heads: Size = 4,
        hidden: Size = 256,
        chunk: Size = 100,
        hop: Size | None = None,
        repeats: Size = 6,
        mask: Mask = "relu",
    ) -> None:
        super().__init__(filters, kernel, stride, mask)
        self.separator = DualPathTransformer(
            sources, filters, heads, hidden, chunk, hop or half(chunk), repeats
        )


MODEL = DPTNet
