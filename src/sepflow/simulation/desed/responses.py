"""Room responses, recorded or simulated: names to draw from, and samples that begin with the direct sound."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sepflow.corpora.decode import waveform
from sepflow.corpora.digest import audio_files
from sepflow.corpora.parallel import in_order
from sepflow.errors import SepflowError
from sepflow.files import is_directory
from sepflow.files.contracts import refuse
from sepflow.simulation.rooms.responses import RoomRecipe, Rooms, draw_room

DIRECT_DB = -20.0  # of the peak: where a response begins, after ISO 3382-1


@dataclass(frozen=True)
class Names:
    """What the responses of foreground events, and those of backgrounds, are called; none: all is dry."""

    foreground: tuple[str, ...] = ()
    background: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recorded:
    """The responses in a folder, at `rate` Hz: called with a name (a path below `root`), it gives samples."""

    root: Path
    rate: int

    def __call__(self, name: str) -> np.ndarray:
        """The response from its direct sound on, shape (n,). The first channel, of several.

        Raises SepflowError, with the path, where it does not decode or is silent.
        """
        try:
            return from_direct_sound(waveform(self.root / name, self.rate, 0))
        except SepflowError as reason:
            raise SepflowError(f"{self.root / name}: {reason}") from None

    def names(self) -> Names:
        """All of the folder's. Where file names say foreground or background, as those of FUSS, they mean it.

        Raises SepflowError where there is no such folder, or no audio in it.
        """
        if not is_directory(self.root):
            raise SepflowError(f"{self.root}: no such directory. Correct --rirs.")
        names = tuple(audio_files(self.root))
        foreground, background = (
            tuple(name for name in names if kind in Path(name).stem.lower())
            for kind in ("foreground", "background")
        )
        return Names(foreground or names, background or names)

    def check(self, names: Iterable[str], jobs: int) -> None:
        """Raise SepflowError with every one of `names` that does not decode, or is silent."""
        reasons = in_order(functools.partial(_reason, self), sorted(set(names)), jobs)
        problems = [reason for reason in reasons if reason]
        refuse(str(self.root), problems, "Mend these files, or leave them out, then start again.")


def _reason(responses: Recorded, name: str) -> str:
    try:
        responses(name)
    except SepflowError as reason:
        return str(reason).removeprefix(f"{responses.root}/")
    return ""


@dataclass(frozen=True)
class Simulated:
    """The responses of `number` rooms drawn by name, one source and one microphone each, at `rate` Hz.

    They are computed once and kept in the directory `cache`.
    """

    number: int
    rate: int
    cache: Path

    def __call__(self, name: str) -> np.ndarray:
        """The response from its direct sound on, shape (n,)."""
        room = draw_room(f"desed/{name}", RoomRecipe(sources=1, microphones=1))
        return from_direct_sound(Rooms(self.cache).responses(room, self.rate)[1][0, 0])

    def names(self) -> Names:
        """All rooms, for events and for backgrounds: room-00000, room-00001, ..."""
        names = tuple(f"room-{number:05d}" for number in range(self.number))
        return Names(names, names)

    def check(self, names: Iterable[str], jobs: int) -> None:
        """Simulate the rooms of `names` that are not there yet."""
        for _ in in_order(self, sorted(set(names)), jobs):
            pass


def from_direct_sound(response: np.ndarray) -> np.ndarray:
    """The samples, shape (n,), from the first within 20 dB of the peak: without it, labels would be early.

    Raises SepflowError, with the reason alone, where all are zero.
    """
    magnitude = np.abs(response)
    if not magnitude.max(initial=0.0) > 0:
        raise SepflowError("silent: all samples are zero")
    return response[np.argmax(magnitude >= 10 ** (DIRECT_DB / 20) * magnitude.max()) :]
