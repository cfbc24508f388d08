"""Shoebox rooms by the image method (Allen and Berkley, 1979), as WHAMR! has them.

WHAMR! was made with pyroomacoustics 0.3.1. What that version does is kept to the last float32, since a time
rounded otherwise moves the late reflections: positions and damping of the images, their times in samples, and
the sinc, interpolated in a table of STEPS a sample. Walls reflect all frequencies alike.
"""

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from sepflow.errors import SepflowError
from sepflow.simulation.inputs import RATE

Point = tuple[float, float, float]

SPEED = 343.0  # of sound, m/s
TAPS = 81  # of the windowed sinc that delays a reflection by a fraction of a sample
DELAY = (TAPS - 1) // 2  # samples that every response is late, so that the sinc has its first half
STEPS = 20  # of the table of the sinc, a sample
LONGEST = 60.0  # s: no room reverberates as long
MOST = 400  # walls in a row that are followed: some 80 million reflections, a gigabyte of them
NEAREST = 1e-3  # m, of a source and a microphone: at none the amplitude is infinite
_DIRECTIONS = 48  # of sound, on each of two angles, to average a decay over


@dataclass(frozen=True)
class Room:
    """A shoebox: its size (m), T60 (s), and where its sources and microphones are (m, from a corner).

    `reflected` is what is left of an amplitude at a wall: `reflection` and `whamr` give it from size and T60.
    T60 itself says how long the response is and how many reflections are followed.
    Raises SepflowError for what is no room, whose walls amplify, or that would take all memory.
    """

    size: Point
    t60: float
    reflected: float
    sources: tuple[Point, ...]
    microphones: tuple[Point, ...]

    def __post_init__(self) -> None:
        if not (min(self.size) > 0 and self.t60 > 0 and math.isfinite(sum(self.size) + self.t60)):
            raise SepflowError(f"a room of {self.size} m with a T60 of {self.t60} s: both must be over 0.")
        for kind, points in (("source", self.sources), ("microphone", self.microphones)):
            for point in points:
                if not all(0 < x < side for x, side in zip(point, self.size, strict=True)):
                    raise SepflowError(f"a {kind} at {point} m is not inside of a room of {self.size} m.")
        if not abs(self.reflected) < 1:
            raise SepflowError(
                f"the walls of a room of {self.size} m with a T60 of {self.t60} s would amplify: they leave "
                f"{self.reflected:.2f} of an amplitude. No walls give such a room such a T60."
            )
        if self.t60 > LONGEST or self.order > MOST:
            raise SepflowError(
                f"a T60 of {self.t60} s in a room of {self.size} m: over {LONGEST:g} s, or sound meets more "
                f"than {MOST} walls meanwhile."
            )
        if min(math.dist(a, b) for a in self.sources for b in self.microphones) < NEAREST:
            raise SepflowError("a source is where a microphone is.")

    @property
    def order(self) -> int:
        """How many walls a reflection may have met, at most."""
        return math.ceil(self.t60 * SPEED / min(self.size))

    @property
    def furthest(self) -> float:
        """The longest way of a direct sound, in m."""
        return max(math.dist(source, mic) for source in self.sources for mic in self.microphones)

    def parameters(self) -> dict[str, object]:
        """All of it, as JSON holds it."""
        return dataclasses.asdict(self)


def reflection(size: Point, t60: float) -> float:
    """The reflection with which a room of `size` has a T60 of `t60` (s), read from -5 to -25 dB of its decay.

    Sabine's and Eyring's formulas are for diffuse fields. In a shoebox, sound in direction u meets
    c t sum(|u_i| / size_i) walls in t seconds, and what meets few of them is heard longest: such rooms would
    reverberate up to 1.3 times as long as asked. So here the decay is averaged over directions, and solved.
    """
    middle = (np.arange(_DIRECTIONS) + 0.5) / _DIRECTIONS  # of one octant: the others mirror it
    height, angle = np.meshgrid(middle, middle * np.pi / 2)
    flat = np.sqrt(1 - height**2)
    hits = np.stack([flat * np.cos(angle), flat * np.sin(angle), height], -1) @ (1 / np.array(size))
    # Energy is exp(-x * hits) with x = -2 ln(reflection) c t; Schroeder's decay is its integral from x on.
    x = np.linspace(0, 12 / hits.mean(), 1000)
    decay = np.array([np.mean(np.exp(-here * hits) / hits) for here in x])
    fifth, twentyfifth = np.interp([5, 25], -10 * np.log10(decay / decay[0]), x)
    return math.exp(-3 * (twentyfifth - fifth) / (2 * SPEED * t60))


def whamr(size: Point, t60: float) -> float:
    """The reflection of WHAMR!'s rooms: Sabine's absorption of *energy* taken for that of amplitude.

    So they decay about twice as fast as their T60 says; and where Sabine's formula absorbs more than all (a
    large room with a short T60), a reflection turns the sign.
    """
    x, y, z = size
    absorbed = 24 * x * y * z * math.log(10) / (SPEED * 2 * (x * y + x * z + y * z) * t60)
    return 1.0 - float(np.float32(absorbed))


def anechoic(room: Room, rate: int = RATE) -> np.ndarray:
    """The responses of `room` without its walls: float64 [sources, microphones, samples].

    A source at d m arrives DELAY + d / SPEED * rate samples late, times 1 / (4 pi d).
    """
    return _responses(room, 0, math.ceil(room.furthest / SPEED * rate) + TAPS, rate)


