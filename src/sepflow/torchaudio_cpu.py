"""torchaudio, also beside a torch that its compiled part does not fit.

    from sepflow.torchaudio_cpu import torchaudio

The compiled part is linked against CUDA, and importing torchaudio fails where it does not load. What is
wanted here (mel and MFCC features, resampling, SpecAugment, models) is written in Python. So where it loads,
nothing is done; where it does not, an empty one stands in its place: `lfilter` is then slower, and
`forced_align` and `rnnt_loss` are not to be had.
"""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from sepflow.errors import SepflowError

EXTENSION = "torchaudio._extension"


def _imported() -> ModuleType:
    try:
        return importlib.import_module("torchaudio")
    except (OSError, RuntimeError) as error:  # a library of CUDA's is missing, or of another version
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]:
            del sys.modules[name]
        sys.modules[EXTENSION] = _empty(str(error))
    return importlib.import_module("torchaudio")


def _empty(reason: str) -> ModuleType:
    """In place of the compiled part: what the rest asks it for while it is imported."""

    def refusing(function: Callable[..., Any]) -> Callable[..., Any]:
        def refuse(*arguments: Any, **named: Any) -> None:
            what = f"{function.__name__} is compiled in torchaudio, and that part does not load here"
            raise SepflowError(f"{what} ({reason}). Install a torchaudio for this torch")

        return refuse

    stub = ModuleType(EXTENSION)
    stub._IS_TORCHAUDIO_EXT_AVAILABLE = stub._IS_ALIGN_AVAILABLE = False
    stub.fail_if_no_align = refusing
    stub._load_lib = lambda library: False
    return stub


torchaudio = _imported()
