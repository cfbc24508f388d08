"""How fast Conv-TasNet, DPRNN and DPTNet train and separate, beside asteroid's modules of the same size.

Both are timed in one process, in turns, on noise at 8 kHz: a training step is forward, mean square error,
backward and Adam; inference is one mixture of the batch. The ratio is the median over pairs of neighbouring
timings, so that what else the machine does falls on both. benchmarks/yardstick.py says how to get asteroid.

Beside a training step stands what the hardware allows: its floating-point operations at the rate of one
large 1x1 convolution of that precision, and the bytes that its operations read and write at the rate of one
large copy, both measured here. The two add up to a limit for code that does one after the other, keeps
nothing in a cache and is not compiled.

With --compile or --precision bf16 only sepflow's side is compiled, or runs under autocast: what the hardware
offers beyond the plain step, which asteroid's side always is.
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

import yardstick
from sepflow import models
from sepflow.models.layers import Pointwise, channels_last

_RATE = 8000
# Hyper-parameters, examples in a batch, their seconds.
SIZES = {
    "conv_tasnet": ({"filters": 256, "kernel": 20, "bottleneck": 128, "hidden": 256, "skip": 128, "blocks": 7,
                     "repeats": 4}, 2, 4.0),
    "conv_tasnet_small": ({"filters": 96, "kernel": 32, "bottleneck": 48, "hidden": 96, "skip": 48,
                           "blocks": 6, "repeats": 1}, 4, 2.0),
    "dprnn": ({"filters": 64, "kernel": 16, "bottleneck": 64, "hidden": 128, "chunk": 100, "hop": 50,
               "repeats": 6}, 2, 4.0),
    "dprnn_small": ({"filters": 64, "kernel": 48, "bottleneck": 32, "hidden": 32, "chunk": 40, "hop": 30,
                     "repeats": 2}, 4, 2.0),
    "dptnet": ({"filters": 64, "kernel": 16, "heads": 4, "hidden": 256, "chunk": 100, "hop": 50,
                "repeats": 6}, 2, 4.0),
    "dptnet_small": ({"filters": 64, "kernel": 48, "heads": 4, "hidden": 32, "chunk": 40, "hop": 20,
                      "repeats": 2}, 4, 2.0),
}  # fmt: skip
_THEIR_NAMES = {
    "filters": "n_filters", "kernel": "kernel_size", "bottleneck": "bn_chan", "skip": "skip_chan",
    "blocks": "n_blocks", "repeats": "n_repeats", "chunk": "chunk_size", "hop": "hop_size",
    "heads": "n_heads",
}  # fmt: skip


def networks(name: str) -> tuple[nn.Module, nn.Module, Tensor]:
    """Our network, asteroid's of as many parameters, and mixtures [B, T]."""
    own, mixtures = our_network(name)
    other = their_network(name)
    counts = [sum(weight.numel() for weight in network.parameters()) for network in (own, other)]
    assert counts[0] == counts[1], f"{name}: {counts[0]} and {counts[1]} parameters"
    return own, other, mixtures


def our_network(name: str) -> tuple[nn.Module, Tensor]:
    """Our network and mixtures [B, T]."""
    hyper, batch, seconds = SIZES[name]
    own = models.build({"name": name.removesuffix("_small"), "sources": 2, **hyper})
    generator = torch.Generator().manual_seed(0)
    return own, torch.randn(batch, round(seconds * _RATE), generator=generator)


def their_network(name: str) -> nn.Module:
    """asteroid's network of that size."""
    import asteroid.models

    build, hidden = {
        "conv_tasnet": (asteroid.models.ConvTasNet, "hid_chan"),
        "dprnn": (asteroid.models.DPRNNTasNet, "hid_size"),
        "dptnet": (asteroid.models.DPTNet, "ff_hid"),
    }[name.removesuffix("_small")]
    hyper, names = SIZES[name][0], _THEIR_NAMES | {"hidden": hidden}
    theirs = {names[key]: value for key, value in hyper.items()}
    return build(n_src=2, stride=hyper["kernel"] // 2, mask_act="relu", sample_rate=_RATE, **theirs)


def training(network: nn.Module, mixtures: Tensor, precision: str) -> Callable[[], None]:
    """One step of training, as a function."""
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, fused=True)
    references = torch.stack([mixtures, mixtures.flip(-1)], dim=1)

    def step() -> None:
        with _autocast(mixtures, precision):
            loss = (network(mixtures) - references).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def inference(network: nn.Module, mixtures: Tensor, precision: str) -> Callable[[], None]:
    """One mixture separated, as a function."""

    def separate() -> None:
        with torch.inference_mode(), _autocast(mixtures, precision):
            network(mixtures[:1])

    return separate


def _autocast(mixtures: Tensor, precision: str) -> torch.autocast:
    return torch.autocast(mixtures.device.type, torch.bfloat16, enabled=precision == "bf16")


def seconds(work: Callable[[], None], device: str) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


