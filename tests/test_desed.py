"""Soundscapes after DESED: what is drawn, that samples are what the plan says, and all that can be wrong."""

import csv
import hashlib
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from conftest import environment
from sepflow.cli import main
from sepflow.simulation.desed.responses import Recorded
from sepflow.simulation.journal import Record

RATE, SECONDS = 8000, 2.0
TOTAL = 2000  # ms
SHARED = Path(__file__).parents[2] / "shared" / "data"


def burst(seed, seconds, before=0.0, after=0.0, rate=RATE):
    """Noise with digital silence around it."""
    rng = np.random.default_rng(seed)
    parts = [np.zeros(round(before * rate)), 0.1 * rng.standard_normal(round(seconds * rate))]
    return np.concatenate([*parts, np.zeros(round(after * rate))])


def put(path, samples, rate=RATE):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype="FLOAT")


def make_bank(root):
    for n in range(4):
        put(root / "fg" / "Dog" / f"{n}.wav", burst(n, 0.3 + 0.2 * n, before=0.2, after=0.1))
        put(root / "fg" / "Cat" / f"{n}.wav", burst(10 + n, 0.8))
    put(root / "fg" / "Dishes" / "short.wav", burst(20, 0.12))
    put(root / "fg" / "Speech" / "long.wav", burst(21, 7.0))
    put(root / "fg" / "Frying_nOff" / "x.wav", burst(22, 1.5))
    put(root / "fg" / "Vacuum_cleaner_nOn" / "x.wav", burst(23, 1.5))
    put(root / "fg" / "Blender_nOn_nOff" / "x.wav", burst(24, 5.0))
    put(root / "bg" / "sins" / "long.wav", burst(30, 6.0))
    put(root / "bg" / "tut" / "short.wav", burst(31, 1.3))
    for n in range(8):
        tail = burst(40 + n, 0.1) * np.exp(-np.arange(0.1 * RATE) / 150)
        put(root / "rir" / f"{n}.wav", np.concatenate([np.zeros(37 + n), [1.0], tail]))
    return root


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return make_bank(tmp_path_factory.mktemp("bank"))


def words(bank, out, *more, rirs=True, rooms=0, number=12, jobs=1):
    room = ["--rirs", str(bank / "rir")] if rirs else ["--dry"]
    room = ["--rooms", str(rooms)] if rooms else room
    folders = ["--foreground", str(bank / "fg"), "--background", str(bank / "bg"), *room]
    sizes = ["--number", str(number), "--seconds", str(SECONDS), "--rate", str(RATE), "--jobs", str(jobs)]
    split = [] if "--split" in more else ["--split", "train"]
    return ["simulate", "desed", *folders, *sizes, *split, "--out", str(out), *more]


def made(bank, out, *more, **options):
    assert main(words(bank, out, *more, **options)) == 0
    return out


def complaint(capsys, bank, out, *more, **options):
    capsys.readouterr()
    assert main(words(bank, out, *more, **options)) == 1
    return capsys.readouterr().err


@pytest.fixture(scope="module")
def rendered(bank, tmp_path_factory):
    return made(bank, tmp_path_factory.mktemp("rendered"), "--sources", number=24)


def table(path, delimiter=","):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def soundscapes(out, split="train"):
    """{id: rows of the plan}."""
    found = {}
    for row in table(out / "metadata" / f"{split}_plan.csv"):
        found.setdefault(row["soundscape"], []).append(row)
    return found


def codes(path):
    samples, rate = soundfile.read(path, dtype="int16")
    assert rate == RATE and soundfile.info(path).subtype == "PCM_16"
    return samples.astype(np.int64)


def digests(root):
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


# --- samples: an oracle from the definition, in plain numpy -------------------------------------------------


def sounding_rms(x):
    frames = [x[i : i + 160] for i in range(0, len(x), 160)]
    energy = np.array([np.sum(frame**2) for frame in frames])
    kept = [frame for frame, e in zip(frames, energy, strict=True) if e > 0 and e >= energy.max() / 1e4]
    return np.sqrt(np.mean(np.concatenate(kept) ** 2))


