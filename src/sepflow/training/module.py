"""The loop around a task, as Lightning wants it."""

from functools import partial
from typing import Any

import lightning
import torch
from torch import Tensor

from sepflow import tasks
from sepflow.errors import SepflowError
from sepflow.training.schedules import factor
from sepflow.training.switches import Switches

PRECISIONS = {"32": "32-true", "64": "64-true", "bf16": "bf16-mixed", "16": "16-mixed"}


class Training(lightning.LightningModule):
    """A run's task with its optimiser: mean loss of a batch, in dB, both ways."""

    def __init__(self, spec: dict[str, Any]):
        super().__init__()
        self.spec = spec
        self.task = tasks.build(spec)
        self.train_losses: list[Tensor] = []
        self.switches: Switches | None = None  # counted where the examples say which they are
        self.plateau: torch.optim.lr_scheduler.ReduceLROnPlateau | None = None
        self._plateau_state: dict[str, Any] = {}

    def training_step(self, batch: tuple[Tensor, ...], _: int) -> Tensor:
        """Mean loss of a batch; SepflowError where it is not a number."""
        losses, assignment = self.task.assigned(batch)
        if self.switches:
            self.switches.note(batch[2][:, 1:], assignment)
        loss = losses.mean()
        if not torch.isfinite(loss):
            raise SepflowError(self.diverged("training"))
        self.train_losses.append(loss.detach())
        return loss

    def mean_loss(self) -> Tensor:
        """Mean training loss of this process since the last validation, in float64."""
        return torch.stack([loss.to(self.device) for loss in self.train_losses]).double().mean()

    def on_validation_epoch_start(self) -> None:
        """Begin to add up."""
        self._validation_sum = torch.zeros(2, dtype=torch.float64)

    def validation_step(self, batch: tuple[Tensor, ...], _: int) -> None:
        """Add up the losses of the validation examples, and how many they are."""
        losses = self.task.loss(batch).double()
        self._validation_sum += torch.stack([losses.sum(), losses.new_tensor(len(losses))]).cpu()

    def on_validation_epoch_end(self) -> None:
        """Take the mean over the examples of all processes; Lightning's is off where their shares differ."""
        both = self._validation_sum.to(self.device)
        total, count = self.trainer.strategy.reduce(both, reduce_op="sum")
        self.log("validation_loss", total / count)
        if self.switches:
            self.switches.count(self.all_gather)

    def diverged(self, which: str) -> str:
        """The message for a `which` loss (training or validation) that is not a number."""
        return (
            f"The {which} loss is not a number at step {self.global_step} of {self.spec['steps']}: "
            f"the weights diverged; lower optimizer.lr ({self.spec['optimizer']['lr']}). "
            "The last checkpoint is kept."
        )

    def configure_optimizers(self) -> torch.optim.Optimizer | dict[str, Any]:
        """Adam, with a schedule a step, or reduced at a plateau of the validation loss."""
        settings = self.spec["optimizer"]
        # One kernel for all weights: of a small network's step on a CPU, separate ones took a tenth. Not in
        # mixed precision, where Lightning clips no gradients for it.
        fused = self.spec["precision"] in ("32", "64")
        optimizer = torch.optim.Adam(
            self.parameters(), lr=settings["lr"], weight_decay=settings["weight_decay"], fused=fused
        )
        if settings["plateau"]:
            # Absolute: of a loss below 0 dB, torch's relative threshold takes every repetition for progress.
            settings = settings["plateau"] | {"threshold": 0.0, "threshold_mode": "abs"}
            self.plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **settings)
            self.plateau.load_state_dict(self._plateau_state)
            return optimizer
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, partial(factor, self.spec))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    # Lightning steps a plateau's schedule after the checkpoint of the epoch is written; a resumed run would
    # be one validation behind. So it is stepped, saved and loaded here.

    def on_validation_end(self) -> None:
        """Show the plateau's schedule the validation loss."""
        if self.plateau and not self.trainer.sanity_checking:
            self.plateau.step(float(self.trainer.callback_metrics["validation_loss"]))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put there the spec, the plateau's schedule, and what has added up since the last validation."""
        checkpoint["spec"] = self.spec
        checkpoint["plateau"] = self.plateau.state_dict() if self.plateau else {}
        if self.switches:
            self.switches.count(self.all_gather)
        checkpoint["switches"] = self.switches.state_dict() if self.switches else {}
        checkpoint["train_losses"] = self._gathered_losses()

    def _gathered_losses(self) -> Tensor:
        """The losses of all steps since the last validation: [processes, steps], in their own precision."""
        if not self.train_losses:
            return torch.zeros(self.trainer.world_size, 0)
        losses = torch.stack([loss.to(self.device) for loss in self.train_losses])
        return self.all_gather(losses).reshape(self.trainer.world_size, -1).cpu()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up what `on_save_checkpoint` put there.

        The plateau's schedule is kept for `configure_optimizers`, which comes after. Of another number of
        processes each takes the mean of all losses.
        """
        self._plateau_state = checkpoint["plateau"]
        if self.switches:
            self.switches.load_state_dict(checkpoint["switches"])
        losses = checkpoint.get("train_losses", torch.zeros(1, 0))  # older ones were saved after validations
        own = len(losses) == self.trainer.world_size
        self.train_losses = list(losses[self.trainer.global_rank] if own else losses.mean(0))
