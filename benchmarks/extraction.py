"""Atss-Net and VoiceFilter beside plain transcriptions of their papers: time, and memory by length.

OMP_NUM_THREADS=2 PYTHONPATH=src python benchmarks/extraction.py            # time
OMP_NUM_THREADS=2 PYTHONPATH=src python benchmarks/extraction.py --memory   # memory

The plain networks are the papers' layers one after another as torch has them, of as many weights, and with
sepflow's weights they give the same masks: asserted before anything is timed. Both are timed in one
process, in turns; the ratio is the median over pairs of neighbouring timings. A training step is eqs. 3 to
6, backward
and Adam, on noise at 16 kHz; extraction is one recording, as a whole. Memory is the most that a process of
its own had beyond what it had before the network heard anything.
"""

import argparse
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from sepflow import models
from sepflow.jobs.job import keep_freed_memory

_RATE = 16000
_SMALL = {"embedding": 32, "channels": 8, "fft": 512, "window": 400, "hop": 256, "heard": "log"}
# Hyper-parameters, examples in a batch, their seconds.
SIZES = {
    "atss_net": ({"name": "atss_net"}, 2, 3.0),
    "atss_net_small": ({"name": "atss_net", "blocks": 2, "widening": 1, **_SMALL}, 8, 2.0),
    "voicefilter": ({"name": "voicefilter"}, 2, 3.0),
    "voicefilter_small": ({"name": "voicefilter", "last": 4, "hidden": 100, "dense": 200, **_SMALL}, 8, 2.0),
}  # fmt: skip


class PlainCNN(nn.Sequential):
    """Convolutions 2d, batch norms and ReLUs with the kernels, dilations and widths of another's."""

    def __init__(self, own: nn.Sequential) -> None:
        super().__init__()
        for layer in own:
            if isinstance(layer, nn.Conv2d):
                sizes = layer.in_channels, layer.out_channels, layer.kernel_size
                self.append(nn.Conv2d(*sizes, padding=layer.padding, dilation=layer.dilation))
            else:
                self.append(nn.BatchNorm2d(layer.num_features) if hasattr(layer, "eps") else nn.ReLU())


class PlainAttention(nn.Module):
    """Equations 7, 8 and 11 of Atss-Net on maps [B, C, K, F]: two heads, each a map [K, K]."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads, self.channels = heads, channels
        self.query, self.key, self.value = (nn.Conv2d(channels, heads * channels, 1) for _ in range(3))
        self.out = nn.Conv2d(heads * channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        batch, _, frames, bins = x.shape
        query, key, value = (
            layer(x).view(batch, self.heads, self.channels, frames, bins).transpose(2, 3).flatten(3)
            for layer in (self.query, self.key, self.value)
        )
        maps = (query @ key.transpose(2, 3) / self.channels**0.5).softmax(-1)
        heard = (maps @ value).view(batch, self.heads, frames, self.channels, bins).transpose(2, 3)
        return self.out(heard.reshape(batch, -1, frames, bins))


class PlainBlock(nn.Module):
    """Equations 12 and 13."""

    def __init__(self, channels: int, heads: int, bins: int, hidden: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(bins), nn.LayerNorm(bins)])
        self.attention = PlainAttention(channels, heads)
        self.feed = nn.Sequential(nn.Linear(bins, hidden), nn.ReLU(), nn.Linear(hidden, bins))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norms[0](x))
        return x + self.feed(self.norms[1](x))


class PlainAtssNet(nn.Module):
    """Atss-Net, section 2: spectra [B, K, F] and embeddings [B, E] -> the mask's logits [B, 1, K, F]."""

    def __init__(self, own: nn.Module) -> None:
        super().__init__()
        self.cnn = PlainCNN(own.cnn)
        channels = own.compress.in_channels
        self.blocks = nn.ModuleList(
            PlainBlock(channels, block.attention.heads, *reversed(block.feed[0].weight.shape))
            for block in own.blocks
        )
        self.dense = nn.Linear(own.dense.in_features, own.dense.out_features)
        self.compress = nn.Conv2d(channels, own.compress.out_channels, 3, padding=1)

    def forward(self, heard: Tensor, embedding: Tensor) -> Tensor:
        x = torch.cat([heard, embedding[:, None].repeat(1, heard.shape[1], 1)], 2)
        x = self.cnn(x[:, None])
        for block in self.blocks:
            x = block(x)
        return self.compress(self.dense(x))


class PlainVoiceFilter(nn.Module):
    """VoiceFilter's Table 1: spectra [B, K, F] and embeddings [B, E] -> the mask's logits [B, 1, K, F]."""

    def __init__(self, own: nn.Module) -> None:
        super().__init__()
        self.convolutions = PlainCNN(own.convolutions)
        sizes = own.lstm.input_size, own.lstm.hidden_size
        self.lstm = nn.LSTM(*sizes, batch_first=True, bidirectional=True)
        first, second = (nn.Linear(*reversed(layer.weight.shape)) for layer in own.dense[::2])
        self.dense = nn.Sequential(first, nn.ReLU(), second)

    def forward(self, heard: Tensor, embedding: Tensor) -> Tensor:
        x = self.convolutions(heard[:, None]).transpose(1, 2).flatten(2)
        x = torch.cat([x, embedding[:, None].repeat(1, x.shape[1], 1)], 2)
        return self.dense(self.lstm(x)[0])[:, None]


