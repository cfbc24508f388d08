"""The mean level of clips, as a network of one number."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sepflow.mixes.mix import open_mix
from sepflow.tasks.task import Frozen, Made


def make(spec: dict[str, Any], results: Path, places: Any) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The weights, and how many clips they are of."""
    mix = open_mix(spec["data"]["mix"], results)
    levels = [float((mix.mixture(row) ** 2).mean()) for row in range(len(mix))]
    return {"rms": torch.tensor(levels).mean().sqrt()}, {"clips": len(mix)}


class Level(Made):
    """The level of the clips that it was made of."""

    def __init__(self, spec: dict[str, Any], used: Mapping[str, Frozen] | None = None):
        super().__init__(spec, used)
        self.model = nn.Module()
        self.model.register_buffer("rms", torch.zeros(()))

    def forward(self, mixture: Tensor) -> Tensor:
        """A mixture [B, T] brought to that level."""
        own = mixture.square().mean(-1, keepdim=True).sqrt()
        return mixture * self.model.rms / own.clamp(min=1e-6)


TASK = Level
