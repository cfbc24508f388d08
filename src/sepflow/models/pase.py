"""A self-supervised encoder: Ravanelli, Zhong, Pascual, Swietojanski, Monteiro, Trmal & Bengio, "Multi-task
self-supervised learning for robust speech recognition", 2020: PASE+.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sepflow.models.sinc import Sinc
from sepflow.settings import Flag, Size, checked

RATE = 16000
KERNELS = (251, 20, 11, 11, 11, 11, 11, 11)
STRIDES = (1, 10, 2, 1, 2, 1, 2, 2)
MAPS = (1, 1, 2, 2, 4, 4, 8, 8)  # of each block, in those of the first
TAPPED = 6


@checked("model")
class PASE(nn.Module):
    """Signals [B, T] at 16 kHz -> [B, features, T / 160].

    `whole`: with all eight blocks, the recurrent layer and the features. Otherwise it ends with its last tap,
    and has no more weights. The first block, of sinc filters, has `maps` maps.
    """

    compiles = False

    def __init__(self, maps: Size = 64, features: Size = 256, whole: Flag = False) -> None:
        super().__init__()
        self.whole = whole
        sizes = [1] + [maps * many for many in MAPS[: None if whole else TAPPED]]
        parts = zip(sizes, sizes[1:], KERNELS, STRIDES, strict=False)
        self.blocks = nn.ModuleList(Block(*part) for part in parts)
        if whole:
            self.denseskips = nn.ModuleList(nn.Conv1d(size, features, 1, bias=False) for size in sizes[1:-1])
            self.rnn = QuasiRecurrent(sizes[-1])
            self.W = nn.Conv1d(sizes[-1], features, 1)
            self.norm_out = nn.BatchNorm1d(features, affine=False)

    def forward(self, signals: Tensor) -> Tensor:
        heard = self.taps(signals)
        if not self.whole:
            return heard[-1]
        for block in self.blocks[TAPPED:]:
            heard.append(block(heard[-1]))
        out = self.W(self.rnn(heard.pop().mT).mT)
        frames = out.shape[-1]
        for skip, x in zip(self.denseskips, heard, strict=True):
            each = x.shape[-1] // frames
            out = out + skip(x)[..., : frames * each].unflatten(-1, (frames, each)).mean(-1)
        return self.norm_out(out)

    def taps(self, signals: Tensor) -> list[Tensor]:
        """What each of the first six blocks makes of signals, [B, maps, frames] each."""
        heard = [signals[:, None]]
        for block in self.blocks[:TAPPED]:
            heard.append(block(heard[-1]))
        return heard[1:]


class Block(nn.Module):
    """A convolution, a norm, a PReLU: [B, before, K] -> [B, maps, K / stride], over mirrored ends."""

    def __init__(self, before: int, maps: int, kernel: int, stride: int) -> None:
        super().__init__()
        one_less = stride > 1 or kernel % 2 == 0
        self.around = (kernel // 2 - one_less, kernel // 2)
        first = before == 1
        self.conv = Sinc(maps, kernel, RATE) if first else nn.Conv1d(before, maps, kernel, stride)
        self.norm = nn.BatchNorm1d(maps)
        self.act = nn.PReLU(maps, init=0)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.conv(F.pad(x, self.around, mode="reflect"))))


class QuasiRecurrent(nn.Module):
    """[B, K, size] -> the same: Bradbury et al., "Quasi-recurrent neural networks", 2017, over pairs of
    frames.

    Its forget gate is of what is new, as pytorch-qrnn has it: c_t = f_t z_t + (1 - f_t) c_{t-1}.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.ModuleDict({"linear": nn.Linear(2 * size, 3 * size)})])

    def forward(self, x: Tensor) -> Tensor:
        before = F.pad(x, (0, 0, 1, 0))[:, :-1]
        new, gate, shown = self.layers[0]["linear"](torch.cat([x, before], -1)).chunk(3, -1)
        taken = gate.sigmoid()
        state, states = 0, []
        for entering, staying in zip((taken * new.tanh()).unbind(1), (1 - taken).unbind(1), strict=True):
            state = entering + staying * state
            states.append(state)
        return torch.stack(states, 1) * shown.sigmoid()


MODEL = PASE
