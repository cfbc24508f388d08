"""Networks that take a mixture [B, T] to estimates [B, C, T]; they know nothing of files or losses.

A network is the module of its name, which says `MODEL`.
"""

import inspect

from torch import nn

from sepflow import plugs
from sepflow.errors import SepflowError


def build(spec: dict) -> nn.Module:
    """The network of a spec {"name": ..., **hyper-parameters}, initialised from torch's global seed.

    Raises SepflowError for an unknown or missing name or key, or a value out of range.
    """
    hyper = dict(spec)
    name = hyper.pop("name", None)
    network = plugs.offered(__name__, name, "MODEL")
    if network is None:
        known = ", ".join(plugs.names("models", "MODEL"))
        raise SepflowError(f"model: name must be one of {known}, not {name!r}")
    allowed = inspect.signature(network).parameters
    for key in hyper:
        if key not in allowed:
            raise SepflowError(f"model {name}: unknown key {key!r}; the keys are {', '.join(allowed)}")
    for key, parameter in allowed.items():
        if parameter.default is parameter.empty and key not in hyper:
            raise SepflowError(f"model {name}: the key {key!r} is missing")
    return network(**hyper)
