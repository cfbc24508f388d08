"""What a training runs on. Nothing of it is in a spec: it changes a result by rounding at most."""

from dataclasses import dataclass, fields
from typing import Any

import torch
from lightning.fabric.plugins import ClusterEnvironment
from lightning.fabric.plugins.environments import (
    LightningEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)

from sepflow.errors import SepflowError
from sepflow.identity import batch_of, parts_of
from sepflow.jobs.launched import launch


class Alone(LightningEnvironment):
    """A training that was started as one process, and starts the others.

    Lightning takes any LOCAL_RANK, as of a container or of a training before in this process, for others that
    somebody else has started, and waits for them; those that it starts itself have one above 0.
    """

    @property
    def creates_processes_externally(self) -> bool:
        """Whether this process is one of the others."""
        return launch().rank > 0


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
        if gpus < self.devices and (self.device == "gpu" or (self.device == "auto" and gpus)):
            raise SepflowError(
                f"device: {self.device}, devices: {self.devices}, but torch sees {gpus}. "
                "Set devices to what there is, or device: cpu."
            )
        sizes = [batch_of(spec, part) for part in parts_of(spec)]
        for size in (size for size in sizes if size % self.processes):
            raise SepflowError(
                f"a batch of {size} cannot be shared equally by {self.processes} processes: "
                "choose another number of devices or nodes."
            )
        if spec["precision"] == "16" and (self.device == "cpu" or not gpus):
            raise SepflowError("precision 16 needs a GPU; bf16 runs on a CPU too, as another run.")
        self._check_launch()

    def _check_launch(self) -> None:
        """Raises SepflowError where fewer or more processes were started than share a batch.

        On one machine a process that was started alone starts the others itself.
        """
        by, started = launch().by, launch().processes
        if started == self.processes or (started == 1 and self.nodes == 1):
            return
        raise SepflowError(
            f"devices: {self.devices}, nodes: {self.nodes}: {self.processes} processes share each batch, but "
            f"{by or 'whatever starts this training'} started {started}. Set them to what there is, or start "
            f"it with srun --nodes={self.nodes} --ntasks-per-node={self.devices}, or with torchrun "
            f"--nnodes={self.nodes} --nproc-per-node={self.devices}."
            + " One process without srun or torchrun serves for nodes: 1."
            * (self.nodes > 1)
        )

    def environment(self) -> ClusterEnvironment:
        """Who starts the processes of a training, for Lightning, which would take a SLURM job for srun's."""
        if (by := launch().by) == "torchrun":
            return TorchElasticEnvironment()
        return SLURMEnvironment(auto_requeue=False) if by == "srun" else Alone()

    def check_world(self, world: int) -> None:
        """Raises SepflowError where another number of processes than was asked for would share a batch."""
        if world != self.processes:
            raise SepflowError(
                f"devices: {self.devices}, nodes: {self.nodes}, but {world} processes would share a batch. "
                "Nothing was trained; set devices and nodes to what there is."
            )
