"""The published networks whose inner activations others hear, at small sizes."""

import torch

from sepflow import models
from sepflow.seeding import generator

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
        elif key.endswith(("first.bias", "wise.bias")):  # few maps would else hear nothing
            value.uniform_(0, 2)
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
