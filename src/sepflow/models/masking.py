"""What every time-domain masking network shares: framing, learned encoder and decoder, masks.

mixture [B, T] -> encoder [B, N, K] -> separator -> masks [B, C, N, K] -> decoder -> estimates [B, C, T]
(B batch, T samples, N filters, K frames, C sources.)
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sepflow import settings

# The layer of every separator whose size goes with the number of sources.
MASK_LAYER = "separator.to_sources."

MASKS = {name: getattr(torch, name) for name in settings.MASKS}


def global_layer_norm(channels: int) -> nn.GroupNorm:
    """gLN: over all channels and frames of an example, one gain and bias a channel (Conv-TasNet eq. 6)."""
    return nn.GroupNorm(1, channels, eps=1e-8)


def pad_to_frames(x: Tensor, size: int, hop: int) -> Tensor:
    """x [..., T] with zeros at both ends: whole frames, the same number of them over every sample.

    (The number is the same wherever `hop` divides `size`; it is never zero.) T may be anything from 1.
    """
    length, edge = x.shape[-1], size - hop
    steps = max(0, -(-(length + 2 * edge - size) // hop))
    return F.pad(x, (edge, steps * hop + size - length - edge))


def overlap_add(frames: Tensor, hop: int, length: int) -> Tensor:
    """Frames [B, C, size, K] of a signal padded by `pad_to_frames` -> their sum, cut to [B, C, T]."""
    size, count = frames.shape[2:]
    total = (count - 1) * hop + size
    summed = F.fold(frames.flatten(1, 2), (1, total), (1, size), stride=(1, hop)).squeeze(2)
    return summed[..., size - hop :][..., :length]


class Decoder(nn.ConvTranspose1d):
    """A transposed convolution to one channel, as one matrix product and an overlap-add."""

    def forward(self, weighted: Tensor, length: int) -> Tensor:
        """Encoder frames of all sources [B, C, N, K] -> waveforms [B, C, T]."""
        # F.conv_transpose1d gives the same in twice the time on a CPU: it is slow at one output channel.
        frames = self.weight[:, 0].t() @ weighted
        return overlap_add(frames, self.stride[0], length)


class MaskingModel(nn.Module):
    """Linear or rectified encoder, masks from `self.separator` (set by the subclass), linear decoder.

    The separator maps [B, N, K] to mask logits [B, C, N, K].
    """

    separator: nn.Module
    compiles = True  # whether torch.compile gains anything
    rectifies = False  # whether the encoder is linear and ReLU

    def __init__(self, filters: int, kernel: int, stride: int | None, mask: str) -> None:
        super().__init__()
        stride = stride or max(1, kernel // 2)
        self.mask = mask
        self.encoder = nn.Conv1d(1, filters, kernel, stride, bias=False)
        self.decoder = Decoder(filters, 1, kernel, stride, bias=False)
        self._start_as_inverse()

    def _start_as_inverse(self) -> None:
        """Let masks of one return about the mixture: the decoder is the encoder, scaled by their overlap.

        A louder start is a dead one for MixIT with mixture consistency: where the best assignment gives
        every estimate to one mixture, the consistent sum is the input whatever the weights, and their
        gradient exactly zero. With torch's default the paper's network of 28 blocks starts there.
        """
        weight = self.encoder.weight
        if weight.is_meta:  # a shape alone; to compute with it loads torch's compiler, a second of every job
            return
        overlap = weight.shape[0] * weight.shape[2] / self.encoder.stride[0]
        if self.rectifies:  # of filters in all directions, half respond
            overlap /= 2
        with torch.no_grad():
            self.decoder.weight.copy_(weight / (overlap * weight.square().mean()))

    def encode(self, mixture: Tensor) -> Tensor:
        """Mixture [B, T], T >= 1 -> encoded [B, N, K]."""
        kernel, stride = self.encoder.kernel_size[0], self.encoder.stride[0]
        encoded = self.encoder(pad_to_frames(mixture, kernel, stride)[:, None])
        return encoded.relu() if self.rectifies else encoded

    def forward(self, mixture: Tensor, heard: Tensor | None = None) -> Tensor:
        """Mixture [B, T], T >= 1 -> estimates [B, C, T]. They need not add up to the mixture.

        With `heard` [B, T], an altered mixture, that is what the masks are made from.
        """
        encoded = self.encode(mixture)
        masks = MASKS[self.mask](self.separator(encoded if heard is None else self.encode(heard)))
        return self.decoder(masks * encoded[:, None], mixture.shape[-1])
