"""`sepflow simulate desed`: soundscapes of sound events, with strong labels."""

import argparse
from pathlib import Path
from typing import Any

from sepflow.commands.arguments import add_common, positive

ABOUT = """Soundscapes of one to five foreground events and one background, with strong labels.

Events: a directory a class, as DESED's (Dog/*.wav, ...;
Frying_nOff/ holds Frying whose offset is not in the file).
Every soundscape is drawn from its own name: the first 100 of 1000 are those of 100."""


def add(kinds: Any) -> None:
    """Add `desed` to the kinds of simulation."""
    parser = kinds.add_parser(
        "desed",
        help="soundscapes after DESED, with strong labels",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    option = parser.add_argument
    option("--foreground", type=Path, required=True, metavar="DIR", help="events, a sub-directory a class")
    option("--background", type=Path, required=True, metavar="DIR", help="backgrounds, at any depth")
    rooms = parser.add_mutually_exclusive_group(required=True)
    rooms.add_argument("--rirs", type=Path, metavar="DIR", help="room responses, one drawn for each source")
    rooms.add_argument(
        "--rooms", type=positive, metavar="N", help="simulated rooms, one drawn for each source"
    )
    rooms.add_argument("--dry", action="store_true", help="no room")
    option("--number", type=positive, required=True, metavar="N", help="how many soundscapes")
    option("--split", required=True, metavar="NAME", help="begins every name, and so is the seed: train")
    option("--seconds", type=float, default=10.0, metavar="S", help="of a soundscape (default 10)")
    option("--rate", type=positive, default=16000, metavar="HZ", help="default 16000")
    option("--events", type=positive, nargs=2, default=[1, 5], metavar=("LEAST", "MOST"), help="default 1 5")
    option(
        "--levels",
        type=float,
        nargs=2,
        default=[-35.0, 0.0],
        metavar=("LOW", "HIGH"),
        help="of sources, in dB re full scale (default -35 0)",
    )
    option(
        "--level",
        choices=("rms", "peak"),
        default="rms",
        help="of the active part, in its room; default rms",
    )
    option(
        "--background-over",
        type=float,
        default=5.0,
        metavar="DB",
        help="a background's level over the quietest event's, at most (default 5)",
    )
    option("--sources", action="store_true", help="write every class and the background of each too")
    option("--plan-only", action="store_true", help="write the plan and the labels, no audio")
    add_common(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from sepflow.simulation.desed import simulate as desed

    said = {key: value for key, value in vars(options).items() if key in desed.Settings.__dataclass_fields__}
    print(desed.simulate(desed.Settings(**said), options.jobs))