def direct_response(path):
    h, _ = soundfile.read(path)
    return h[np.flatnonzero(np.abs(h) >= 0.1 * np.abs(h).max())[0] :]


def expected_source(row, bank):
    count = round(SECONDS * RATE)
    begin, end, first = (round(float(row[key]) * RATE) for key in ("onset", "offset", "file_onset"))
    h = direct_response(bank / "rir" / row["response"]) if row["response"] else np.ones(1)
    if row["event_label"] == "background":
        x, _ = soundfile.read(bank / "bg" / row["file"])
        if len(x) < count:  # once again, with 50 ms of equal power between
            angle = np.pi / 2 * (np.arange(400) + 0.5) / 400
            joint = x[-400:] * np.cos(angle) + x[:400] * np.sin(angle)
            x = np.concatenate([x[:-400], joint, x[400:]])
        wet = np.convolve(x[first : first + count], h)
        out = wet[:count].copy()
        out[: len(wet) - count] += wet[count:]  # what rings on past the end rings at the beginning
    else:
        x, _ = soundfile.read(bank / "fg" / row["file"])
        x = x[first : first + end - begin].copy()
        rise = np.sin(np.pi / 2 * (np.arange(80) + 0.5) / 80) ** 2
        x[:80] *= rise
        x[-80:] *= rise[::-1]
        out = np.zeros(2 * count + len(h))
        out[begin : begin + len(x) + len(h) - 1] = np.convolve(x, h)
        out = out[:count]
    return out * 10 ** (float(row["level_db"]) / 20) / sounding_rms(out[begin:end])


def test_soundscapes_are_what_their_plan_says(rendered, bank):
    scale = {
        row["soundscape"]: float(row["scale_db"]) for row in table(rendered / "metadata/train_rendered.csv")
    }
    for name, rows in soundscapes(rendered).items():
        summed = {}
        for row in rows:
            summed[row["event_label"]] = summed.get(row["event_label"], 0) + expected_source(row, bank)
        mixture = sum(summed.values())
        peak = max(np.abs(x).max() for x in [mixture, *summed.values()])
        assert scale[name] == pytest.approx(min(0, 20 * math.log10(0.99 / peak)), abs=0.0011)
        gain = 10 ** (scale[name] / 20)
        assert gain * peak <= 0.99 + 1e-12
        written = rendered / "train" / "sources" / name
        assert {path.stem for path in written.iterdir()} == set(summed)
        for label, x in summed.items():
            np.testing.assert_allclose(codes(written / f"{label}.wav"), 32768 * gain * x, atol=0.51)
        soundscape = codes(rendered / "train" / "soundscapes" / f"{name}.wav")
        np.testing.assert_allclose(soundscape, 32768 * gain * mixture, atol=0.51 * len(summed))
    assert {
        label for rows in soundscapes(rendered).values() for label in (row["event_label"] for row in rows)
    } == {*("background", "Dog", "Cat", "Dishes", "Speech", "Frying", "Vacuum_cleaner", "Blender")}


def test_a_soundscape_is_the_sum_of_its_sources_to_the_last_bit(rendered):
    for path in sorted((rendered / "train" / "soundscapes").iterdir()):
        sources = [codes(source) for source in (rendered / "train" / "sources" / path.stem).iterdir()]
        np.testing.assert_array_equal(codes(path), sum(sources))


def test_no_sources_without_being_asked_and_the_same_soundscapes(bank, rendered, tmp_path):
    made(bank, tmp_path, number=24)
    assert not (tmp_path / "train" / "sources").exists()
    for path in (tmp_path / "train" / "soundscapes").iterdir():
        assert path.read_bytes() == (rendered / "train" / "soundscapes" / path.name).read_bytes()


