"""The compiled networks: compiled while the trainings run, and timed once the card is theirs alone.

To compile takes a minute or more, mostly of the CPU's time; a file says when the card is free.
"""

import argparse
import time
from pathlib import Path

import torch

import models as sizes
import yardstick
from gpu_day import speed
from gpu_day.record import Record

_NAMES = ("conv_tasnet", "conv_tasnet_small")  # torch compiles no LSTM
_MODES = ("bf16", "32")


def main() -> None:
    """Compile, wait, time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", choices=["cpu", "cuda"], required=True)
    parser.add_argument("--after", type=Path, required=True, help="the file that says the card is free")
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    yardstick.prepare(2)
    torch._dynamo.config.recompile_limit = 64  # of one forward, for all networks below
    record = Record(options.out)
    ready = []
    for mode in _MODES:
        for name in _NAMES[1:] if options.tiny else _NAMES:
            network, mixtures = sizes.our_network(name)
            mixtures = mixtures.repeat(1 if options.tiny else speed.AMPLER, 1).to(options.device)
            network.to(options.device).compile()
            for what in ("training", "inference"):
                start = time.monotonic()
                try:
                    speed.measured(network, mixtures, mode, what)
                except Exception as error:
                    record.failed(f"{name}, compiled, {mode}, {what}", error)
                    continue
                about = {"network": name, "size": f"{len(mixtures)} x {mixtures.shape[1] / 8000:g} s"}
                about |= {"whose": "sepflow", "compiled": True, "precision": mode, "what": what}
                ready.append((network, mixtures, about, time.monotonic() - start))
                print(f"compiled: {name}, {mode}, {what}: {ready[-1][3]:.0f} s", flush=True)
    while not options.after.exists():
        time.sleep(0.2)
    for network, mixtures, about, took in ready:
        row = speed.measured(network, mixtures, about["precision"], about["what"])
        record.add("speed", {**about, **row, "compile_s": took})


if __name__ == "__main__":
    main()
