"""Conv-TasNet: Luo & Mesgarani, "Conv-TasNet: Surpassing ideal time-frequency magnitude masking", 2019."""

from torch import Tensor, nn

from sepflow.errors import SepflowError
from sepflow.models.layers import DilatedConv, Pointwise, PReLU, channels_last, normalised
from sepflow.models.masking import MaskingModel, check_sizes, global_layer_norm


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


class ConvTasNet(MaskingModel):
    """Mixture [B, T] -> estimates [B, sources, T].

    filters N, kernel L and stride (default L // 2) in samples, bottleneck B, hidden H, skip Sc (0: no skip
    path, the residual stream makes the masks), conv_kernel P (odd), blocks X, repeats R, mask "relu" or
    "sigmoid". Raises SepflowError for a value out of range.
    """

    def __init__(
        self,
        sources: int,
        filters: int = 256,
        kernel: int = 20,
        stride: int | None = None,
        bottleneck: int = 128,
        hidden: int = 256,
        skip: int = 128,
        conv_kernel: int = 3,
        blocks: int = 7,
        repeats: int = 4,
        mask: str = "relu",
    ) -> None:
        check_sizes(kernel=kernel, sources=sources, bottleneck=bottleneck, hidden=hidden)
        check_sizes(conv_kernel=conv_kernel, blocks=blocks, repeats=repeats)
        check_sizes(0, skip=skip)
        if conv_kernel % 2 == 0:
            raise SepflowError(f"model: conv_kernel must be odd, not {conv_kernel}")
        super().__init__(filters, kernel, stride, mask)
        self.separator = TemporalConvNet(
            sources, filters, bottleneck, hidden, skip, conv_kernel, blocks, repeats
        )


MODEL = ConvTasNet
