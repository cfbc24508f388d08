"""Room responses to convolve with: simulated once and stored, drawn from a name, or recorded in a folder."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sepflow.errors import SepflowError
from sepflow.files import replacing
from sepflow.identity import digest
from sepflow.seeding import generator
from sepflow.simulation.inputs import RATE
from sepflow.simulation.rooms import image_method as rooms
from sepflow.simulation.rooms.image_method import Point, Room

RECIPE = 1  # of the image method's samples: a developer bumps it where one changes
TRIES = 1000
_CHECK = hashlib.sha256().digest_size

Range = tuple[float, float]


@dataclass(frozen=True)
class Rooms:
    """Responses of simulated rooms, each computed once and kept in the directory `cache` (None: not kept).

    Any number of processes and workflows may share a directory: a file is named by all that determines it and
    is written whole or not at all, its SHA-256 behind the array.
    """

    cache: Path | None = None

    def responses(self, room: Room, rate: int = RATE) -> tuple[np.ndarray, np.ndarray]:
        """(anechoic, reverberant) responses of `room`, float64 [sources, microphones, samples] each."""
        return rooms.anechoic(room, rate), self._reverberant(room, rate)

    @staticmethod
    def place(room: Room, rate: int = RATE) -> Path:
        """Where the reverberant responses of `room` are kept, below `cache`."""
        name = digest({"recipe": RECIPE, "rate": rate, "room": room.parameters()})
        return Path(name[:2], f"{name}.npy")

    def _reverberant(self, room: Room, rate: int) -> np.ndarray:
        if self.cache is None:
            return rooms.reverberant(room, rate)
        path = self.cache / self.place(room, rate)
        stored = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(stored[:-_CHECK]).digest() == stored[-_CHECK:]:
            return np.load(io.BytesIO(stored), allow_pickle=False)
        responses = rooms.reverberant(room, rate)  # not there, or damaged by others
        with io.BytesIO() as file:
            np.save(file, responses)
            stored = file.getvalue()
        # Not beside the responses: what a kill leaves behind lies where it is known for what it is.
        with replacing(path, self.cache / "tmp") as temporary:
            temporary.write_bytes(stored + hashlib.sha256(stored).digest())
        return responses


@dataclass(frozen=True)
class RoomRecipe:
    """Where a room is drawn from, each range uniform; the defaults are much like WHAMR!'s."""

    size: tuple[Range, Range, Range] = ((5.0, 10.0), (5.0, 10.0), (3.0, 4.0))  # m
    t60: Range = (0.1, 1.0)  # s
    sources: int = 2
    microphones: int = 2  # in a row, in any direction
    spacing: Range = (0.15, 0.17)  # m, between neighbours
    distance: Range = (0.66, 2.0)  # m, on the floor, from the middle of the microphones to a source
    height: Range = (0.9, 1.8)  # m, of microphones and sources
    margin: float = 0.5  # m, between all of them and the walls


def draw_room(name: str, recipe: RoomRecipe) -> Room:
    """The room of the example `name`: the same whatever else is drawn.

    Raises SepflowError where the recipe's rooms do not hold its distances.
    """
    rng = generator("room", name)
    for _ in range(TRIES):
        room = _attempt(rng, recipe)
        if room is not None:
            return room
    raise SepflowError(
        f"none of {TRIES} rooms holds its sources and microphones: {recipe}. Choose larger rooms, or smaller "
        "distances."
    )


def _attempt(rng: np.random.Generator, recipe: RoomRecipe) -> Room | None:
    size = tuple(rng.uniform(*side) for side in recipe.size)
    t60 = rng.uniform(*recipe.t60)
    margin = recipe.margin
    centre = np.array([rng.uniform(margin, max(margin, side - margin)) for side in size[:2]])
    height, spacing = rng.uniform(*recipe.height), rng.uniform(*recipe.spacing)
    along = _direction(rng)
    row = (np.arange(recipe.microphones) - (recipe.microphones - 1) / 2) * spacing
    microphones = tuple(_point(centre + step * along, height) for step in row)
    sources = tuple(
        _point(centre + rng.uniform(*recipe.distance) * _direction(rng), rng.uniform(*recipe.height))
        for _ in range(recipe.sources)
    )
    fits = all(
        margin <= x <= side - margin
        for point in (*microphones, *sources)
        for x, side in zip(point, size, strict=True)
    )
    return Room(size, t60, rooms.reflection(size, t60), sources, microphones) if fits else None


def _direction(rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(angle), np.sin(angle)])


def _point(place: np.ndarray, height: float) -> Point:
    return float(place[0]), float(place[1]), float(height)
