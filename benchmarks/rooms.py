"""Rooms a minute: sepflow's image method beside pyroomacoustics, on the same rooms, one after the other.

OMP_NUM_THREADS=1 PYTHONPATH=src python benchmarks/rooms.py [--rooms 40] [--store DIR]
Rooms like WHAMR!'s (5-10 x 5-10 x 3-4 m, T60 0.1-1.0 s), two sources, two microphones, 16 kHz; --store also
times responses that are there already. pyroomacoustics runs with one thread, without its high-pass.
"""

import argparse
import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyroomacoustics

from sepflow.simulation.rooms.image_method import SPEED, Room, reverberant, whamr
from sepflow.simulation.rooms.responses import RoomRecipe, Rooms, draw_room


def theirs(room: Room) -> np.ndarray:
    """The responses of `room` by pyroomacoustics, [sources, microphones, samples], cut like ours."""
    material = pyroomacoustics.Material(1 - room.reflected**2)
    order = math.ceil(room.t60 * SPEED / min(room.size))
    box = pyroomacoustics.ShoeBox(room.size, fs=16000, materials=material, max_order=order)
    for source in room.sources:
        box.add_source(source)
    box.add_microphone_array(np.array(room.microphones).T)
    box.compute_rir()
    samples = math.ceil(room.t60 * 16000)
    return np.array([[box.rir[m][s][:samples] for m in range(2)] for s in range(2)]) / (4 * np.pi)


def timed(work: Callable[[Room], np.ndarray], room: Room) -> tuple[float, np.ndarray]:
    """(seconds, responses)."""
    start = time.perf_counter()
    responses = work(room)
    return time.perf_counter() - start, responses


def main() -> None:
    """Print rooms a minute of both, their agreement, and what the store gives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rooms", type=int, default=40)
    parser.add_argument("--store", type=Path)
    options = parser.parse_args()
    constants = pyroomacoustics.constants
    constants.set("rir_hpf_enable", False)
    constants.set("num_threads", 1)
    drawn = [draw_room(f"benchmark {k}", RoomRecipe()) for k in range(options.rooms)]
    rooms = [dataclasses.replace(room, reflected=abs(whamr(room.size, room.t60))) for room in drawn]
    ours_took = theirs_took = worst = 0.0
    for room in rooms:
        seconds, ours = timed(reverberant, room)
        other_seconds, other = timed(theirs, room)
        ours_took, theirs_took = ours_took + seconds, theirs_took + other_seconds
        worst = max(worst, float(np.linalg.norm(ours - other) / np.linalg.norm(other)))
    count = len(rooms)
    print(f"sepflow         {60 * count / ours_took:8.0f} rooms a minute")
    print(f"pyroomacoustics {60 * count / theirs_took:8.0f} rooms a minute, {pyroomacoustics.__version__}")
    print(f"ratio {theirs_took / ours_took:.1f}; largest relative difference of a room {worst:.1e}")
    if options.store:
        store = Rooms(options.store)
        for room in rooms:
            store.responses(room)
        again = sum(timed(lambda room: store.responses(room)[1], room)[0] for room in rooms)
        size = sum(path.stat().st_size for path in options.store.rglob("*.npy")) / count
        print(f"from the store  {60 * count / again:8.0f} rooms a minute, {size / 1e3:.0f} kB a room")


if __name__ == "__main__":
    main()
