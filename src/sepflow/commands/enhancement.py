"""`sepflow score enhancement`: how enhanced speech sounds beside the clean."""

import argparse
import json
from pathlib import Path
from typing import Any

_ABOUT = """\
PESQ, STOI, ESTOI (%), segmental SNR (dB), CSIG, CBAK, COVL and SI-SDR (dB) as JSON. Files are mono; the
clean, enhanced and noisy one that stand in the same place are of one length, and all of one rate.

One clean file: an object, {"pesq_wb": ..., "pesq_nb": ..., ...}. Several: {"files": [{"clean": NAME,
"enhanced": NAME, "pesq_wb": ..., ...}, ...], "mean": {...}, "counted": {...}}, where the mean is over the
files in which a score is defined, and so many are counted. With --noisy each has "noisy", the scores of the
noisy file, and "improvement", the differences.

Where the package speechmos is installed, DNSMOS too, of 16 kHz and without the clean file: dnsmos_sig,
dnsmos_bak, dnsmos_ovrl, dnsmos_p808.

null: a score that is undefined, as all are of a silent file. pesq_wb is of 16 kHz, pesq_nb of 8 and 16 kHz;
CSIG, CBAK and COVL are of both, with PESQ wb at 16 kHz and the raw score of nb at 8 kHz: resample what has
another rate. PESQ is of 0.25 to 19 s that have speech in them, STOI of 0.41 s of speech at least."""


def add(commands: Any) -> None:
    """Add it to the commands of `sepflow score`."""
    parser = commands.add_parser(
        "enhancement",
        help="PESQ, STOI, CSIG, CBAK, COVL of enhanced speech, as JSON",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--clean", nargs="+", type=Path, required=True, metavar="FILE")
    parser.add_argument("--enhanced", nargs="+", type=Path, required=True, metavar="FILE")
    parser.add_argument(
        "--noisy", nargs="+", type=Path, default=[], metavar="FILE", help="for what was gained over them"
    )
    parser.set_defaults(run=_score)


def _score(options: argparse.Namespace) -> None:
    from sepflow.metrics.perceptual.files import score_files

    print(json.dumps(score_files(options.clean, options.enhanced, options.noisy)))
