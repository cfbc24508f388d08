"""How far a training is: plain lines in a log, a bar on a terminal, and what its lease says of it."""

import logging
import time
from datetime import timedelta
from typing import Any

import lightning
from lightning.pytorch.utilities.types import STEP_OUTPUT
from tqdm import tqdm

from sepflow.jobs.lease import Beside, Lease
from sepflow.training.checkpoint import RunningCheckpoint

EVERY = 30.0  # s from one line to the next, where there is no validation between
log = logging.getLogger(__name__)


class Progress(lightning.Callback):
    """Says it after each validation and, between, twice a minute. To be called after the `keeper`.

    Examples a second and the time left are of all the time since the training was started (again), its
    validations too; a run with `patience` may end before.
    """

    def __init__(self, keeper: RunningCheckpoint, lease: Lease | Beside, batch: int, bar: bool):
        self.keeper, self.lease, self.batch = keeper, lease, batch
        self._bar = tqdm(unit="step", leave=False, disable=None if bar else True)  # None: but on a terminal
        self._begun = self._said = 0.0
        self._first = 0

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Start the clock."""
        self._begun = self._said = time.monotonic()
        self._first = trainer.global_step
        self._bar.total, self._bar.initial, self._bar.n = trainer.max_steps, self._first, self._first
        self.lease.note(step=self._first, steps=trainer.max_steps)

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        module: lightning.LightningModule,
        outputs: STEP_OUTPUT,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Move the bar; where it is time for a line, write one."""
        self._bar.update(trainer.global_step - self._bar.n)
        if time.monotonic() - self._said >= EVERY and batch_idx + 1 < trainer.num_training_batches:
            self._say(trainer, {"train_loss": float(module.mean_loss())})

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Write a line about the validation, if there was one: a resumed run passes here once more."""
        if self.keeper.history and self.keeper.history[-1]["step"] == trainer.global_step > self._first:
            row = self.keeper.history[-1]
            self._say(trainer, {key: row[key] for key in ("train_loss", "validation_loss")})

    def on_train_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Take the bar away."""
        self._bar.close()

    def on_exception(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, exception: BaseException
    ) -> None:
        """Take the bar away."""
        self._bar.close()

    def _say(self, trainer: lightning.Trainer, losses: dict[str, float]) -> None:
        """One line, and the same for the lease: `train_loss`, and after a validation `validation_loss`."""
        self._said = time.monotonic()
        step, steps, passed = trainer.global_step, trainer.max_steps, self._said - self._begun
        speed = (step - self._first) / passed
        left = str(timedelta(seconds=round((steps - step) / speed)))
        self.lease.note(step=step, left=left, **losses)
        if not trainer.is_global_zero:
            return
        words = {"train_loss": "training loss", "validation_loss": "validation loss"}
        told = ", ".join(f"{words[key]} {loss:.2f}" for key, loss in losses.items())
        self._bar.clear()
        log.info("step %d of %d: %s, %.3g examples/s, %s left", step, steps, told, speed * self.batch, left)
        self._bar.refresh()