def test_labels_are_where_the_dry_event_lies_in_its_source(bank, tmp_path):
    """The responses delay by 37 samples and more, and ring on."""
    made(bank, tmp_path, "--sources", "--events", "1", "1", number=40)
    for name, (_, event) in soundscapes(tmp_path).items():
        source = codes(tmp_path / "train" / "sources" / name / f"{event['event_label']}.wav").astype(float)
        dry, _ = soundfile.read(bank / "fg" / event["file"])
        times = [round(float(event[key]) * RATE) for key in ("onset", "offset", "file_onset")]
        dry = dry[times[2] : times[2] + times[1] - times[0]]
        lags = np.correlate(np.pad(source, len(dry)), dry, "valid")
        assert int(np.abs(lags).argmax()) - len(dry) == times[0], event
        assert not source[: times[0]].any()
        assert np.abs(source[times[0] : times[0] + 160]).max() > 0


def test_silence_around_an_event_is_trimmed(bank, tmp_path):
    made(bank, tmp_path, "--plan-only", number=60)
    dogs = [row for rows in soundscapes(tmp_path).values() for row in rows if row["event_label"] == "Dog"]
    assert len(dogs) > 10
    for row in dogs:
        whole = 0.3 + 0.2 * int(Path(row["file"]).stem)
        length = float(row["offset"]) - float(row["onset"])
        cut = float(row["offset"]) == SECONDS and length < whole
        assert float(row["file_onset"]) == pytest.approx(0.2) and (
            cut or length == pytest.approx(whole, abs=0.02)
        )


def test_a_background_neither_swells_nor_drops_where_it_is_repeated(bank, tmp_path):
    made(bank, tmp_path, "--sources", number=10)
    for name, rows in soundscapes(tmp_path).items():
        if rows[0]["file"] != "tut/short.wav":
            continue
        x = codes(tmp_path / "train" / "sources" / name / "background.wav").astype(float)
        power = np.square(x).reshape(-1, 400).mean(1)  # 50 ms each; 400 values of noise: +-0.3 dB
        assert np.abs(10 * np.log10(power / power.mean())).max() < 1.5


def test_the_peak_may_be_the_level(bank, tmp_path):
    made(bank, tmp_path, "--sources", "--level", "peak", "--events", "1", "1")
    for name, rows in soundscapes(tmp_path).items():
        scale = next(
            float(r["scale_db"])
            for r in table(tmp_path / "metadata/train_rendered.csv")
            if r["soundscape"] == name
        )
        for row in rows:
            x = codes(tmp_path / "train" / "sources" / name / f"{row['event_label']}.wav")
            begin, end = (round(float(row[key]) * RATE) for key in ("onset", "offset"))
            wanted = 32768 * 10 ** ((float(row["level_db"]) + scale) / 20)
            assert np.abs(x[begin:end]).max() == pytest.approx(wanted, abs=0.51)


def test_files_of_other_rates_and_with_two_channels(bank, tmp_path):
    root = tmp_path / "bank"
    shutil.copytree(bank, root)
    wave = np.sin(2 * np.pi * 440 * np.arange(44100) / 44100)
    shutil.rmtree(root / "fg")
    for n in range(5):
        put(root / "fg" / "Alarm" / f"{n}.wav", np.stack([wave, 0 * wave], 1), 44100)
    made(root, tmp_path / "out", "--sources", "--events", "1", "1", rirs=False)
    for name, rows in soundscapes(tmp_path / "out").items():
        x = codes(tmp_path / "out" / "train" / "sources" / name / "Alarm.wav")
        begin, end = (round(float(rows[1][key]) * RATE) for key in ("onset", "offset"))
        spectrum = np.abs(np.fft.rfft(x[begin:end] * np.hanning(end - begin)))
        assert spectrum.argmax() * RATE / (end - begin) == pytest.approx(440, abs=RATE / (end - begin))


# --- tables ------------------------------------------------------------------------------------------------


def test_the_first_soundscapes_of_many_are_those_of_few(bank, tmp_path):
    few = made(bank, tmp_path / "few", "--plan-only", number=20)
    many = made(bank, tmp_path / "many", "--plan-only", number=90)
    for name in ("train_plan.csv", "train.tsv"):
        lines = (few / "metadata" / name).read_text().splitlines()
        assert lines == (many / "metadata" / name).read_text().splitlines()[: len(lines)]
    other = made(bank, tmp_path / "other", "--plan-only", "--split", "validation", number=20)
    drawn = [[row["file"] for row in rows] for rows in soundscapes(other, "validation").values()]
    assert drawn != [[row["file"] for row in rows] for rows in soundscapes(few).values()]


