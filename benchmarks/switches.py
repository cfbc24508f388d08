"""What counting label switches costs, as a share of a training step: the small Conv-TasNet, 4 x 1 s.

OMP_NUM_THREADS=1 PYTHONPATH=src python benchmarks/switches.py
"""

import time
from collections.abc import Callable

import torch

from sepflow import models
from sepflow.objectives.pit import pit
from sepflow.training.switches import Switches

MODEL = {"name": "conv_tasnet", "sources": 2, "filters": 64, "kernel": 40, "bottleneck": 48, "hidden": 96}
MODEL |= {"skip": 48, "blocks": 5, "repeats": 1}
STEPS, ROWS = 50, 20000


def seconds(work: Callable[[], object]) -> float:
    """The best of five passes of STEPS calls, a call."""
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        for _ in range(STEPS):
            work()
        times.append(time.perf_counter() - begin)
    return min(times) / STEPS


def main() -> None:
    """Print the two times and their ratio."""
    torch.manual_seed(0)
    model = models.build(MODEL)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    references = torch.randn(4, 2, 8000)
    where = torch.tensor([[0, row] for row in range(4)])
    switches = Switches(ROWS)

    def step() -> torch.Tensor:
        optimizer.zero_grad()
        loss, assignment = pit(model(references.sum(1)), references, "si_snr")
        loss.mean().backward()
        optimizer.step()
        return assignment

    assignment = step()
    stepping = seconds(step)
    noting = seconds(lambda: switches.note(where, assignment))
    switches.count(lambda noted: noted[None])
    notes = torch.stack([torch.arange(ROWS) % 2, torch.arange(ROWS), torch.zeros(ROWS).long()], 1)
    begin = time.perf_counter()
    switches._notes = [notes]
    switches.count(lambda noted: noted[None])
    counting = (time.perf_counter() - begin) * 4 / ROWS  # of 20,000 examples, for a batch of 4
    total = noting + counting
    print(f"step {1e3 * stepping:.2f} ms, noting and counting {1e6 * total:.0f} us: {total / stepping:.2%}")


if __name__ == "__main__":
    main()
