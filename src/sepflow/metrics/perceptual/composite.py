"""CSIG, CBAK, COVL: mean opinions of signal, background and the whole, as a regression foresees them.

The weights are those of Loizou's programs, which all published values are made with; Table VII of Hu and
Loizou (2008) has others.
"""

from typing import NamedTuple

import numpy as np

_WORST, _BEST = 1.0, 5.0


class Parts(NamedTuple):
    """What the composites are made of: an opinion by PESQ, and three distances of two signals."""

    pesq: float
    llr: float
    wss: float
    segsnr: float  # dB


def composites(parts: Parts) -> dict[str, float]:
    """The three, within 1 to 5; NaN where one of their parts is."""
    pesq, llr, wss, segsnr = parts
    found = {
        "csig": 3.093 - 1.029 * llr + 0.603 * pesq - 0.009 * wss,
        "cbak": 1.634 + 0.478 * pesq - 0.007 * wss + 0.063 * segsnr,
        "covl": 1.594 + 0.805 * pesq - 0.512 * llr - 0.007 * wss,
    }
    return {name: float(np.clip(value, _WORST, _BEST)) for name, value in found.items()}


def raw_of_nb(mos: float) -> float:
    """The raw score of P.862 that P.862.1 maps to this MOS-LQO of PESQ nb.

    At 8 kHz the composites are a regression on the raw one.
    """
    return float((4.6607 - np.log(4 / (mos - 0.999) - 1)) / 1.4945)
