"""What a training runs on. Nothing of it is in a spec: it changes a result by rounding at most."""

from dataclasses import dataclass, fields
from typing import Any

import torch

from sepflow.errors import SepflowError


@dataclass(frozen=True)
class Machine:
    """Where a training runs: the keys of config/config.yaml of these names.

    device is "auto", "cpu" or "gpu"; devices a machine, on so many nodes, share each batch; workers are the
    processes that read examples beside each of them; compile has torch compile the model first.
    """

    device: str = "auto"
    devices: int = 1
    nodes: int = 1
    workers: int = 0
    compile: bool = False

    @classmethod
    def of(cls, config: dict[str, Any]) -> "Machine":
        """The machine that a configuration describes."""
        return cls(**{field.name: config[field.name] for field in fields(cls) if field.name in config})

    @property
    def processes(self) -> int:
        """How many processes share a batch."""
        return self.devices * self.nodes

    def check(self, spec: dict[str, Any]) -> None:
        """Raises SepflowError where a run of `spec` cannot be trained here."""
        gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if self.device == "gpu" and gpus < self.devices:
            raise SepflowError(
                f"device: gpu, devices: {self.devices}, but torch sees {gpus}. Set device: cpu (or auto)."
            )
        if spec["batch"] % self.processes:
            raise SepflowError(
                f"a batch of {spec['batch']} cannot be shared equally by {self.processes} processes: "
                "choose another number of devices or nodes."
            )
        if spec["precision"] == "16" and (self.device == "cpu" or not gpus):
            raise SepflowError("precision 16 needs a GPU; bf16 runs on a CPU too, as another run.")
