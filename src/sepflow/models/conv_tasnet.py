"""Conv-TasNet: Luo & Mesgarani, "Conv-TasNet: Surpassing ideal time-frequency magnitude masking", 2019."""

from torch import Tensor, nn

from sepflow.models.layers import DilatedConv, Pointwise, PReLU, channels_last, normalised
from sepflow.models.masking import MaskingModel, global_layer_norm
from sepflow.settings import Count, Doublings, Mask, Odd, Size, checked


class Block(nn.Sequential):
    """The 1-D convolutional block of Figure 1C, residual and skip output in one 1x1 convolution.

    [B, bottleneck, 1, K] -> [B, bottleneck + skip, 1, K]
    """

    def __init__(self, bottleneck: int, hidden: int, skip: int, kernel: int, dilation: int) -> None:
        super().__init__(
            Pointwise(bottleneck, hidden),
            PReLU(),
            global_layer_norm(hidden),
            DilatedConv(hidden, kernel, dilation),
            PReLU(),
            global_layer_norm(hidden),
            Pointwise(hidden, bottleneck + skip),
        )

    def forward(self, x: Tensor) -> Tensor:
        widen, first, first_norm, depthwise, second, second_norm, narrow = self
        x = depthwise(normalised(widen(x), first, first_norm))
        return narrow(normalised(x, second, second_norm))


class TemporalConvNet(nn.Module):
    """The separator: `repeats` stacks of `blocks` blocks with dilations 1, 2, 4, ..."""

    def __init__(
        self,
        sources: int,
        filters: int,
        bottleneck: int,
        hidden: int,
        skip: int,
        conv_kernel: int,
        blocks: int,
        repeats: int,
    ) -> None:
        super().__init__()
        self.sources = sources
        self.widths = [bottleneck, skip]
        self.bottleneck = nn.Sequential(global_layer_norm(filters), Pointwise(filters, bottleneck))
        dilations = [2**block for block in range(blocks)] * repeats
        self.blocks = nn.ModuleList(Block(bottleneck, hidden, skip, conv_kernel, d) for d in dilations)
        self.activation = PReLU()
        self.to_sources = Pointwise(skip or bottleneck, sources * filters)

    def forward(self, encoded: Tensor) -> Tensor:
        """[B, N, K] -> mask logits [B, C, N, K]."""
        stream, skips = self.bottleneck(channels_last(encoded[:, :, None])), 0
        for block in self.blocks:
            update, skip = block(stream).split(self.widths, dim=1)
            stream, skips = stream + update, skips + skip
        out = skips if self.widths[1] else stream
        return self.to_sources(self.activation(out)).squeeze(2).unflatten(1, (self.sources, -1))


@checked("model", "stride covers kernel")
class ConvTasNet(MaskingModel):
    """Mixture [B, T] -> estimates [B, sources, T].

    filters N, kernel L and stride (default L // 2) in samples, bottleneck B, hidden H, skip Sc (0: no skip
    path, the residual stream makes the masks), conv_kernel P (odd), blocks X, repeats R, mask "relu" or
    "sigmoid". Raises SepflowError for a value out of range.
    """

    def __init__(
        self,
        sources: Size,
        filters: Size = 256,
        kernel: Size = 20,
        stride: Size | None = None,
        bottleneck: Size = 128,
        hidden: Size = 256,
        skip: Count = 128,
        conv_kernel: Odd = 3,
        blocks: Doublings = 7,
        repeats: Size = 4,
        mask: Mask = "relu",
    ) -> None:
        super().__init__(filters, kernel, stride, mask)
        self.separator = TemporalConvNet(
            sources, filters, bottleneck, hidden, skip, conv_kernel, blocks, repeats
        )


MODEL = ConvTasNet
