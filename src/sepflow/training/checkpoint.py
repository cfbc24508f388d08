"""The running checkpoint: one file that holds all a run needs to go on, and to end."""

import math
import time
import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import lightning
import torch

from sepflow.errors import SepflowError
from sepflow.files import check_regular, replacing
from sepflow.files.contracts import refuse
from sepflow.identity import difference_in_words, fill_neutral, run_name

WAY_OUT = "Delete it to begin this run anew, or put a whole copy in its place to go on from there."
KEPT = ("history", "best", "best_loss", "seconds", "stopped")
PARTS = {
    "state_dict": dict,
    "callbacks": dict,
    "loops": dict,
    "optimizer_states": list,
    "lr_schedulers": list,
    "global_step": int,
    "epoch": int,
    "plateau": dict,
    "switches": dict,
}


class RunningCheckpoint(lightning.Callback):
    """After each validation: a row of history, the best weights so far, and the checkpoint on disk.

    Saved between two validations, it has the losses since the last one too, and is otherwise the same.

    History, best weights and the seconds spent live in the checkpoint, because the files that a workflow
    declares vanish when a job starts again.
    """

    def __init__(self, path: Path):
        self.path = path
        self.history: list[dict[str, float]] = []
        self.best: dict[str, torch.Tensor] = {}
        self.best_loss = float("inf")
        self.seconds = 0.0
        self.stopped = False
        self._since = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        """What Lightning puts into the checkpoint for this callback."""
        return {key: getattr(self, key) for key in KEPT}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where the checkpoint left off."""
        self.__dict__.update(state)

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Start the clock; what came before is in `seconds`. A run that had stopped early is not taken up."""
        self._since = time.monotonic()
        trainer.should_stop = self.stopped

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Record, compare, save."""
        if not module.train_losses:
            return  # a resumed run passes the end of the checkpoint's epoch once more
        self._count()
        row = self._row(trainer, module)
        module.forget()
        self.history.append(row)
        if trainer.logger:
            trainer.logger.log_metrics(
                {k: v for k, v in row.items() if k != "step"}, step=trainer.global_step
            )
        if module.criterion < self.best_loss:
            weights = module.task.weights()
            self.best_loss = module.criterion
            self.best = {name: w.detach().cpu().clone() for name, w in weights.items()}
        self.stopped = trainer.should_stop
        self.save(trainer)

    def _row(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> dict[str, float]:
        """A validation's row of the history; SepflowError where the run has diverged."""
        summary = {name: float(value) for name, value in trainer.callback_metrics.items()}
        if not all(map(math.isfinite, (summary["validation_loss"], module.criterion))):
            raise SepflowError(module.diverged("validation"))
        reduce = trainer.strategy.reduce
        row = {
            "step": trainer.global_step,
            "train_loss": float(reduce(module.mean_loss())),
            "validation_loss": summary.pop("validation_loss"),
            "lr": trainer.optimizers[0].param_groups[0]["lr"],
            "seconds": round(self.seconds, 2),
        }
        row |= {name: float(reduce(term)) for name, term in module.mean_terms().items()} | summary
        return row | ({"label_switches": module.switches.rate} if module.switches else {})

    def save(self, trainer: lightning.Trainer) -> None:
        """Write the checkpoint, whole or not at all."""
        self._count()
        # All processes save, and the first one writes.
        with replacing(self.path) if trainer.is_global_zero else nullcontext(self.path) as path:
            trainer.save_checkpoint(path)

    def _count(self) -> None:
        now = time.monotonic()
        self.seconds, self._since = self.seconds + now - self._since, now


def usable(path: Path, spec: dict[str, Any], weights: dict[str, torch.Tensor]) -> Path | None:
    """`path` if there is a checkpoint of the run of `spec` to go on from, None if there is none.

    `weights` are those of the module that will take it up. Raises SepflowError where the file cannot be read,
    is damaged, incomplete or another run's: to begin anew is the user's to say.
    """
    if not path.exists():
        return None
    state, _ = read_checkpoint(path)
    if differs := difference_in_words(fill_neutral(state["spec"]), spec):
        raise SepflowError(
            f"{path}: another run's checkpoint (there, here): {differs}. Choose another --out."
        )
    refuse(str(path), _lacking(state, weights), WAY_OUT)
    return path


def read_checkpoint(path: Path) -> tuple[dict[str, Any], str]:
    """The state in a checkpoint, on the CPU, and the name of its run; SepflowError where it is damaged."""
    try:
        check_regular(path)  # a pipe would be waited for
        with zipfile.ZipFile(path) as archive:  # torch.load does not check the sums
            if damaged := archive.testzip():
                raise ValueError(f"its {damaged} is not what was written")
        state = torch.load(path, map_location="cpu", weights_only=True)
        return state, run_name(fill_neutral(state["spec"]))
    except Exception as error:  # zipfile, pickle, EOF, ...: torch has no exception of its own for it
        raise SepflowError(
            f"{path}: the checkpoint is truncated or damaged ({type(error).__name__}: {error}). {WAY_OUT}"
        ) from error


def _lacking(state: dict[str, Any], weights: dict[str, torch.Tensor]) -> list[str]:
    """What a checkpoint's `state` lacks to go on with, in words."""
    if lacking := [f"no {part}" for part, kind in PARTS.items() if not isinstance(state.get(part), kind)]:
        return lacking
    kept = state["callbacks"].get(RunningCheckpoint.__qualname__)
    if lacking := [f"no {part}" for part in KEPT if not isinstance(kept, dict) or part not in kept]:
        return lacking
    validated = state["global_step"] - bool(state.get("validation_due"))
    if validated >= state["spec"]["validate_every"] and not (kept["history"] and kept["best"]):
        return ["no validation in its history"]
    given, own = (
        {name: getattr(weight, "shape", None) for name, weight in each.items()}
        for each in (state["state_dict"], weights)
    )
    other = sorted(name for name in given | own if given.get(name) != own.get(name))
    return [f"{name}: not as this run's network has it" for name in other]
