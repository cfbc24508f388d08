"""The loop around a task, as Lightning wants it."""

from functools import partial
from typing import Any

import lightning
import torch
from torch import Tensor

from sepflow.errors import SepflowError
from sepflow.tasks.built import build
from sepflow.tasks.task import Batch, Frozen, described
from sepflow.training.schedules import factor
from sepflow.training.switches import Switches

PRECISIONS = {"32": "32-true", "64": "64-true", "bf16": "bf16-mixed", "16": "16-mixed"}


class Training(lightning.LightningModule):
    """A run's task, with what it uses, and its optimiser: mean loss of a batch."""

    def __init__(self, spec: dict[str, Any], used: dict[str, Frozen] | None = None):
        super().__init__()
        self.spec = spec
        self.task = build(spec, used)
        self.train_losses: list[Tensor] = []
        self.terms: dict[str, list[Tensor]] = {}  # what these are made of
        self.switches: Switches | None = None  # counted where the examples say which they are
        self.plateau: torch.optim.lr_scheduler.ReduceLROnPlateau | None = None
        self._plateau_state: dict[str, Any] = {}

    def on_fit_start(self) -> None:
        """Bring the used networks, which are no part of the module, to its device."""
        for frozen in self.task.used.values():
            frozen.to(self.device)

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """Mean loss of a batch; SepflowError where it is not a number."""
        losses, assignment, terms = self.task.held_step(batch, self.global_step)
        if self.switches:
            where = torch.stack([batch["data"][key] for key in ("pass", "row")], 1)
            self.switches.note(where, assignment)
        loss = losses.mean()
        if not torch.isfinite(loss):
            raise SepflowError(self.diverged("training"))
        self.train_losses.append(loss.detach())
        for name, term in terms.items():
            self.terms.setdefault(name, []).append(term.detach())
        return loss

    def mean_loss(self) -> Tensor:
        """Mean training loss of this process since the last validation, in float64."""
        return self._mean(self.train_losses)

    def mean_terms(self) -> dict[str, Tensor]:
        """The means of what it is made of, by name."""
        return {name: self._mean(values) for name, values in self.terms.items()}

    def forget(self) -> None:
        """Begin the means anew."""
        self.train_losses.clear()
        self.terms.clear()

    def _mean(self, values: list[Tensor]) -> Tensor:
        return torch.stack([value.to(self.device) for value in values]).double().mean()

    @property
    def criterion(self) -> float:
        """What the last validation says of the model, by what the best is selected by; less is better."""
        select = self.spec["select"]
        return float(self.trainer.callback_metrics[select]) * self.task.declared.sign(select)

    def optimizer_step(self, *arguments: Any, **options: Any) -> None:
        """Step, and let what follows the weights follow."""
        at = self.global_step
        super().optimizer_step(*arguments, **options)
        self.task.stepped(at)

    def on_validation_epoch_start(self) -> None:
        """Begin to add up."""
        self._validation_sums: Tensor | None = None

    def validation_step(self, batch: Batch, _: int) -> None:
        """Add up what the task validates a batch by."""
        sums = self.task.validated(batch, self.global_step)
        if not isinstance(sums, Tensor) or sums.ndim != 1:
            task = self.spec["task"]
            raise SepflowError(
                f"validated of the task {task} must return sums, Tensor [K], not {described(sums)}"
            )
        sums = sums.double().cpu()
        self._validation_sums = sums if self._validation_sums is None else self._validation_sums + sums

    def on_validation_epoch_end(self) -> None:
        """Sum up over the examples of all processes; Lightning's mean is off where their shares differ."""
        sums = self.trainer.strategy.reduce(self._validation_sums.to(self.device), reduce_op="sum")
        self.log_dict(self._summary(sums))
        if self.switches:
            self.switches.count(self.all_gather)

    def _summary(self, sums: Tensor) -> dict[str, Tensor]:
        """What a validation says; SepflowError where a criterion that is declared is not among it."""
        said, wanted = self.task.summary(sums), ("validation_loss", *self.task.declared.select)
        if missing := [name for name in wanted if name not in said]:
            raise SepflowError(
                f"summary of the task {self.spec['task']} says {', '.join(said)}, and not {missing[0]}: "
                "all of `select` of its declaration is needed, and validation_loss"
            )
        return said

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
            self.plateau.step(self.criterion)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put there the spec, the plateau's schedule, and what has added up since the last validation."""
        checkpoint["spec"] = self.spec
        checkpoint["plateau"] = self.plateau.state_dict() if self.plateau else {}
        if self.switches:
            self.switches.count(self.all_gather)
        checkpoint["switches"] = self.switches.state_dict() if self.switches else {}
        checkpoint["train_losses"] = self._gathered(self.train_losses)
        checkpoint["terms"] = {name: self._gathered(values) for name, values in self.terms.items()}

    def _gathered(self, values: list[Tensor]) -> Tensor:
        """What was noted at all steps since the last validation: [processes, steps], in its own precision."""
        if not values:
            return torch.zeros(self.trainer.world_size, 0)
        values = torch.stack([value.to(self.device) for value in values])
        return self.all_gather(values).reshape(self.trainer.world_size, -1).cpu()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up what `on_save_checkpoint` put there.

        The plateau's schedule is kept for `configure_optimizers`, which comes after. Of another number of
        processes each takes the mean of all losses.
        """
        self._plateau_state = checkpoint["plateau"]
        if self.switches:
            self.switches.load_state_dict(checkpoint["switches"])
        # Older ones were saved after validations.
        self.train_losses = self._own(checkpoint.get("train_losses", torch.zeros(1, 0)))
        self.terms = {name: self._own(values) for name, values in checkpoint.get("terms", {}).items()}

    def _own(self, values: Tensor) -> list[Tensor]:
        """Of `_gathered` values those of this process."""
        own = len(values) == self.trainer.world_size
        return list(values[self.trainer.global_rank] if own else values.mean(0))
