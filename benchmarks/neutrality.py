"""Whether compiling, or a narrower precision, changes what a training learns.

The losses of 20 steps of Adam on the same batches, once plain and once changed, and the largest relative
difference between the two traces. In float64 it tells whether the same function is computed (the golden
traces of the tests hold it to 1e-9); in float32, how far rounding alone carries a training in 20 steps; with
another seed, how much a difference is in any case.

    OMP_NUM_THREADS=1 python benchmarks/neutrality.py [--device cuda]
"""

import argparse
import platform

import torch

from sepflow.tasks.built import build, whole_float32

MODELS = {
    "conv_tasnet": {"filters": 96, "kernel": 32, "bottleneck": 48, "hidden": 96, "skip": 48, "repeats": 1},
    "dprnn": {"filters": 64, "kernel": 48, "bottleneck": 32, "hidden": 32, "chunk": 40, "repeats": 2},
}
_STEPS, _BATCH, _SAMPLES = 20, 4, 8000


def trace(name: str, device: str, precision: str, compiled: bool = False, seed: int = 1) -> torch.Tensor:
    """The losses in dB of a MixIT training on coloured noise, [steps], float64."""
    torch.manual_seed(seed)
    model = {"name": name, "sources": 4, **MODELS[name]}
    objective = {"name": "mixit", "loss": "thresholded_snr", "max_snr": 30.0, "consistency": True}
    dtype = torch.float64 if precision == "64" else torch.float32
    task = build({"task": "separation", "model": model, "objective": objective}).to(device, dtype)
    if compiled and task.model.compiles:
        task.model.compile()
    optimizer = torch.optim.Adam(task.parameters(), lr=1e-3, fused=True)
    generator, losses = torch.Generator().manual_seed(0), []
    for _ in range(_STEPS):
        mixtures = torch.randn(_BATCH, 2, _SAMPLES, generator=generator, dtype=torch.float64).cumsum(-1)
        mixtures = (0.1 * mixtures.diff(dim=-1, n=1) + 1e-3 * mixtures[..., 1:]).to(device, dtype)
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
            loss = task.step({"data": {"mixture": mixtures.sum(1), "references": mixtures}}).losses.mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(task.parameters(), 5.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    return torch.tensor(losses, dtype=torch.float64)


def apart(before: torch.Tensor, after: torch.Tensor) -> float:
    """The largest relative difference of two traces."""
    return float(((after - before) / before).abs().max())


def main() -> None:
    """Print one line for each network and change."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    device = parser.parse_args().device
    whole_float32()
    print(f"{device}; Python {platform.python_version()}, torch {torch.__version__}")
    for name in MODELS:
        plain = {precision: trace(name, device, precision) for precision in ("64", "32")}
        changed = {
            "compiled, float64": (plain["64"], trace(name, device, "64", compiled=True)),
            "compiled, float32": (plain["32"], trace(name, device, "32", compiled=True)),
            "float32 for float64": (plain["64"], plain["32"]),
            "bf16 for float32": (plain["32"], trace(name, device, "bf16")),
            "another seed, float32": (plain["32"], trace(name, device, "32", seed=2)),
        }
        for change, (before, after) in changed.items():
            print(f"{name:12} {change:22} {apart(before, after):.1e}", flush=True)


if __name__ == "__main__":
    main()
