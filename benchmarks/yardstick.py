"""asteroid 0.7.0, as a yardstick.

It wants packages that sepflow does not, and gets an environment of its own beside sepflow's:

    python -m venv yardstick
    yardstick/bin/pip install -r requirements.lock
    yardstick/bin/pip install --no-deps torchaudio==2.11.0 asteroid==0.7.0 asteroid-filterbanks==0.4.0 \\
        pb-bss-eval==0.0.2 torch-optimizer==0.3.0 pytorch-ranger==0.1.1 julius==0.2.8 huggingface-hub==2.4.0
    PYTHONPATH=src yardstick/bin/python benchmarks/<name>.py
"""

import platform
import sys
import types

import torch

from sepflow.jobs.job import keep_freed_memory


def prepare(threads: int) -> None:
    """What both sides run under: torch's threads, and the allocator's settings of sepflow's own jobs."""
    keep_freed_memory()
    torch.set_num_threads(threads)
    if torch.version.cuda is None:
        _stub_torchaudio_extension()


def machine(device: str) -> str:
    """The device and the versions, in words."""
    name = torch.cuda.get_device_name() if device == "cuda" else f"CPU, {torch.get_num_threads()} thread(s)"
    return f"{name}; Python {platform.python_version()}, torch {torch.__version__}"


def _stub_torchaudio_extension() -> None:
    """asteroid imports torchaudio, whose compiled part is not used here, and loads where torch has CUDA."""
    stub = types.ModuleType("torchaudio._extension")
    stub._IS_TORCHAUDIO_EXT_AVAILABLE = False
    stub.fail_if_no_align = lambda function: function
    sys.modules["torchaudio._extension"] = stub
