"""What is applied to recordings: which model, in chunks of which length, checked before anything is done."""

import math
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from sepflow.applying.streams import Recording, inspect
from sepflow.errors import SepflowError, printable
from sepflow.files import is_directory, is_file
from sepflow.files.audio import check_rate
from sepflow.files.contracts import refuse
from sepflow.models.artefact import read_spec
from sepflow.planning.plan import Plan
from sepflow.results import MODEL, Results


@dataclass(frozen=True)
class Options:
    """How to separate, or extract. Lengths of a chunk and of what two of them share in seconds, `rate` in Hz.

    `selection` "energy" keeps the `sources` loudest estimates, "none" all. By default a model trained with
    MixIT has its 2 loudest kept; another has as many estimates as sources. `rate` is by default the input's.
    """

    device: str = "auto"
    selection: str | None = None
    sources: int | None = None
    channel: int | str | None = None
    chunk: float = 10.0
    overlap: float = 2.0
    rate: int | None = None

    @classmethod
    def of(cls, said: dict[str, Any]) -> "Options":
        """Those among what is said on the command line; the rest by default."""
        return cls(**{key: value for key, value in said.items() if key in cls.__dataclass_fields__})


def find_model(name: str, plan: Callable[[], Plan], root: Path) -> Path:
    """The model that `name` means: a file, a directory with one, or a run of the plan of the checkout `root`.

    Raises SepflowError where there is none, and how to train it if it is a run's; where it is another run's.
    """
    path = Path(name)
    if is_file(path):
        return path
    if is_directory(path):
        if not is_file(path / MODEL):
            raise SepflowError(
                f"{path}: no {MODEL} in it. If it is a run, train it first: snakemake {path / MODEL}"
            )
        return path / MODEL
    if path.suffix == ".safetensors" or len(path.parts) > 1:
        raise SepflowError(f"{path}: no such file. RUN is a {MODEL}, a directory with one, or a run's name.")
    known = plan()
    run = known.find(name).name
    place = Results().run(run).model
    if not (root / place).is_file():
        raise SepflowError(
            f"{name}: not trained yet at scale {known.scale} ({root / place} is missing). "
            f"Train it first: snakemake {place} --config scale={known.scale}"
        )
    read_spec(root / place, run)
    return root / place


def lengths(options: Options, rate: int) -> tuple[int, int]:
    """A chunk and what two of them share, in samples at `rate` Hz."""
    if options.rate is not None:
        try:
            check_rate(options.rate)
        except SepflowError as reason:
            raise SepflowError(f"--rate: {reason}.") from None
    if math.isfinite(options.chunk) and math.isfinite(options.overlap):
        size, overlap = round(options.chunk * rate), round(options.overlap * rate)
        if 0 < overlap < size:
            return size, overlap
    raise SepflowError(
        f"--chunk {options.chunk:g} --overlap {options.overlap:g}: the overlap must be over 0 and under the "
        "chunk. Where two chunks overlap is where they are brought into one order."
    )


def inspected(files: list[Path], names: dict[Path, list[Path]], channel: int | str | None) -> list[Recording]:
    """The recordings in `files`, whose outputs are to have these `names`; or all that is wrong, at once."""
    recordings, problems, stems = [], [], {}
    written = {os.path.realpath(name) for outputs in names.values() for name in outputs}
    for path in files:
        first = stems.setdefault(path.stem, path)
        if first is not path:
            problems.append(f"{path}: its outputs would have the names of those of {first}")
        if os.path.realpath(path) in written:
            problems.append(f"{path}: an output would be written over it")
        try:
            recordings.append(inspect(path, channel))
        except SepflowError as reason:
            problems.append(f"{path}: {reason}")
    way_out = "Nothing was done. Mend, rename or leave out these files, then start again."
    refuse("cannot begin", problems, way_out)
    return recordings


def make(out: Path) -> None:
    """Make a directory; SepflowError where that cannot be."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SepflowError(f"--out {out}: {error.strerror}. Give a directory that can be written.") from error


def finite(estimates: np.ndarray, path: Path) -> np.ndarray:
    """Estimates of a chunk of a recording; SepflowError where they are no audio."""
    if not np.isfinite(estimates).all():
        raise SepflowError(f"{path}: the model gives NaN or infinite samples. Is the recording very loud?")
    return estimates


def watched(estimates: Iterable[np.ndarray], recording: Recording, rate: int) -> Iterator[np.ndarray]:
    """The blocks [M, n] as they pass, under a bar of the seconds done where someone looks at a terminal."""
    name = printable(recording.path.name)
    form = "{desc} |{bar}| {n:.0f}/{total:.0f} s of audio [{elapsed}<{remaining}]"
    with tqdm(total=recording.seconds, desc=name, bar_format=form, leave=False, disable=None) as bar:
        for block in estimates:
            yield block
            bar.update(min(block.shape[1] / rate, bar.total - bar.n))
