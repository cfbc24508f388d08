"""Rooms: the image method against another one, against pyroomacoustics, and against physics."""

import math

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from sepflow.errors import SepflowError
from sepflow.simulation.rooms import image_method as rooms
from sepflow.simulation.rooms.image_method import Room, anechoic, reflection, reverberant, whamr
from sepflow.simulation.rooms.responses import RoomRecipe, Rooms, draw_room

RATE, SPEED = 16000, 343.0
SIZE, SOURCE, MICROPHONE = (3.1, 4.2, 2.7), (1.0, 1.3, 1.1), (2.0, 3.1, 1.6)


def small(t60=0.2, reflected=None, **changes):
    there = {"size": SIZE, "sources": (SOURCE,), "microphones": (MICROPHONE,)} | changes
    reflected = reflection(there["size"], t60) if reflected is None else reflected
    return Room(t60=t60, reflected=reflected, **there)


def image_sources(room, order, samples):
    """By the definition: walk over the images, add to each its own windowed sinc, computed, not looked up."""
    response = np.zeros(samples)
    for nx in range(-order, order + 1):
        for ny in range(-order, order + 1):
            for nz in range(-order, order + 1):
                hits = abs(nx) + abs(ny) + abs(nz)
                if hits > order:
                    continue
                image = [
                    side * n + (side - at if n % 2 else at)
                    for n, side, at in zip((nx, ny, nz), room.size, room.sources[0], strict=True)
                ]
                distance = math.dist(image, room.microphones[0])
                centre = distance / SPEED * RATE
                first = math.floor(centre) - 40
                window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(81) / 80)
                taps = window * np.sinc(first + np.arange(81) - centre)
                taps *= room.reflected**hits / (4 * np.pi * distance)
                start = first + 40
                kept = max(0, min(samples - start, 81))
                response[start : start + kept] += taps[:kept]
    return response


@pytest.mark.parametrize("reflected", [0.8, -0.3])
def test_the_image_method_by_its_definition(reflected):
    room = small(t60=0.05, reflected=reflected)
    order = math.ceil(0.05 * SPEED / min(SIZE))
    expected = image_sources(room, order, 800)
    ours = reverberant(room)[0, 0]
    assert ours.shape == (800,)
    # The table of the sinc is linear between its entries: some 1e-3.
    assert np.abs(ours - expected).max() < 1e-3 * np.abs(expected).max()
    direct = anechoic(room)[0, 0]
    np.testing.assert_allclose(direct, image_sources(room, 0, len(direct)), atol=1e-3 * direct.max())


OFFICIAL = Room(
    (6.2, 5.1, 3.3),
    0.25,
    whamr((6.2, 5.1, 3.3), 0.25),
    ((2.0, 1.7, 1.4), (4.1, 2.2, 1.6)),
    ((3.1, 2.6, 1.2), (3.2, 2.7, 1.2)),
)
# What pyroomacoustics 0.3.1, called as WHAMR!'s program does, has there: at some samples, and the energy.
SAMPLES = (100, 250, 640, 1500, 3000, 3999)
AT_SAMPLES = """
0.0003652998214862673 0.0007272929607164465 0.0006379518513617538
2.2949986428220895e-05 -3.111637166217419e-08 4.2298624213219125e-09
-0.0009007515981001181 -6.614159915513992e-05 0.0003876675681443043
1.5105407803984046e-05 4.5875788577227855e-07 2.4241252569686146e-09
0.0030467428106830076 -9.653022469987814e-05 -5.812709068777946e-06
6.484862454788258e-06 -6.388007904135924e-08 -3.1863672380985066e-10
0.0023675528453571187 -1.887340097776114e-06 0.0003173367765281675
6.159082124725822e-06 -9.640483550434027e-09 1.6939665825657883e-09
"""
ENERGIES = (0.0038270906695803703, 0.0031973572862714016, 0.0054241049073002305, 0.00579544754619307)


def test_the_samples_are_those_of_pyroomacoustics_0_3_1():
    ours = reverberant(OFFICIAL).reshape(4, -1)
    np.testing.assert_allclose(ours[:, SAMPLES].ravel(), [float(x) for x in AT_SAMPLES.split()], rtol=1e-8)
    np.testing.assert_allclose(np.sum(ours**2, axis=1), ENERGIES, rtol=1e-12)


