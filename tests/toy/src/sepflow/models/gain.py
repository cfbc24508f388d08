"""A network of three numbers: what a filter of so many taps makes of a mixture."""

import torch.nn.functional as F
from torch import Tensor, nn

from sepflow.settings import Odd, Size, checked


@checked("model")
class Gain(nn.Module):
    """Mixture [B, T] -> estimates [B, sources, T]."""

    compiles = False

    def __init__(self, sources: Size, taps: Odd = 3) -> None:
        super().__init__()
        self.filter = nn.Conv1d(1, sources, taps, padding=taps // 2, bias=False)

    def forward(self, mixture: Tensor) -> Tensor:
        """Each source by a filter of its own."""
        return F.conv1d(mixture[:, None], self.filter.weight, padding=self.filter.padding)


MODEL = Gain
