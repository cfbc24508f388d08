"""A 1x1 convolution [2, 256, 3201] by layout, alone, in GFLOP/s: why layers.py says dilation=2 for one tap.

OMP_NUM_THREADS=1 python benchmarks/pointwise.py
"""

import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F

_EXAMPLES, _CHANNELS, _FRAMES = 2, 256, 3201


def rate(work: Callable[[], object], passes: int) -> float:
    """GFLOP/s: the median of 20, for so many matrix products."""
    times = []
    for _ in range(25):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return passes * 2 * _CHANNELS**2 * _EXAMPLES * _FRAMES / statistics.median(times[5:]) / 1e9


def main() -> None:
    """Print forward and backward rates of both precisions, layouts and dilations."""
    for precision in (torch.float32, torch.bfloat16):
        for layout in (torch.contiguous_format, torch.channels_last):
            for dilation in (1, 2):
                x = torch.randn(_EXAMPLES, _CHANNELS, 1, _FRAMES, dtype=precision)
                x = x.contiguous(memory_format=layout).requires_grad_()
                weight = torch.randn(_CHANNELS, _CHANNELS, 1, 1, dtype=precision, requires_grad=True)
                out = F.conv2d(x, weight, dilation=dilation)
                inputs, gradient = (x, weight), torch.ones_like(out)
                forward = rate(
                    lambda x=x, w=weight, d=dilation: F.conv2d(x.detach(), w.detach(), dilation=d), 1
                )
                backward = rate(
                    lambda o=out, i=inputs, g=gradient: torch.autograd.grad(o, i, g, retain_graph=True), 2
                )
                print(f"{precision}, {layout}, dilation {dilation}: {forward:.0f} and {backward:.0f}")


if __name__ == "__main__":
    main()
