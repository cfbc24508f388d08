"""One training step of the task; the model that is applied is the moving average of the trained one."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from sepflow.tasks.dereverb.settings import Settings
from torch import Tensor

from sepflow import models
from sepflow.tasks.task import Batch, Frozen, Step, Task


class Dereverb(Task):
    """`head` is the network that is trained, `model` its average."""

    def __init__(self, spec: dict[str, Any], used: Mapping[str, Frozen] | None = None):
        super().__init__(spec, used)
        self.settings = Settings(**spec["dereverb"])
        self.model = models.build(spec["model"])
        self.head = copy.deepcopy(self.model)
        self.model.requires_grad_(False)

    def forward(self, mixture: Tensor) -> Tensor:
        """The estimate [B, 1, T] of a mixture [B, T], brought to the level of clips first."""
        return self.model(self.used["level"](mixture).to(mixture.dtype))

    def step(self, batch: Batch, at: int = 0) -> Step:
        """What a judge hears of the difference to the speaker, and what is lost of clips."""
        data, terms = batch["data"], {}
        estimate = self.head(data["mixture"])[:, 0]
        judge = self.used["judge"]
        heard = (judge(estimate) - judge(data["references"][:, 0])).square().mean((1, 2))
        losses = heard + (estimate - data["references"][:, 0]).square().mean(-1)
        if "clips" in batch:
            clips = batch["clips"]["mixture"]
            kept = (self.head(clips)[:, 0] - clips).square().mean()
            losses, terms = losses + self.settings.weight * kept, {"kept": kept, "heard": heard.mean()}
        return Step(losses, None, terms)

    @torch.no_grad()
    def stepped(self, at: int) -> None:
        """Move the average."""
        for mean, weight in zip(self.model.parameters(), self.head.parameters(), strict=True):
            mean.lerp_(weight, 1 - self.settings.decay)

    def validated(self, batch: Batch, at: int = 0) -> Tensor:
        """[losses, examples, energy of the error, energy]."""
        (part,) = batch.values()
        error = self.model(part["mixture"])[:, 0] - part["references"][:, 0]
        energies = torch.stack([error.square().sum(), part["references"].square().sum()]).double()
        return torch.cat([super().validated(batch, at), energies])

    def summary(self, sums: Tensor) -> dict[str, Tensor]:
        """The mean loss, and which share of all energy is error."""
        return super().summary(sums) | {"error_rate": sums[2] / sums[3]}


TASK = Dereverb