class Traffic(TorchDispatchMode):
    """Adds up the bytes of what every operation reads and writes, views apart."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        out = function(*args, **(kwargs or {}))
        if not function.is_view:
            tensors = [leaf for leaf in tree_leaves((args, kwargs, out)) if isinstance(leaf, Tensor)]
            self.bytes += sum(tensor.nbytes for tensor in tensors)
        return out


def _recurrent_flops(x: Any, of_input: Any, of_state: Any, *rest: Any, out_shape: Any = None) -> int:
    """Of one direction of an LSTM, from the shapes of x [T, N, F] and of its weights: torch counts none."""
    return 2 * math.prod(x[:-1]) * (math.prod(of_input) + math.prod(of_state))


def _recurrent_backward_flops(*shapes: Any, out_shape: Any = None) -> int:
    return 2 * _recurrent_flops(*shapes)


def _cudnn_flops(x: Any, weights: Any, *rest: Any, out_shape: Any = None) -> int:
    """Of an LSTM in all its directions, from the shapes of x [T, N, F] and of all its weights and biases."""
    return 2 * math.prod(x[:-1]) * sum(math.prod(shape) for shape in weights if len(shape) == 2)


def _cudnn_backward_flops(*shapes: Any, out_shape: Any = None) -> int:
    return 2 * _cudnn_flops(*shapes)


def work_of(step: Callable[[], None]) -> tuple[int, int]:
    """The floating-point operations of a step, and the bytes that its operations read and write."""
    aten = torch.ops.aten
    formulas = {
        aten.mkldnn_rnn_layer: _recurrent_flops,
        aten.mkldnn_rnn_layer_backward: _recurrent_backward_flops,
        aten._cudnn_rnn: _cudnn_flops,
        aten._cudnn_rnn_backward: _cudnn_backward_flops,
    }
    with FlopCounterMode(display=False, custom_mapping=formulas) as operations:
        step()
    with Traffic() as traffic:
        step()
    return operations.get_total_flops(), traffic.bytes


def limit(network: nn.Module, mixtures: Tensor, precision: str) -> str:
    """What a step computes and moves, and how long that takes at the rates of a convolution and a copy."""
    device = mixtures.device.type
    flops, moved = work_of(training(network, mixtures, precision))
    layer, frames = (
        Pointwise(512, 512).to(device),
        channels_last(torch.randn(1, 512, 1, 2**14, device=device)),
    )
    with torch.inference_mode(), _autocast(mixtures, precision):
        rate = 2 * 512 * 512 * 2**14 / min(seconds(lambda: layer(frames), device) for _ in range(10))
    big = torch.randn(2**26, device=device)
    bandwidth = 2 * big.nbytes / min(seconds(big.clone, device) for _ in range(10))
    compute, move = flops / rate, moved / bandwidth
    return (
        f"{flops / 1e9:.1f} GFLOP at {rate / 1e9:.0f} GFLOP/s: {compute * 1e3:.1f} ms; "
        f"{moved / 1e9:.2f} GB at {bandwidth / 1e9:.1f} GB/s: {move * 1e3:.1f} ms; "
        f"{flops / moved:.1f} FLOP a byte"
    )


def compare(ours: Callable[[], None], theirs: Callable[[], None], pairs: int, device: str) -> str:
    """The median of both timings, and of their ratio over neighbouring ones."""
    for _ in range(5):  # compilation, and memory that the system has yet to give
        ours(), theirs()
    timings = [(seconds(ours, device), seconds(theirs, device)) for _ in range(pairs)]
    our, their = (statistics.median(column) * 1e3 for column in zip(*timings, strict=True))
    ratio = statistics.median(their / our for our, their in timings)
    return f"ours {our:7.1f} ms, asteroid {their:7.1f} ms, {ratio:.2f} times"


def main() -> None:
    """Print one line for each network and kind of work."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(SIZES), metavar="NETWORK", help=", ".join(SIZES))
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=2, help="torch's threads (default 2)")
    parser.add_argument("--pairs", type=int, default=10, help="pairs of timings (default 10)")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--precision", choices=["32", "bf16"], default="32")
    options = parser.parse_args()
    yardstick.prepare(options.threads)
    print(f"precision {options.precision}; {yardstick.machine(options.device)}")
    for name in options.names:
        own, other, mixtures = (part.to(options.device) for part in networks(name))
        print(f"{name:17} limit: {limit(own, mixtures, options.precision)}")
        compiled = options.compile and own.compiles
        if compiled:
            own.compile()
        size = f"{'compiled, ' * compiled}{len(mixtures)} x {mixtures.shape[1] / _RATE:g} s"
        for work in (training, inference):
            ours, theirs = work(own, mixtures, options.precision), work(other, mixtures, "32")
            result = compare(ours, theirs, options.pairs, options.device)
            print(f"{name:17} {work.__name__:9} {size}: {result}", flush=True)


if __name__ == "__main__":
    main()