def test_pyroomacoustics_as_it_is_today():
    pyroomacoustics = pytest.importorskip("pyroomacoustics")
    constants = pyroomacoustics.constants
    before = constants.get("rir_hpf_enable")
    constants.set("rir_hpf_enable", False)
    try:
        material = pyroomacoustics.Material(1 - OFFICIAL.reflected**2)
        order = math.ceil(OFFICIAL.t60 * SPEED / min(OFFICIAL.size))
        theirs = pyroomacoustics.ShoeBox(OFFICIAL.size, fs=RATE, materials=material, max_order=order)
        for source in OFFICIAL.sources:
            theirs.add_source(source)
        theirs.add_microphone_array(np.array(OFFICIAL.microphones).T)
        theirs.compute_rir()
    finally:
        constants.set("rir_hpf_enable", before)
    ours = reverberant(OFFICIAL)
    for s in range(2):
        for m in range(2):
            expected = theirs.rir[m][s][: ours.shape[2]] / (4 * np.pi)
            # It rounds times to float32 before it multiplies by the rate.
            assert np.linalg.norm(ours[s, m] - expected) < 3e-3 * np.linalg.norm(expected)


def test_direct_sound_arrives_when_and_as_loud_as_physics_says():
    room = small(sources=((0.5, 0.6, 0.7), SOURCE), microphones=(MICROPHONE, (0.6, 0.6, 0.7)))
    for responses in (anechoic(room), reverberant(room)):
        for s, source in enumerate(room.sources):
            for m, microphone in enumerate(room.microphones):
                distance = math.dist(source, microphone)
                arrival = distance / SPEED * RATE + 40
                early = responses[s, m, : int(arrival) + 5]
                assert abs(np.argmax(np.abs(early)) - arrival) <= 1
    direct = anechoic(room)
    for s, source in enumerate(room.sources):
        for m, microphone in enumerate(room.microphones):
            # The windowed sinc has a sum of 1: the response to a constant is 1 / (4 pi d).
            amplitude = 1 / (4 * np.pi * math.dist(source, microphone))
            assert direct[s, m].sum() == pytest.approx(amplitude, rel=0.01)
            taps = np.flatnonzero(direct[s, m])
            assert taps[-1] - taps[0] <= 80


@pytest.mark.parametrize("size", [(6.0, 5.0, 3.0), (7.1, 5.3, 3.7), (5.0, 4.0, 4.5), (8.0, 8.0, 3.2)])
@pytest.mark.parametrize("t60", [0.3, 0.6])
def test_the_sound_decays_as_fast_as_asked(size, t60):
    room = Room(size, t60, reflection(size, t60), ((1.3, 2.1, 1.2),), ((3.2, 2.9, 1.6),))
    high = sosfiltfilt(butter(4, 200, "high", fs=RATE, output="sos"), reverberant(room)[0, 0])
    decay = 10 * np.log10(np.cumsum(high[::-1] ** 2)[::-1])
    decay -= decay[0]
    measured = 3 * (np.argmax(decay < -25) - np.argmax(decay < -5)) / RATE
    assert measured == pytest.approx(t60, rel=0.1)


def test_mirrored_rooms_sound_the_same():
    room = small()

    def mirror(point, axis):
        return tuple(SIZE[k] - x if k == axis else x for k, x in enumerate(point))

    mirrored = [
        small(sources=(mirror(SOURCE, axis),), microphones=(mirror(MICROPHONE, axis),)) for axis in range(3)
    ]
    swapped = small(sources=(MICROPHONE,), microphones=(SOURCE,))
    expected = reverberant(room)
    for other in (*mirrored, swapped):
        assert np.linalg.norm(reverberant(other) - expected) < 2e-3 * np.linalg.norm(expected)
    around = ((1.0, 2.0, 2.0), (3.0, 2.0, 2.0), (2.0, 2.0, 1.0))
    middle = small(size=(4.0, 4.0, 4.0), sources=((2.0, 2.0, 2.0),), microphones=around)
    left, right, below = reverberant(middle)[0]
    assert np.linalg.norm(left - right) < 1e-3 * np.linalg.norm(left) > 0
    assert np.linalg.norm(left - below) < 1e-3 * np.linalg.norm(left)