def length(room: Room, rate: int = RATE) -> int:
    """The samples of a reverberant response, ceil(T60 * rate).

    Raises SepflowError where it is over before a direct sound arrives.
    """
    samples, arrival = math.ceil(room.t60 * rate), DELAY + room.furthest / SPEED * rate
    if samples <= arrival:
        raise SepflowError(
            f"a T60 of {room.t60} s is {samples} samples, over before the direct sound arrives from "
            f"{room.furthest:.2f} m away, at sample {arrival:.0f}."
        )
    return samples


def reverberant(room: Room, rate: int = RATE) -> np.ndarray:
    """The responses of `room`: float64 [sources, microphones, `length`]. Raises SepflowError as `length`."""
    return _responses(room, room.order, length(room, rate), rate)


def _responses(room: Room, order: int, samples: int, rate: int) -> np.ndarray:
    responses = np.empty((len(room.sources), len(room.microphones), samples))
    gains = _gains(order, room.reflected)
    for s, source in enumerate(room.sources):
        images = [_images(side, at, order) for side, at in zip(room.size, source, strict=True)]
        for m, microphone in enumerate(room.microphones):
            squares = [(axis - at) ** 2 for axis, at in zip(images, microphone, strict=True)]
            responses[s, m] = _render(*_reflections(squares, gains, samples, rate), samples)
    return responses


def _images(side: float, at: float, order: int) -> np.ndarray:
    """Where the images of a source lie on one axis, [-order..order], in m, of float32 precision."""
    n = np.arange(-order, order + 1)
    side, at = np.float32(side), np.float32(at)
    steps = np.where(n % 2, side - at, at)
    return (n.astype(np.float32) * side + steps).astype(np.float64)


def _gains(order: int, reflected: float) -> tuple[np.ndarray, np.ndarray]:
    """What the walls at both ends of an axis leave of image n, [-order..order], float32."""
    powers = np.ones(order + 2, np.float32)
    for n in range(1, order + 1):
        powers[n] = reflected * float(powers[n - 1])
    n = np.arange(-order, order + 1)
    # An odd image has met one of the two walls once more: from below that at 0, from above the other.
    more, less = powers[(abs(n) + 1) // 2], powers[abs(n) // 2]
    return np.where(n < 0, more, less), np.where(n < 0, less, more)


def _reflections(
    squares: list[np.ndarray], gains: tuple[np.ndarray, np.ndarray], samples: int, rate: int
) -> tuple[np.ndarray, np.ndarray]:
    """(times in samples, float32; amplitudes, float64) of all images that are heard before `samples`.

    `squares` are the squared distances on each axis, [-order..order].
    """
    order = len(squares[0]) // 2
    n = np.abs(np.arange(-order, order + 1))
    near, far = gains
    furthest = (samples + DELAY + 1) / rate * SPEED  # later ones leave nothing in the response
    plane = np.add.outer(squares[0], squares[1]).ravel()
    orders = np.add.outer(n, n).ravel()
    # Each product in float32, in the order of the axes.
    damping = (near * far)[:, None] * near[None, :] * far[None, :]
    nearest = np.argsort(plane, kind="stable")
    plane, orders, damping = plane[nearest], orders[nearest], damping.ravel()[nearest]
    times, amplitudes = [], []
    for z, square in enumerate(squares[2]):
        heard = slice(np.searchsorted(plane, furthest**2 - square))
        chosen = np.flatnonzero(orders[heard] <= order - n[z])
        distance = np.sqrt(plane[chosen] + square)
        times.append((rate * (distance / SPEED + DELAY / rate)).astype(np.float32))
        amplitudes.append(damping[chosen] * near[z] * far[z] / (4 * np.pi * distance))
    return np.concatenate(times), np.concatenate(amplitudes)


def _render(times: np.ndarray, amplitudes: np.ndarray, samples: int) -> np.ndarray:
    """The response, [samples], of pulses at fractional `times`, each a windowed sinc.

    The sinc is linear between the entries of a table. So pulses are first gathered by sample and entry, and
    the filter of each of the STEPS + 2 entries is applied once to all: a pulse costs two sums, not 81.
    """
    whole = np.floor(times)
    place = ((1.0 - (times - whole)) * STEPS).astype(np.float32)
    entry = np.floor(place)
    share = (place - entry).astype(np.float64)
    columns = STEPS + 2
    rows = samples + TAPS
    bins = whole.astype(np.int64) * columns + entry.astype(np.int64)
    kept = bins < (rows - 1) * columns
    bins, amplitudes, share = bins[kept], amplitudes[kept], share[kept]
    pulses = np.bincount(bins, amplitudes * (1 - share), rows * columns)
    pulses += np.bincount(bins + 1, amplitudes * share, rows * columns)
    response = np.zeros(rows + TAPS - 1)
    for column, taps in zip(pulses.reshape(rows, columns).T, _filters(), strict=True):
        response += np.convolve(column, taps)
    return response[DELAY : DELAY + samples]


def _filters() -> np.ndarray:
    """The windowed sincs [STEPS + 2, TAPS]; that of entry e is for a pulse 1 - e / STEPS of a sample late."""
    table = np.sinc(np.linspace(-DELAY - 1, DELAY + 1, (TAPS + 1) * STEPS + 1))
    entries = np.arange(STEPS + 2)[:, None] + STEPS * np.arange(TAPS)
    return np.hanning(TAPS) * table[entries]
