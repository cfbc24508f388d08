"""The noise of LibriMix: WHAM!'s recordings, and those of its train split at other speeds.

The official augment_train_noise.py has sox write tr/XXXsp08.wav and tr/XXXsp12.wav beside tr/XXX.wav. Where
they are not on disk, their samples are made when they are needed.
"""

import functools
import io
import re
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile

from sepflow.errors import SepflowError
from sepflow.files import is_file
from sepflow.files.text import as_on_disk
from sepflow.identity import digest
from sepflow.simulation import inputs, journal
from sepflow.simulation.rendering import Tree

SPEEDS = {"sp08": Fraction(8, 10), "sp12": Fraction(12, 10)}
NEEDS_SOX = (
    "To make noise at other speeds the program sox is needed (apt-get install sox, conda install sox, brew "
    "install sox); or run the official augment_train_noise.py, which writes these files"
)

_AUGMENTED = re.compile(r"(?P<stem>tr/.*)(?P<speed>sp08|sp12)\.wav")


def original(name: str) -> tuple[str, Fraction] | None:
    """(the recording, the speed) that the augmented noise `name` is made of; None where it is a recording."""
    match = _AUGMENTED.fullmatch(name)
    return (f"{match['stem']}.wav", SPEEDS[match["speed"]]) if match else None


def augmented_name(name: str, speed: str) -> str:
    """The official name of the recording `name` at a speed of SPEEDS."""
    return name.replace(".wav", f"{speed}.wav")


def length_at(samples: int, speed: Fraction) -> int:
    """How many samples sox makes of `samples`: the nearest whole number, half a sample up."""
    return int(samples / speed + Fraction(1, 2))


def has_sox() -> bool:
    """Whether the program sox is there."""
    return shutil.which("sox") is not None


def at_speed(samples: np.ndarray, speed: Fraction) -> np.ndarray:
    """`samples` (float64 [T]) played at `speed`, as the 16-bit file that would hold them is read: float32.

    Raises SepflowError where sox is not there or fails.
    """
    # As pysndfx calls it. Its rate is wrong for WHAM!, but only the ratio counts.
    raw = ["-t", "f64", "-r", "44100", "-c", "1", "-"]
    try:
        done = subprocess.run(
            ["sox", "-V1", *raw, *raw, "speed", str(float(speed))],
            input=samples.astype(np.float64).tobytes(),
            capture_output=True,
        )
    except FileNotFoundError:
        raise SepflowError(f"{NEEDS_SOX}.") from None
    if done.returncode or done.stderr:
        raise SepflowError(f"sox failed: {done.stderr.decode(errors='replace').strip() or done.returncode}")
    with io.BytesIO() as file:
        soundfile.write(file, np.frombuffer(done.stdout), inputs.RATE, subtype="PCM_16", format="WAV")
        file.seek(0)
        return soundfile.read(file, dtype="float32")[0]


def _at_speed_of(wham: Path, recording: str, speed: Fraction) -> np.ndarray:
    return at_speed(first_channel(inputs.read(wham / recording, dtype="float64")), speed)


def read_from(wham: Path, name: str) -> Path:
    """The file that a noise is read from: its own, or that of the recording that it can be made of."""
    made_of = original(name)
    return wham / (name if made_of is None or is_file(as_on_disk(wham / name)) else made_of[0])


def read_noise(wham: Path, name: str, frames: int = -1) -> np.ndarray:
    """The first channel of the first `frames` samples (-1: all) of a noise, float32 [T].

    Raises SepflowError, with the path, where it does not decode, has not 16 kHz, or cannot be made.
    """
    made_of = original(name)
    if made_of is None or read_from(wham, name) == wham / name:
        return first_channel(inputs.read(wham / name, frames=frames))
    recording, speed = made_of
    try:
        augmented = _at_speed_of(wham, recording, speed)
    except SepflowError as reason:
        raise SepflowError(f"{wham / name}: not there, and not made of {recording}: {reason}") from None
    return augmented if frames < 0 else augmented[:frames]


def write_augmented(wham: Path, out: Path, jobs: int) -> int:
    """Write the noises of `wham`/tr at other speeds to `out`/tr, as the official script does; how many.

    Begun before, it goes on. Raises SepflowError where there is no noise, or no sox.
    """
    recordings = sorted(str(path.relative_to(wham)) for path in (wham / "tr").rglob("*.wav"))
    names = [augmented_name(name, speed) for name in recordings if not original(name) for speed in SPEEDS]
    if not names:
        raise SepflowError(f"{wham}: no tr/*.wav. Is it the directory that holds tr, cv and tt (wham_noise)?")
    if not has_sox():
        raise SepflowError(f"{NEEDS_SOX}.")
    tree = Tree(out, "wham_noise-speeds", {"names": digest({"names": names})}, {})
    tree.render(names, functools.partial(_write, wham), functools.partial(_sources, wham), jobs)
    tree.finish(len(names))
    return len(names)


def _sources(wham: Path, name: str) -> dict[str, str]:
    recording, _ = original(name)
    return journal.contents({recording: wham / recording})


def _write(wham: Path, tree: Tree, name: str) -> None:
    recording, speed = original(name)
    tree.write_pcm16(name, _at_speed_of(wham, recording, speed), inputs.RATE)


def first_channel(samples: np.ndarray) -> np.ndarray:
    """[T] of samples of shape [T] or [T, channels]."""
    return samples if samples.ndim == 1 else samples[:, 0]
