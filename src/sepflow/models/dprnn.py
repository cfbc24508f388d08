"""DPRNN: Luo, Chen & Yoshioka, "Dual-path RNN: efficient long sequence modeling", 2020."""

import torch
from torch import Tensor, nn

from sepflow.models.layers import PReLU
from sepflow.models.masking import MaskingModel, global_layer_norm, overlap_add, pad_to_frames
from sepflow.settings import Mask, Size, checked


def split_chunks(x: Tensor, size: int, hop: int) -> Tensor:
    """x [B, F, K] -> chunks [B, S, size, F], zero-padded so that every frame lies in as many of them."""
    return pad_to_frames(x, size, hop).unfold(-1, size, hop).permute(0, 2, 3, 1).contiguous()


def merge_chunks(chunks: Tensor, hop: int, length: int) -> Tensor:
    """Inverse of `split_chunks`: chunks [B, S, size, F] -> [B, F, K], each frame the mean over its chunks.

    The paper adds without dividing; the linear layer that follows takes the constant up.
    """
    frames = chunks.permute(0, 3, 2, 1)
    counts = overlap_add(torch.ones_like(frames[:1, :1]), hop, length)
    return overlap_add(frames, hop, length) / counts


class PathLayer(nn.Module):
    """BiLSTM along dimension 2 of [B, S, P, F], linear, gLN and residual (eqs. 1-4)."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(features, hidden, batch_first=True, bidirectional=True)
        self.linear = nn.Linear(2 * hidden, features)
        self.norm = global_layer_norm(features)

    def forward(self, x: Tensor) -> Tensor:
        out = self.linear(self.lstm(x.flatten(0, 1))[0]).unflatten(0, x.shape[:2])
        return x + self.norm(out.movedim(-1, 1)).movedim(1, -1)


class DualPath(nn.Module):
    """A separator: layers in turn within the chunks and across them, then a gated head.

    The subclass sets `bottleneck`, `layers` (an even number of them, [B, S, P, F] -> the same), adds the head
    after them and sets `to_filters`: in this order, which the weights are drawn in.
    """

    bottleneck: nn.Module
    layers: nn.ModuleList
    to_filters: nn.Module

    def __init__(self, sources: int, chunk: int, hop: int) -> None:
        super().__init__()
        self.sources, self.chunk, self.hop = sources, chunk, hop

    def add_head(self, features: int) -> None:
        """PReLU, features for each source, and their gates."""
        self.activation = PReLU()
        self.to_sources = nn.Conv1d(features, self.sources * features, 1)
        self.gates = nn.Conv1d(features, 2 * features, 1)

    def forward(self, encoded: Tensor) -> Tensor:
        """[B, N, K] -> mask logits [B, C, N, K]."""
        features = self.bottleneck(encoded)
        chunks = split_chunks(features, self.chunk, self.hop)
        for layer in self.layers:
            # The two time axes swap places: within chunks, across chunks, within, ...
            chunks = layer(chunks).transpose(1, 2)
        merged = merge_chunks(self.activation(chunks), self.hop, features.shape[-1])
        # The paper convolves before the overlap-add; with a mean the two commute, at half the cost.
        each = self.to_sources(merged).unflatten(1, (self.sources, -1)).flatten(0, 1)
        value, gate = self.gates(each).chunk(2, dim=1)
        logits = self.to_filters(value.tanh() * gate.sigmoid())
        return logits.unflatten(0, (-1, self.sources))


def half(size: int) -> int:
    """Half a chunk, the usual hop."""
    return max(1, size // 2)


class DualPathRNN(DualPath):
    """The separator: `repeats` times a layer within the chunks and a layer across them."""

    def __init__(
        self, sources: int, filters: int, bottleneck: int, hidden: int, chunk: int, hop: int, repeats: int
    ) -> None:
        super().__init__(sources, chunk, hop)
        self.bottleneck = nn.Sequential(global_layer_norm(filters), nn.Conv1d(filters, bottleneck, 1))
        self.layers = nn.ModuleList(PathLayer(bottleneck, hidden) for _ in range(2 * repeats))
        self.add_head(bottleneck)
        self.to_filters = nn.Conv1d(bottleneck, filters, 1, bias=False)


@checked("model", "stride covers kernel", "hop covers chunk")
class DPRNN(MaskingModel):
    """Mixture [B, T] -> estimates [B, sources, T].

    filters, kernel and stride (default: half the kernel) in samples, bottleneck, hidden (one direction of
    the LSTM), chunk and hop (default chunk // 2) in frames, repeats, mask "relu" or "sigmoid". Raises
    SepflowError for a value out of range.
    """

    # torch 2.13 leaves an LSTM as it is, and around it, with two threads on a CPU, crashes (double free).
    compiles = False

    def __init__(
        self,
        sources: Size,
        filters: Size = 64,
        kernel: Size = 2,
        stride: Size | None = None,
        bottleneck: Size = 64,
        hidden: Size = 128,
        chunk: Size = 250,
        hop: Size | None = None,
        repeats: Size = 6,
        mask: Mask = "relu",
    ) -> None:
        super().__init__(filters, kernel, stride, mask)
        self.separator = DualPathRNN(sources, filters, bottleneck, hidden, chunk, hop or half(chunk), repeats)


MODEL = DPRNN
