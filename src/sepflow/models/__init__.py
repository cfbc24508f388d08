"""Networks that take a mixture [B, T] to estimates [B, C, T]; they know nothing of files or losses."""

import inspect

from torch import nn

from sepflow.errors import SepflowError
from sepflow.models.conv_tasnet import ConvTasNet
from sepflow.models.dprnn import DPRNN
from sepflow.models.dptnet import DPTNet

MODELS: dict[str, type[nn.Module]] = {"conv_tasnet": ConvTasNet, "dprnn": DPRNN, "dptnet": DPTNet}


def build(spec: dict) -> nn.Module:
    """The network of a spec {"name": ..., **hyper-parameters}, initialised from torch's global seed.

    Raises SepflowError for an unknown or missing name or key, or a value out of range.
    """
    hyper = dict(spec)
    name = hyper.pop("name", None)
    if name not in list(MODELS):  # a list, for a name that cannot be hashed
        raise SepflowError(f"model: name must be one of {', '.join(MODELS)}, not {name!r}")
    allowed = inspect.signature(MODELS[name]).parameters
    for key in hyper:
        if key not in allowed:
            raise SepflowError(f"model {name}: unknown key {key!r}; the keys are {', '.join(allowed)}")
    for key, parameter in allowed.items():
        if parameter.default is parameter.empty and key not in hyper:
            raise SepflowError(f"model {name}: the key {key!r} is missing")
    return MODELS[name](**hyper)