def test_simulated_rooms_are_computed_once_and_heard(bank, tmp_path):
    one, two = (made(bank, tmp_path / str(jobs), rooms=3, number=8, jobs=jobs) for jobs in (1, 2))
    drawn = {row["response"] for rows in soundscapes(one).values() for row in rows}
    assert drawn == {f"room-{number:05d}" for number in range(3)}
    assert len(list((one / ".sepflow/rooms").rglob("*.npy"))) == 3
    dry = made(bank, tmp_path / "dry", rirs=False, number=8)
    for name in soundscapes(one):
        path = f"train/soundscapes/{name}.wav"
        assert (one / path).read_bytes() == (two / path).read_bytes() != (dry / path).read_bytes()


def test_dry_and_reverberant_soundscapes_are_pairs(bank, tmp_path):
    dry = soundscapes(made(bank, tmp_path / "dry", "--plan-only", rirs=False))
    wet = soundscapes(made(bank, tmp_path / "wet", "--plan-only"))
    assert all(row["response"] for rows in wet.values() for row in rows)
    assert dry == {name: [row | {"response": ""} for row in rows] for name, rows in wet.items()}


def test_the_table_of_labels_is_that_of_desed(rendered):
    text = (rendered / "metadata" / "train.tsv").read_text().splitlines()
    assert text[0] == "filename\tonset\toffset\tevent_label"
    assert all(len(cell.split(".")[1]) == 3 for line in text[1:] for cell in line.split("\t")[1:3])
    rows = table(rendered / "metadata" / "train.tsv", "\t")
    assert {row["filename"] for row in rows} == {p.name for p in (rendered / "train/soundscapes").iterdir()}


# --- the tree -----------------------------------------------------------------------------------------------


def test_the_number_of_jobs_changes_no_byte(bank, tmp_path):
    for jobs in (1, 2):
        made(bank, tmp_path / str(jobs), "--sources", number=70, jobs=jobs)
    assert digests(tmp_path / "1") == digests(tmp_path / "2")


def test_a_killed_simulation_goes_on_where_it_was(bank, tmp_path):
    whole = made(bank, tmp_path / "whole", number=200)
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "sepflow", *words(bank, out, number=200)]
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 120
    while not list(out.glob(".sepflow/*/*/00000.json")) and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not list(out.glob(".sepflow/*/*/complete.json"))
    kept = out / "train" / "soundscapes" / "train-000000.wav"
    before = kept.stat().st_mtime_ns
    made(bank, out, number=200, jobs=2)
    assert digests(out) == digests(whole) and kept.stat().st_mtime_ns == before


def test_a_tree_grows_but_never_holds_what_its_labels_do_not_name(bank, tmp_path, capsys):
    made(bank, tmp_path, number=5)
    first = digests(tmp_path / "train")
    made(bank, tmp_path, number=40)
    assert first.items() <= digests(tmp_path / "train").items()
    message = complaint(capsys, bank, tmp_path, number=38)
    assert "2 problems" in message and "train-000039.wav: no soundscape of this plan" in message
    assert len(soundscapes(tmp_path)) == 40


def test_another_recipe_is_refused_in_the_same_tree_and_another_split_is_not(bank, tmp_path, capsys):
    made(bank, tmp_path, number=3)
    plan = (tmp_path / "metadata" / "train_plan.csv").read_bytes()
    assert "made from something else" in complaint(capsys, bank, tmp_path, "--background-over", "0", number=3)
    assert (tmp_path / "metadata" / "train_plan.csv").read_bytes() == plan
    made(bank, tmp_path, "--background-over", "0", "--split", "validation", number=3)


