"""What the tests of pre-training share: tiny networks, a spec of each task, and noisy tones for a batch."""

import numpy as np
import torch

from sepflow.tasks import built
from sepflow.tasks.task import Task
from test_contrastive import CONV_TASNET, DPRNN, DPTNET
from test_contrastive import PRETEXT as CONTRAST

RATE = 8000
MODELS = {model["name"]: model for model in (CONV_TASNET, DPRNN, DPTNET)}
ALTERATIONS = {
    "window": 0.025,
    "hop": 0.01,
    "share": 0.15,
    "width": 7,
    "channels": 0.1,
    "magnitude": 0.15,
    "deviation": 0.2,
}
SI_SNR = {"name": "pit", "loss": "si_snr", "max_snr": 70.0, "consistency": False}
TASKS = {  # what a spec says of a task, and how many sources it has
    "separation": ({"objective": SI_SNR}, 1),
    "multi_task": ({"objective": SI_SNR}, 2),
    "mama": (
        {
            "objective": {"name": "masked_snr", "loss": "thresholded_snr", "max_snr": 30.0},
            "pretext": ALTERATIONS,
        },
        1,
    ),
    "contrastive": ({"pretext": CONTRAST}, 1),
}


def build(task: str, model: str | dict = "conv_tasnet", rate: int = RATE, **changes) -> Task:
    """A newly initialised task, the same each time; `changes` are laid over its spec's keys."""
    torch.manual_seed(0)
    said, sources = TASKS[task]
    spec = {"task": task, "seed": 3, "data": {"mix": {"corpus": {"rate": rate}}}}
    sizes = MODELS[model] if isinstance(model, str) else model
    return built.build(spec | {"model": sizes | {"sources": sources}} | said | changes)


def voices(examples: int, seconds: float = 0.5, seed: int = 0) -> torch.Tensor:
    """Tones with harmonics whose pitch glides and whose loudness varies, each another's: [B, T], float64."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    pitch, speed, phase = rng.uniform((90, 2, 0), (400, 9, 6), (examples, 3)).T[..., None]
    angle = 2 * np.pi * pitch * time + 3 * np.sin(speed * time + phase)
    wave = sum(np.sin(k * angle) / k for k in range(1, 6)) * (0.6 + 0.4 * np.sin(2 * speed * time + phase))
    return torch.from_numpy(0.05 * wave)


def noise(*shape: int, seed: int = 1) -> torch.Tensor:
    """White noise, float64, of a standard deviation of 0.02."""
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 0.02, shape))


def batch(task: str, examples: int = 2, seconds: float = 0.5) -> tuple[torch.Tensor, ...]:
    """A batch as a training of `task` reads it, float64."""
    which = 70 + torch.arange(examples)[:, None]
    clean = voices(examples, seconds)[:, None]
    noisy = clean[:, 0] + noise(*clean[:, 0].shape)
    if task != "multi_task":
        return noisy, clean, which
    references = torch.stack([voices(examples, seconds, seed) for seed in (2, 3)], 1)
    return references.sum(1), references, which, noisy, clean


def si_snr(reference: np.ndarray | torch.Tensor, estimate: np.ndarray | torch.Tensor) -> float:
    """SI-SNR of signals [T] in dB, from the definition."""
    x, s = (np.asarray(one, np.float64) for one in (reference, estimate))
    x, s = x - x.mean(), s - s.mean()
    target = np.dot(x, s) / np.dot(x, x) * x
    return 10 * np.log10(np.sum(target**2) / np.sum((s - target) ** 2))
