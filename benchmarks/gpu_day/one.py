"""One training in a process of its own, as `sepflow train` does it; imported first, begun when a file
says so."""

import argparse
import json
import logging
import os
import time
from pathlib import Path

import lightning
import torch

from sepflow.commands.prepare import prepare
from sepflow.jobs.job import keep_freed_memory
from sepflow.training.machine import Machine
from sepflow.training.train import train


class Alone(lightning.Trainer):
    """A trainer that shares each batch among one process, over NCCL where that has a GPU."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options | {"strategy": "ddp"})

    def fit(self, *arguments: object, **options: object) -> None:
        """Train; say over what."""
        super().fit(*arguments, **options)
        print(
            f"backend {torch.distributed.get_backend()}, {torch.distributed.get_world_size()} process",
            flush=True,
        )


def main() -> None:
    """Wait, make the mixes that the run labels first, train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("spec", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--after", type=Path, help="the file to wait for")
    parser.add_argument("--ddp", action="store_true")
    parser.add_argument("--deterministic", action="store_true")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if options.deterministic:
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        torch.use_deterministic_algorithms(True, warn_only=True)
    if options.ddp:
        lightning.Trainer = Alone
    keep_freed_memory()
    torch.set_num_threads(1)
    while options.after and not options.after.exists():
        time.sleep(0.1)
    spec = json.loads(options.spec.read_text())
    machine = Machine(device=options.device, workers=options.workers, compile=options.compile)
    start = time.monotonic()
    prepare(spec, options.results, machine.device)
    print(f"prepared in {time.monotonic() - start:.1f} s", flush=True)
    train(spec, options.out, options.results, machine)


if __name__ == "__main__":
    main()
