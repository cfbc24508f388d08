"""How fast the networks train and separate on this card, and which share of its roofline that is.

The roof is measured on the card itself: the rate of one large matrix product in each precision, the rate
of one large copy. A step's floor is the longer of the times that its operations and its bytes would take;
`serial` is their sum, for code that does one after the other. Operations and bytes are counted on the
plain network, as torch dispatches it: compiled code, which moves fewer bytes, may come to lie under its
`serial`.

Precisions: "32" is float32 in all bits, as the workflow trains; "tf32" leaves the matrix units 10 of
them; "bf16" is autocast. asteroid's networks run plain in each of these.
"""

import argparse
import statistics
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

import models as sizes
import yardstick
from gpu_day.record import Record
from sepflow import models
from sepflow.tasks.built import whole_float32

_RATE = 8000
AMPLER = 4  # a GPU wants larger batches than benchmarks/models.py has for two cores
_REPEATS, _LONG = 12, 0.3  # timings; seconds from which on three must do
_PEAK = 8192  # rows and columns of the matrix product that is the roof
_COPY = 2**28  # float32 values of the copy that is the other


def set_precision(mode: str) -> None:
    """Have float32 operations of a GPU keep all bits, or, in mode "tf32", leave it ten."""
    whole_float32()
    wanted = "tf32" if mode == "tf32" else "ieee"
    cudnn = torch.backends.cudnn
    for part in (torch.backends.cuda.matmul, cudnn.conv, cudnn.rnn):
        part.fp32_precision = wanted


def roofs(device: str, tiny: bool) -> dict[str, float]:
    """FLOP/s of a matrix product by precision, and bytes/s of a copy (read and written)."""
    side, values = (256, 2**20) if tiny else (_PEAK, _COPY)
    found = {}
    for mode in ("32", "tf32", "bf16"):
        set_precision(mode)
        left, right = (torch.randn(side, side, device=device) for _ in range(2))
        if mode == "bf16":
            left, right = left.bfloat16(), right.bfloat16()
        found[mode] = 2 * side**3 / median_seconds(lambda a=left, b=right: a @ b, device)
    source, target = torch.randn(values, device=device), torch.empty(values, device=device)
    found["bytes"] = 2 * source.nbytes / median_seconds(lambda: target.copy_(source), device)
    return found


def median_seconds(work: Callable[[], Any], device: str) -> float:
    """Of one call, once it is warm; of long ones few."""
    sizes.seconds(work, device)
    once = sizes.seconds(work, device)
    return statistics.median(sizes.seconds(work, device) for _ in range(3 if once > _LONG else _REPEATS))


def measured(network: nn.Module, mixtures: Tensor, mode: str, what: str) -> dict[str, float]:
    """Time of a training step, or of the separation of one mixture, and the memory it takes at most."""
    device = mixtures.device.type
    set_precision(mode)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    work = {"training": sizes.training, "inference": sizes.inference}[what](network, mixtures, mode)
    took = median_seconds(work, device)
    count = len(mixtures) if what == "training" else 1
    peak = torch.cuda.max_memory_allocated() if device == "cuda" else 0
    return {"ms": 1e3 * took, "examples_per_s": count / took, "peak_gb": peak / 1e9}


def against_roof(row: dict[str, Any], work: tuple[int, int], roof: dict[str, float]) -> dict[str, float]:
    """What a step computes and moves, and which share of its time the roof would leave."""
    compute, move = work[0] / roof[row["precision"]], work[1] / roof["bytes"]
    return {
        "gflop": work[0] / 1e9,
        "gb": work[1] / 1e9,
        "share_of_floor": 1e3 * max(compute, move) / row["ms"],
        "share_of_serial": 1e3 * (compute + move) / row["ms"],
    }


