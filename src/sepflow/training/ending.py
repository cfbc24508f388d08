"""A training that ends before it is done: told to by a signal, or because another process has its run."""

import copy
import signal
from typing import Any

import lightning
from lightning.pytorch.utilities.types import STEP_OUTPUT

from sepflow.jobs.lease import Beside, Lease
from sepflow.jobs.requeue import Notice, WarnedError
from sepflow.training.checkpoint import RunningCheckpoint


class Ending(lightning.Callback):
    """Looks after each step whether the training is to end; then saves, within an interval too, and ends it.

    In a validation it saves what was there before, with a note that the validation is to be done again: not
    in the last one of a run, which Lightning takes for trained by then. Where several processes share each
    batch all end after the same step, and validations are finished first.
    """

    def __init__(self, notice: Notice, lease: Lease | Beside, keeper: RunningCheckpoint):
        self.notice, self.lease, self.keeper = notice, lease, keeper
        self._before: dict[str, Any] = {}  # where Lightning stood before the validation that is due
        self._saves_before = False
        self._due = False  # a validation, before a resumed run's first step

    def on_sanity_check_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Take the signals back from Lightning, whose own handler would end without a save, or never."""
        self.notice.hear()

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """From now on a signal is noted, and heard after the step."""
        self.notice.hear()
        self.notice.patient = True
        if self._due:
            self._validate(trainer, module)

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        module: lightning.LightningModule,
        outputs: STEP_OUTPUT,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """End the training here, if it is to; the last step of an interval is saved with its validation."""
        if batch_idx + 1 == trainer.num_training_batches:
            self._before = copy.deepcopy(trainer.fit_loop.state_dict())
        elif (batch_idx + 1) % trainer.accumulate_grad_batches == 0 and self._to_end(trainer):
            self._end(trainer, module)

    def on_validation_batch_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, *_: Any
    ) -> None:
        """End the training in a validation, if it is to, and if there is no other process to agree with."""
        alone, last = trainer.world_size == 1, trainer.global_step == trainer.max_steps
        if alone and not last and not trainer.sanity_checking and self._to_end(trainer):
            self._saves_before = True
            self._end(trainer, module)

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """End the training after a validation; all is saved already."""
        over = trainer.should_stop or trainer.global_step == trainer.max_steps
        if not over and self._to_end(trainer):
            self._leave(trainer)

    def on_train_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """What is left to do is short, and can be done again."""
        self.notice.patient = False

    def on_save_checkpoint(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Note whether a validation is due."""
        checkpoint["validation_due"] = self._saves_before
        if self._saves_before:
            checkpoint["loops"]["fit_loop"] = self._before

    def on_load_checkpoint(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Read whether a validation is due; older checkpoints were saved after one."""
        if checkpoint.get("validation_due", False):
            self._due, self._before = True, checkpoint["loops"]["fit_loop"]

    def _validate(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        self._due = False
        loop = trainer.fit_loop.epoch_loop.val_loop
        loop.restarting, trainer.validating = False, True
        loop.run()
        trainer.training = True
        self.keeper.on_train_epoch_end(trainer, module)

    def _to_end(self, trainer: lightning.Trainer) -> bool:
        told = self.notice.given is not None or self.lease.lost
        return trainer.strategy.reduce_boolean_decision(told, all=False)

    def _end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        self.lease.check()
        self.keeper.save(trainer)
        self._leave(trainer)

    def _leave(self, trainer: lightning.Trainer) -> None:
        if not trainer.is_global_zero:
            raise SystemExit(0)  # at a failure of theirs Lightning would kill the first one, before its end
        self.lease.check()
        how_far = f"saved at step {trainer.global_step} of {trainer.max_steps}"
        raise WarnedError(
            self.notice.given or signal.SIGTERM, f"{how_far}, to go on there when started again"
        )
