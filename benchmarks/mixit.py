"""How much faster MixIT is from inner products than by enumerating waveforms, as asteroid 0.7.0 does.

Both are timed in one process, in turns, forward and backward, on noise: a batch of 8 by default, 4 s at
8 kHz. Losses and gradients are compared first. The ratio given is the median over pairs of neighbouring
timings, so that what else the machine does falls on both.

benchmarks/yardstick.py says how to get asteroid.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch

import yardstick
from sepflow.objectives.mixit import mixit
from sepflow.objectives.snr import ThresholdedSNR

_RATE, _SECONDS = 8000, 4
# Estimates: how many pairs of timings. One of asteroid's takes seconds at 8, and minutes at 16.
_PAIRS = {4: 30, 8: 5}
# Ours is over in milliseconds; the mean of this many is what stands beside one of asteroid's.
_REPEATS = 10
_ALONE = 16


def asteroid_mixit() -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """asteroid's MixIT with an SNR without threshold, which it has none of; a value per example."""
    from asteroid.losses import MixITLossWrapper, multisrc_neg_snr

    wrapper = MixITLossWrapper(multisrc_neg_snr, generalized=True, reduction="none")
    return lambda estimates, mixtures: wrapper(estimates, mixtures).squeeze(1)


def our_mixit(estimates: torch.Tensor, mixtures: torch.Tensor) -> torch.Tensor:
    """Our loss; the threshold, moved out of the way at 100 dB, costs the same as at 30."""
    return mixit(estimates, mixtures, ThresholdedSNR(100.0))[0]


def signals(estimates: int, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two mixtures of noise, and noisy estimates of their parts."""
    generator = torch.Generator().manual_seed(0)
    parts = torch.randn(batch, estimates, _RATE * _SECONDS, generator=generator)
    mixtures = torch.stack([parts[:, ::2].sum(1), parts[:, 1::2].sum(1)], dim=1)
    noisy = parts + 0.3 * torch.randn(parts.shape, generator=generator)
    return noisy.requires_grad_(), mixtures


def step(
    loss: Callable, estimates: torch.Tensor, mixtures: torch.Tensor
) -> tuple[float, torch.Tensor, torch.Tensor]:
    """Seconds of one forward and backward pass, the loss and the gradient."""
    start = time.perf_counter()
    values = loss(estimates, mixtures)
    (gradient,) = torch.autograd.grad(values.sum(), estimates)
    return time.perf_counter() - start, values.detach(), gradient


def mean_seconds(example: tuple[torch.Tensor, torch.Tensor]) -> float:
    """Mean seconds of our forward and backward pass."""
    return statistics.mean(step(our_mixit, *example)[0] for _ in range(_REPEATS))


def compare(theirs: Callable, count: int, pairs: int, batch: int) -> str:
    """One line: both times and their ratio for `count` estimates, once they are seen to agree."""
    example = signals(count, batch)
    _, our_loss, our_gradient = step(our_mixit, *example)
    _, their_loss, their_gradient = step(theirs, *example)
    torch.testing.assert_close(our_loss, their_loss, rtol=0, atol=1e-3)
    torch.testing.assert_close(our_gradient, their_gradient, rtol=1e-2, atol=1e-7)
    times = [(mean_seconds(example), step(theirs, *example)[0]) for _ in range(pairs)]
    ours, asteroid = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(their / our for our, their in times)
    return f"M = {count:2}: ours {ours * 1e3:6.2f} ms, asteroid {asteroid * 1e3:7.1f} ms, {ratio:.0f} times"


def main() -> None:
    """Print one line for each number of estimates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1, help="torch's threads (default 1)")
    parser.add_argument("--batch", type=int, default=8, help="examples in a batch (default 8)")
    arguments = parser.parse_args()
    yardstick.prepare(arguments.threads)
    print(
        f"MixIT forward + backward, batch {arguments.batch}, {_SECONDS} s at {_RATE} Hz, float32; "
        f"{yardstick.machine('cpu')}"
    )
    theirs = asteroid_mixit()
    for count, pairs in _PAIRS.items():
        print(compare(theirs, count, pairs, arguments.batch), flush=True)
    example = signals(_ALONE, arguments.batch)
    print(f"M = {_ALONE}: ours {mean_seconds(example) * 1e3:6.2f} ms")


if __name__ == "__main__":
    main()