def networks(
    root: Path, tiny: bool
) -> Iterator[tuple[str, Callable[[], nn.Module], tuple[int, float], bool]]:
    """(name, how it is built, examples and seconds of a batch, whether asteroid has it): what is measured."""
    for name, (_, batch, seconds) in sizes.SIZES.items():
        if not tiny or name.endswith("_small"):
            yield (
                name,
                lambda n=name: sizes.our_network(n)[0],
                (batch * (1 if tiny else AMPLER), seconds),
                True,
            )
    if tiny:
        return
    # The papers' own, in their batches; TS-MixIT's Conv-TasNet is the first of those above.
    papers = {p.stem: yaml.safe_load(p.read_text()) for p in (root / "config" / "papers").glob("*.yaml")}
    for paper, kind, size in (
        ("ssl_pretraining", "conv_tasnet", (24, 3.0)),
        ("ts_mixit", "dprnn", (8, 4.0)),
        ("ssl_pretraining", "dprnn", (24, 2.0)),
        ("ssl_pretraining", "dptnet", (4, 4.0)),
    ):
        spec = {"name": kind, "sources": 2, **papers[paper]["models"][kind]}
        yield f"{kind} of {paper}", lambda s=spec: models.build(s), size, False


def mixtures_of(size: tuple[int, float], device: str) -> Tensor:
    """Noise [B, T]."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(size[0], round(size[1] * _RATE), generator=generator).to(device)


def measure_all(record: Record, root: Path, device: str, until: float, tiny: bool) -> None:
    """A row for each network, precision and kind of work; what fails is a row that says so."""
    roof = roofs(device, tiny)
    record.add("roof", dict(roof))
    for name, build, size, both in networks(root, tiny):
        for whose, make in (
            ("sepflow", build),
            *([("asteroid", lambda n=name: sizes.their_network(n))] if both else []),
        ):
            if time.monotonic() > until:
                record.add("left out", {"network": name, "whose": whose, "why": "no time left"})
                continue
            try:
                _measure(record, name, whose, make().to(device), mixtures_of(size, device), roof)
            except (
                Exception
            ) as error:  # out of memory, an import that fails: the others are measured all the same
                record.failed(f"{name}, {whose}", error)
            if device == "cuda":
                torch.cuda.empty_cache()


def _measure(
    record: Record, name: str, whose: str, network: nn.Module, mixtures: Tensor, roof: dict[str, float]
) -> None:
    size = f"{mixtures.shape[0]} x {mixtures.shape[1] / _RATE:g} s"
    about = {"network": name, "size": size, "whose": whose, "compiled": False}
    for mode in ("32", "tf32", "bf16"):
        for what in ("training", "inference"):
            row = {**about, "precision": mode, "what": what, **measured(network, mixtures, mode, what)}
            if what == "training" and whose == "sepflow" and mode != "tf32":
                set_precision(mode)
                row |= against_roof(row, sizes.work_of(sizes.training(network, mixtures, mode)), roof)
            record.add("speed", row)


def profile(record: Record, device: str, tiny: bool) -> None:
    """The kernels that a training step of Conv-TasNet spends its time in."""
    network, mixtures = sizes.our_network("conv_tasnet_small" if tiny else "conv_tasnet")
    mixtures = mixtures.repeat(1 if tiny else AMPLER, 1).to(device)
    step = sizes.training(network.to(device), mixtures, "32")
    set_precision("32")
    for _ in range(3):
        step()
    with torch.profiler.profile() as watched:
        step()
        if device == "cuda":
            torch.cuda.synchronize()
    key = "self_cuda_time_total" if device == "cuda" else "self_cpu_time_total"
    table = watched.key_averages().table(sort_by=key, row_limit=18, max_name_column_width=60)
    record.add("profile", {"step": "conv_tasnet, training, 32", "table": table})


def main() -> None:
    """Measure what there is time for, plain."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--root", type=Path, default=Path())
    parser.add_argument("--device", choices=["cpu", "cuda"], required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    until = time.monotonic() + options.seconds
    yardstick.prepare(2)
    record = Record(options.out)
    record.add("machine", {"is": yardstick.machine(options.device)})
    try:
        profile(record, options.device, options.tiny)
    except Exception as error:
        record.failed("profile", error)
        traceback.print_exc()
    measure_all(record, options.root, options.device, until, options.tiny)


if __name__ == "__main__":
    main()
