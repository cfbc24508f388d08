"""A trained model applied to whole recordings, one at a time, so that no neighbour's padding reaches it."""

from pathlib import Path

import numpy as np
import torch

from sepflow.errors import SepflowError
from sepflow.tasks.built import load_task, whole_float32


class Estimator:
    """The model of a run, ready to be applied; `run` is the name of the run that it must be of."""

    def __init__(self, path: str | Path, device: str = "auto", run: str | None = None):
        self.task = load_task(path, run)
        self.spec = self.task.spec
        if device == "gpu" and not torch.cuda.is_available():
            raise SepflowError("device: gpu, but torch sees none here. Set device: cpu (or auto).")
        chosen = device != "cpu" and torch.cuda.is_available()
        whole_float32()
        self.device = torch.device("cuda" if chosen else "cpu")
        self.task.to(self.device)
        for frozen in self.task.used.values():
            frozen.to(self.device)

    def __call__(self, mixture: np.ndarray) -> torch.Tensor:
        """Estimates [M, T] (float32, on the CPU) of a mixture [T] float32."""
        return self.task.apply_to(mixture)