class Plain(nn.Module):
    """A plain network behind the same spectra and in front of the same phases as sepflow's `own`."""

    def __init__(self, own: nn.Module) -> None:
        super().__init__()
        kind = PlainAtssNet if hasattr(own, "cnn") else PlainVoiceFilter
        self.network, self.spectra = kind(own), [own]  # in a list: its weights are not this one's
        self.network.load_state_dict(own.state_dict())

    def masks(self, magnitudes: Tensor, embedding: Tensor) -> Tensor:
        """Masks [B, 1, K, F] of magnitudes [B, K, F]."""
        return self.network(self.spectra[0].heard(magnitudes), embedding).sigmoid()

    def forward(self, mixture: Tensor, embedding: Tensor) -> Tensor:
        """Mixture [B, T] -> estimates [B, 1, T]."""
        own = self.spectra[0]
        spectrum = own.spectrum(mixture)
        return own.signal(self.masks(spectrum.abs(), embedding) * spectrum[:, None], mixture.shape[1])


def networks(name: str) -> tuple[nn.Module, nn.Module]:
    """sepflow's network and the plain one with its weights, which are seen to be one function."""
    torch.manual_seed(0)
    own = models.build(SIZES[name][0])
    plain = Plain(own)
    mixture, embedding = torch.randn(2, _RATE), torch.randn(2, own.embedding)
    magnitudes = own.spectrum(mixture).abs()
    with torch.inference_mode():
        torch.testing.assert_close(own.masks(magnitudes, embedding), plain.masks(magnitudes, embedding))
    return own, plain


def training(network: nn.Module, own: nn.Module, signals: Tensor, embedding: Tensor) -> Callable[[], None]:
    """One step of training, as a function."""
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, fused=True)
    references = signals.flip(0)

    def step() -> None:
        magnitudes = own.spectrum(signals).abs()
        masked = network.masks(magnitudes, embedding)[:, 0] * magnitudes
        loss = (masked - own.spectrum(references).abs()).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def extraction(network: nn.Module, signals: Tensor, embedding: Tensor) -> Callable[[], None]:
    """One voice out of one recording, as a function."""

    def extract() -> None:
        with torch.inference_mode():
            network(signals[:1], embedding[:1])

    return extract


def compare(ours: Callable[[], None], theirs: Callable[[], None], pairs: int) -> str:
    """The median of both timings, and of their ratio over neighbouring ones."""

    def seconds(work: Callable[[], None]) -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    for _ in range(3):
        ours(), theirs()
    timings = [(seconds(ours), seconds(theirs)) for _ in range(pairs)]
    our, their = (statistics.median(column) * 1e3 for column in zip(*timings, strict=True))
    return f"{our:7.0f} ms, plain {their:7.0f} ms, {statistics.median(b / a for a, b in timings):.2f} times"


def peak(name: str, plain: bool, length: float) -> int:
    """The most bytes that an extraction of so many seconds took, in a process that has done nothing else."""
    network = networks(name)[plain].eval()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signals = torch.randn(1, round(length * _RATE))
    extraction(network, signals, torch.randn(1, SIZES[name][0].get("embedding", 128)))()
    return 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


def report_memory(name: str, lengths: list[float]) -> None:
    """Print what extractions of such lengths take."""
    for length in lengths:
        sizes = []
        for plain in (False, True):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                sizes.append(pool.apply(peak, (name, plain, length)) / 2**20)
        print(f"{name:17} {length:6.0f} s: {sizes[0]:7.0f} MiB, plain {sizes[1]:7.0f} MiB", flush=True)


def main() -> None:
    """Print one line for each network and kind of work."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(SIZES), metavar="NETWORK", help=", ".join(SIZES))
    parser.add_argument("--threads", type=int, default=2, help="torch's threads (default 2)")
    parser.add_argument("--pairs", type=int, default=7, help="pairs of timings (default 7)")
    parser.add_argument(
        "--lengths", type=float, nargs="+", default=[10, 60, 240], help="of --memory, in seconds"
    )
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.memory:
        for name in options.names:
            report_memory(name, options.lengths)
        return
    keep_freed_memory()
    print(f"torch {torch.__version__}, {options.threads} thread(s)")
    for name in options.names:
        own, plain = networks(name)
        _, batch, length = SIZES[name]
        signals, embedding = torch.randn(batch, round(length * _RATE)), torch.randn(batch, own.embedding)
        steps = (training(network, own, signals, embedding) for network in (own, plain))
        print(f"{name:17} training, {batch} x {length:g} s: {compare(*steps, options.pairs)}", flush=True)
        each = [extraction(network.eval(), signals, embedding) for network in (own, plain)]
        print(f"{name:17} extraction of {length:g} s: {compare(*each, options.pairs)}", flush=True)


if __name__ == "__main__":
    main()
