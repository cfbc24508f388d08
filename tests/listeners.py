"""The published networks whose inner activations others hear, at small sizes."""

import math

import numpy as np
import torch

from sepflow import models
from sepflow.seeding import generator
from test_ge2e import slaney

RATE = 16000

SMALL = {
    "cnn14": {"maps": 2, "classes": 3},
    "deepspeech2": {"hidden": 4, "layers": 3, "characters": 3},
    "rawnet2": {"samples": 4000, "filters": 3, "kernel": 31, "maps": 5, "hidden": 4, "speakers": 3},
    "pase": {"maps": 2, "features": 3},
    "wav2vec2": {"maps": 4, "width": 32, "inner": 8, "heads": 4},
    "yamnet": {"maps": 4, "classes": 3},
    "whisper": {"width": 8, "layers": 2, "heads": 2},
}


def small(name: str, seed: int = 0, **changes) -> torch.nn.Module:
    """A network with other weights than those that it begins with: also its statistics are some."""
    torch.manual_seed(seed)
    net = models.build({"name": name} | SMALL[name] | changes).eval()
    for key, value in net.state_dict().items():
        if key.endswith(("running_var", "bn1.weight", "bn2.weight", "norm.weight")):
            value.uniform_(0.5, 2)
        elif key.endswith(("running_mean", "act.weight", "beta")):
            value.uniform_(-0.5, 0.5)
        elif name == "yamnet" and value.ndim == 4:  # 27 layers in a row would else pass on next to nothing
            torch.nn.init.kaiming_normal_(value, nonlinearity="relu")
    return net


def sound(samples: int = 6400, signals: int = 2) -> torch.Tensor:
    """Noise, of other levels."""
    noise = generator("listeners", samples).standard_normal((signals, samples))
    return torch.from_numpy(noise * 0.1 * (1 + generator("levels", samples).random((signals, 1)))).float()


def entering(net: torch.nn.Module, module: str, signals: torch.Tensor) -> torch.Tensor:
    """What a module of a network hears of signals."""
    heard = []
    hook = net.get_submodule(module).register_forward_pre_hook(lambda _, inputs: heard.append(inputs[0]))
    net.taps(signals)
    hook.remove()
    return heard[0].detach()


def array(x: torch.Tensor) -> np.ndarray:
    return x.detach().numpy()


def hann(size: int) -> list[float]:
    return [0.5 - 0.5 * math.cos(2 * math.pi * n / size) for n in range(size)]


def gelu(x: np.ndarray) -> np.ndarray:
    return x * np.vectorize(lambda one: (1 + math.erf(one / math.sqrt(2))) / 2)(x)


def spectra(signal: np.ndarray, window: list[float], hop: int) -> np.ndarray:
    """Magnitudes [K, bins]; the middle of the first frame is at 0, and the signal is mirrored at its ends."""
    size = len(window)
    padded = np.concatenate([signal[size // 2 : 0 : -1], signal, signal[-2 : -size // 2 - 2 : -1]])
    starts = range(0, len(padded) - size + 1, hop)
    return np.array([np.abs(np.fft.rfft(np.array(window) * padded[n : n + size])) for n in starts])


def hertz(mel: float) -> float:
    """Of the mel scale of Slaney's Auditory Toolbox."""
    return mel * 200 / 3 if mel < 15 else 1000 * math.exp((mel - 15) * math.log(6.4) / 27)


def triangles(edges: list[float], bins: list[float]) -> np.ndarray:
    """[bins, bands], each rising to 1 and falling to 0 between three edges."""
    bands = zip(edges, edges[1:], edges[2:], strict=False)
    each = [[max(0, min((f - a) / (b - a), (c - f) / (c - b))) for f in bins] for a, b, c in bands]
    return np.array(each).T


def slaney_bank(bands: int, size: int, lowest: float) -> np.ndarray:
    """[bins, bands], triangles of area 1 in Hz, up to 8 kHz."""
    edges = np.array([hertz(m) for m in np.linspace(slaney(lowest), slaney(8000), bands + 2)])
    return (
        triangles(list(edges), [k * RATE / size for k in range(size // 2 + 1)]) * 2 / (edges[2:] - edges[:-2])
    )