def test_each_pair_is_what_it_is_alone():
    room = small(sources=(SOURCE, (0.4, 3.9, 2.0)), microphones=(MICROPHONE, (2.5, 0.3, 0.4)))
    together = reverberant(room)
    for s, source in enumerate(room.sources):
        for m, microphone in enumerate(room.microphones):
            alone = reverberant(small(sources=(source,), microphones=(microphone,)))
            np.testing.assert_array_equal(together[s, m], alone[0, 0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"t60": 0.0, "reflected": 0.5}, "must be over 0"),
        ({"reflected": -1.0}, "would amplify: they leave -1.00 of an amplitude"),
        ({"reflected": math.nan}, "would amplify"),
        ({"t60": 5.1, "reflected": 0.5}, "sound meets more than 400 walls"),
        ({"t60": 61.0, "reflected": 0.5, "size": (90.0, 90.0, 90.0)}, "a T60 of 61.0 s .* over 60 s"),
        ({"sources": (MICROPHONE,)}, "a source is where a microphone is"),
        ({"size": (3.0, -1.0, 2.0), "reflected": 0.5}, "must be over 0"),
        ({"sources": ((1.0, 5.0, 1.0),)}, "a source at .* is not inside"),
        ({"microphones": ((1.0, 1.0, math.nan),)}, "a microphone at .* is not inside"),
    ],
)
def test_rooms_that_are_none(change, message):
    with pytest.raises(SepflowError, match=message):
        small(**change)


def test_a_response_is_never_over_before_the_direct_sound_arrives():
    away = math.dist(SOURCE, MICROPHONE) / SPEED
    for rate in (8000, RATE):
        arrival = 40 + away * rate
        room = small(t60=math.floor(arrival) / rate, reflected=0.5)
        with pytest.raises(SepflowError, match=f"over before the direct sound .* at sample {arrival:.0f}"):
            reverberant(room, rate)
        heard = reverberant(small(t60=math.ceil(arrival) / rate, reflected=0.5), rate)
        assert np.abs(heard[0, 0, -1]) > 0


def test_responses_are_stored_once(tmp_path, monkeypatch):
    room = small(t60=0.05)
    store = Rooms(tmp_path / "rooms")
    direct, first = store.responses(room)
    np.testing.assert_array_equal(direct, anechoic(room))
    np.testing.assert_array_equal(first, reverberant(room))
    (path,) = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert path == tmp_path / "rooms" / store.place(room) and path.suffix == ".npy"
    assert len({store.place(room), store.place(small(t60=0.051)), store.place(room, 8000)}) == 3

    def never(*_):
        raise AssertionError("computed again")

    monkeypatch.setattr(rooms, "reverberant", never)
    np.testing.assert_array_equal(Rooms(tmp_path / "rooms").responses(room)[1], first)
    with pytest.raises(AssertionError, match="computed again"):
        Rooms(None).responses(room)


def test_a_damaged_store_mends_itself(tmp_path):
    room, store = small(t60=0.05), Rooms(tmp_path)
    first = store.responses(room)[1]
    path = tmp_path / store.place(room)
    stored = path.read_bytes()
    flipped = stored[:900] + bytes([stored[900] ^ 1]) + stored[901:]
    for damage in (b"", stored[:200], flipped, b"no array", np.array([{}], object).dumps()):
        path.write_bytes(damage)
        np.testing.assert_array_equal(store.responses(room)[1], first)
        np.testing.assert_array_equal(np.load(path), first)


def test_drawn_rooms_come_from_their_names(tmp_path):
    recipe = RoomRecipe(t60=(0.2, 0.4), sources=3, microphones=4)
    drawn = {f"m{k}": draw_room(f"m{k}", recipe) for k in range(200)}
    assert drawn["m7"] == draw_room("m7", recipe) and len(set(drawn.values())) == 200
    for room in drawn.values():
        assert 0.2 <= room.t60 <= 0.4 and len(room.sources) == 3
        steps = np.diff(np.array(room.microphones), axis=0)
        np.testing.assert_allclose(np.ptp(steps, axis=0), 0, atol=1e-12)
        assert 0.15 <= np.linalg.norm(steps[0]) <= 0.17
        centre = np.mean(room.microphones, axis=0)
        for source in room.sources:
            assert 0.66 <= math.dist(source[:2], centre[:2]) <= 2.0 and 0.9 <= source[2] <= 1.8
            assert all(0.5 <= x <= side - 0.5 for x, side in zip(source, room.size, strict=True))
    times = [room.t60 for room in drawn.values()]
    assert np.mean(times) == pytest.approx(0.3, abs=0.02)
    with pytest.raises(SepflowError, match="none of 1000 rooms holds"):
        draw_room("x", RoomRecipe(size=((1.0, 1.2), (1.0, 1.2), (2.0, 3.0))))