def test_a_class_that_has_gone_from_the_plan_leaves_no_file(bank, tmp_path, monkeypatch):
    made(bank, tmp_path, "--sources", number=3)
    whole = digests(tmp_path)
    old = Path("train", "sources", "train-000001", "Old.wav")
    (record,) = tmp_path.glob(".sepflow/desed-train/*/00000.json")
    there = Record.read(record)
    (tmp_path / old).write_bytes(b"")
    files = there.files | {str(old): hashlib.sha256(b"").hexdigest()}
    record.write_text(Record([{"plan": "another"}, *there.sources[1:]], files, there.results).text())
    made(bank, tmp_path, "--sources", number=3)
    assert digests(tmp_path) == whole


# --- what can be wrong --------------------------------------------------------------------------------------


@pytest.fixture
def own(bank, tmp_path):
    shutil.copytree(bank, tmp_path / "bank")
    return tmp_path / "bank"


def test_directories_that_are_no_classes(own, tmp_path, capsys):
    put(own / "fg" / "stray.wav", burst(0, 1))
    (own / "fg" / "Empty").mkdir()
    put(own / "fg" / "Tab\tbed" / "x.wav", burst(0, 1))
    message = complaint(capsys, own, tmp_path / "out")
    assert "3 problems" in message and "stray.wav: in no class's directory" in message
    assert "Empty/: no audio in it" in message and r"'Tab\tbed/x.wav': not UTF-8, or a control" in message
    shutil.rmtree(own / "bg")
    shutil.copytree(own / "fg" / "Dog", own / "bg" / "foreground")
    (own / "bg" / "foreground").rename(own / "bg" / "background")
    shutil.rmtree(own / "fg")
    (own / "bg").rename(own / "fg")
    shutil.copytree(own / "fg" / "background", own / "bg")
    assert "background/: no class's name (is" in complaint(capsys, own, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_sounds_of_no_use_are_listed_together(own, tmp_path, capsys):
    put(own / "fg" / "Dog" / "silent.wav", np.zeros(RATE))
    put(own / "fg" / "Dog" / "click.wav", burst(0, 0.03, 0.3, 0.3))
    put(own / "fg" / "Frying_nOff" / "brief.wav", burst(0, 0.2))
    put(own / "fg" / "Cat" / "nan.wav", np.full(RATE, np.nan))
    (own / "fg" / "Cat" / "text.wav").write_text("no audio")
    put(own / "fg" / "Blender_nOn_nOff" / "pause.wav", np.concatenate([burst(0, 3), np.zeros(3 * RATE)]))
    put(own / "bg" / "brief.wav", burst(0, 0.9))
    put(own / "bg" / "gap.wav", np.concatenate([burst(0, 3), np.zeros(3 * RATE), burst(1, 3)]))
    message = complaint(capsys, own, tmp_path / "out", jobs=2)
    assert "8 problems" in message and "Mend these files" in message
    for line in (
        "Dog/silent.wav: silent (below -80 dB)",
        "Dog/click.wav: too short: 0.040 s of sound, and 0.050 s are the least",
        "Frying_nOff/brief.wav: too short: 0.200 s of sound, and 0.250 s",
        "Cat/nan.wav: holds NaN",
        "Cat/text.wav: does not decode",
        "Blender_nOn_nOff/pause.wav: silent (below -80 dB) for 2.000 s, from second 3.",
        "bg/brief.wav: too short: 0.900 s of sound, and 1.000 s",
        "bg/gap.wav: silent (below -80 dB) for 2.000 s, from second 3.",
    ):
        assert line in message, line
    assert not (tmp_path / "out").exists()


def test_responses_of_no_use_are_listed_together(own, tmp_path, capsys):
    for n in range(8):
        put(own / "rir" / f"{n}.wav", np.zeros(100))
    (own / "rir" / "3.wav").write_text("no audio")
    message = complaint(capsys, own, tmp_path / "out", number=30)
    assert "8 problems" in message and "3.wav: does not decode" in message
    assert "4.wav: silent: all samples are zero" in message
    shutil.rmtree(own / "rir")
    assert "rir: no such directory. Correct --rirs" in complaint(capsys, own, tmp_path / "out")


def test_responses_named_as_those_of_fuss_go_to_what_they_are_named_after(tmp_path):
    for name in ("rirs_1/rir_background0.wav", "rirs_1/rir_foreground0.wav", "rirs_2/rir_foreground1.wav"):
        put(tmp_path / name, np.ones(3))
    names = Recorded(tmp_path, RATE).names()
    assert names.background == ("rirs_1/rir_background0.wav",)
    assert names.foreground == ("rirs_1/rir_foreground0.wav", "rirs_2/rir_foreground1.wav")


def test_a_quiet_response_of_several_channels_is_read_as_it_is(tmp_path):
    first = np.concatenate([np.zeros(9), [1e-5], 1e-9 * np.ones(20)])
    put(tmp_path / "x.wav", np.stack([first, first[::-1]], 1))
    np.testing.assert_allclose(Recorded(tmp_path, RATE)("x.wav"), first[9:], rtol=1e-6)


@pytest.mark.parametrize(
    "option, words_of_it",
    [
        (("--events", "3", "2"), "--events: LEAST is more than MOST"),
        (("--levels", "0", "-5"), "--levels: LOW is not under HIGH"),
        (("--levels", "nan", "0"), "--levels: LOW is not under HIGH"),
        (("--levels", "0", "1e300"), "--levels: LOW is not under HIGH, both within 200 dB"),
        (("--number", "10000000"), "--number: 1000000 at most"),
        (("--rate", "2000000000"), "--rate: 1000 to 192000 Hz"),
        (("--seconds", "0.3"), "--seconds: 0.5 to 3600"),
        (("--split", "../x"), "--split: letters"),
        (("--background-over", "inf"), "--background-over: not within 200 dB"),
        (("--events", "1", "50"), "13 files of events, but a soundscape may have 50"),
    ],
)
def test_options_that_make_no_sense(bank, tmp_path, capsys, option, words_of_it):
    assert words_of_it in complaint(capsys, bank, tmp_path / "out", *option)
    assert not (tmp_path / "out").exists()


def test_folders_that_are_not_there(own, tmp_path, capsys):
    shutil.rmtree(own / "bg")
    assert "bg: no such directory. Correct --background" in complaint(capsys, own, tmp_path / "out")
    shutil.rmtree(own / "fg")
    assert "fg: no such directory. Correct --foreground" in complaint(capsys, own, tmp_path / "out")


def test_real_events_in_real_rooms(tmp_path):
    if not (SHARED / "events" / "metadata.csv").is_file():
        pytest.skip(f"no real events at {SHARED}")
    for row in table(SHARED / "events" / "metadata.csv"):
        if row["desed_like"]:
            link = tmp_path / "fg" / row["desed_like"] / Path(row["path"]).name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(SHARED / "events" / row["path"])
    folders = ["--foreground", str(tmp_path / "fg"), "--background", str(SHARED / "noise")]
    more = ["--rirs", str(SHARED / "rirs"), "--number", "6", "--split", "train", "--sources", "--jobs", "1"]
    assert main(["simulate", "desed", *folders, *more, "--out", str(tmp_path / "out")]) == 0
    assert len(list((tmp_path / "out" / "train" / "soundscapes").iterdir())) == 6


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (("dog",), "dog/: looks like Dog/"),
        (("caf\u00e9", "cafe\u0301"), "so one file on many a disk"),
        (("nan",), "'nan' is no class"),
        (("a;b",), "'a;b' cannot be the name of a class"),
    ],
)
def test_classes_that_labels_cannot_tell_apart_are_refused(bank, tmp_path, capsys, classes, said):
    shutil.copytree(bank, tmp_path / "bank")
    for number, name in enumerate(classes):
        put(tmp_path / "bank" / "fg" / name / f"{number}.wav", burst(number, 0.4))
    assert said in complaint(capsys, tmp_path / "bank", tmp_path / "out")


@pytest.mark.parametrize("folder", ["fg", "bg/below", "rir"])
def test_nothing_is_written_into_what_is_read(bank, tmp_path, capsys, folder):
    shutil.copytree(bank, tmp_path / "bank")
    said = complaint(capsys, tmp_path / "bank", tmp_path / "bank" / folder)
    assert "--out: lies in a folder that is read" in said
    assert not (tmp_path / "bank" / folder / "metadata").exists()
