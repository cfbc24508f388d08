"""LibriMix's metadata: the official draws and gains, whatever the tables; and what can be amiss with them."""

import csv
import itertools
import logging
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pyloudnorm
import pytest
import soundfile
from hypothesis import example, given, settings
from hypothesis import strategies as st

import librimix_corpora as corpora
from conftest import environment
from sepflow.cli import main
from sepflow.simulation import librimix_metadata, librimix_pairs, librimix_tables
from sepflow.simulation.librimix_levels import draw_loudness

TARGET = 40

# --- The definition, written down anew: literally, with Python's own `random` and lists ---


def utterance_pass(speakers, pairs, count):
    failures, index = 0, list(range(len(speakers)))
    while len(index) >= count and failures < 200:
        couple = random.sample(index, count)
        if len({speakers[row] for row in couple}) != count:
            failures += 1
        else:
            for row in couple:
                index.remove(row)
            pairs.append(couple)
            failures = 0
    return pairs


def noise_pass(pairs, chosen, lengths, noises, train):
    left = {row: length for row, (length, augmented) in enumerate(noises) if not augmented}
    if len(pairs) > len(left):
        left = {row: length for row, (length, _) in enumerate(noises)}
    for pair in pairs.copy():
        longest = max(lengths[row] for row in pair)
        possible = [row for row, length in left.items() if length >= longest]
        if possible:
            one = random.sample(possible, 1)
            chosen.append(one)
            del left[one[0]]
        elif train:
            last = list(left)[-1]
            chosen.append(last)
            del left[last]
        else:
            pairs.remove(pair)
    return chosen


def without_duplicates(pairs, noises):
    for i, (pair, _) in enumerate(zip(pairs, noises, strict=False)):
        for j, (other, noise) in enumerate(zip(pairs, noises, strict=False)):
            if sorted(pair) == sorted(other) and i != j:
                pairs.remove(other)
                noises.remove(noise)
    return pairs, noises


def defined(speakers, lengths, noises, count, train, target, passes=10**6):
    """(pairs, noises), or None where it is not done after so many passes."""
    pairs, chosen = [], []
    if train:
        pairs = utterance_pass(speakers, pairs, count)
        return pairs, noise_pass(pairs, chosen, lengths, noises, train)
    while len(pairs) < target:
        if passes == 0:
            return None
        passes -= 1
        pairs = utterance_pass(speakers, pairs, count)
        chosen = noise_pass(pairs, chosen, lengths, noises, train)
        pairs, chosen = without_duplicates(pairs, chosen)
    return pairs[:target], chosen[:target]


def as_rows(pairs, noises):
    flat = [one[0] if isinstance(one, list) else one for one in noises]
    return [(tuple(pair), noise) for pair, noise in zip(pairs, flat, strict=False)]


def ours(speakers, lengths, noises, count, train, rng):
    tables = librimix_pairs.Tables(speakers, lengths, *zip(*noises, strict=True), count)
    return librimix_pairs.draw(tables, train, rng)


# --- The draws ---


@st.composite
def drawable(draw, train):
    count = draw(st.integers(1, 3))
    least = draw(st.sampled_from([1, 30]))
    utterances = draw(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9)), min_size=least, max_size=60))
    # Few enough to run short of, or of those long enough; sorted as officially, or not.
    noises = draw(st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=90))
    if train:
        noises += [(9, True)] * max(0, len(utterances) // count - len(noises))
    noises = sorted(noises) if draw(st.booleans()) else noises
    return [speaker for speaker, _ in utterances], [length for _, length in utterances], noises, count


@settings(deadline=None, max_examples=300)
@given(drawable(train=True), st.integers(0, 99))
def test_a_train_split_is_drawn_as_defined(tables, seed):
    random.seed(seed)
    wanted = as_rows(*defined(*tables, True, TARGET))
    rng = random.Random(seed)
    assert ours(*tables, True, rng) == wanted
    assert rng.getstate() == random.getstate()


def test_other_splits_are_drawn_as_defined(monkeypatch):
    monkeypatch.setattr(librimix_pairs, "TARGET", TARGET)
    ended = []

    @settings(deadline=None, max_examples=150, database=None)
    @given(drawable(train=False), st.integers(0, 99))
    @example(([s % 6 for s in range(24)], [5] * 24, [(9, False)] * 80, 2), 0)
    @example(([s % 9 for s in range(45)], [5] * 45, [(9, False)] * 80, 1), 0)
    @example(([s % 5 for s in range(30)], [5, 6] * 15, [(5, False), (6, False)] * 30, 3), 0)
    def check(tables, seed):
        random.seed(seed)
        wanted = defined(*tables, False, TARGET, passes=40)
        rng = random.Random(seed)
        found = ours(*tables, False, rng)
        possible = librimix_pairs.Tables(*tables[:2], [1], [False], tables[3]).possible()
        if wanted is not None and possible >= TARGET:
            ended.append(tables[3])
            assert found == as_rows(*wanted)
            assert rng.getstate() == random.getstate()
        assert len(found) <= TARGET

    check()
    assert {1, 2, 3} <= set(ended)


def test_noises_drawn_pass_by_pass_stay_at_their_place(monkeypatch):
    """The bug that all published tables have: only mixtures of the first pass have noises drawn for them."""
    monkeypatch.setattr(librimix_pairs, "TARGET", 60)
    noises = [(length, False) for length in range(50, 150)]
    rows = ours([s % 20 for s in range(40)], [50] * 40, noises, 2, False, random.Random(72))
    assert len(rows) == 60
    used = [noise for _, noise in rows]
    assert len({*used}) < 60


@settings(deadline=None, max_examples=400)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=25), st.data())
def test_duplicates_are_removed_as_defined(pairs, data):
    noises = data.draw(st.lists(st.integers(0, 9), min_size=len(pairs), max_size=len(pairs) + 9))
    wanted_pairs, wanted = [list(pair) for pair in pairs], [[noise] for noise in noises]
    without_duplicates(wanted_pairs, wanted)
    librimix_pairs.remove_duplicates(pairs, noises)
    assert (pairs, noises) == ([tuple(x) for x in wanted_pairs], [x[0] for x in wanted])


def test_one_speaker_and_too_few_utterances_ends_with_each_once(caplog):
    noises = [(20, False)] * 1200
    with caplog.at_level(logging.WARNING):
        rows = ours([s % 7 for s in range(500)], [9] * 500, noises, 1, False, random.Random(72))
    assert sorted(pair for pair, _ in rows) == [(row,) for row in range(500)]
    assert len({noise for _, noise in rows}) == 500
    assert "500 mixtures, not 3000" in caplog.text


def test_where_no_noise_is_long_enough_there_are_no_mixtures_and_an_end():
    assert ours([1, 2] * 200, [9] * 400, [(8, False)] * 50, 2, False, random.Random(72)) == []
    assert ours([1, 1, 1], [9] * 3, [(9, False)] * 50, 2, False, random.Random(72)) == []


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), max_size=12), st.integers(1, 3))
def test_how_many_sets_of_different_speakers_there_are(speakers, count):
    sets = itertools.combinations(speakers, count)
    wanted = sum(len(set(chosen)) == count for chosen in sets)
    assert librimix_pairs.Tables(speakers, [], [], [], count).possible() == wanted


def test_fifty_thousand_mixtures_are_planned_in_seconds():
    rng = np.random.default_rng(0)
    lengths = np.sort(rng.integers(48000, 270000, 101600)).tolist()
    noises = [(int(x), k % 3 > 0) for k, x in enumerate(np.sort(rng.integers(48000, 400000, 60000)))]
    begun = time.monotonic()
    rows = ours(rng.integers(0, 921, 101600).tolist(), lengths, noises, 2, True, random.Random(72))
    assert len(rows) > 50000 and time.monotonic() - begun < 30


def test_a_mixture_takes_two_draws_more_than_it_has_sources():
    random.seed(5)
    wanted = [random.uniform(-33, -25) for _ in range(2)]
    random.uniform(-33, -25)
    wanted.append(random.uniform(-38, -30))
    rng = random.Random(5)
    assert draw_loudness(2, rng) == wanted
    assert rng.getstate() == random.getstate()


# --- The command, on recordings ---

SPEAKERS = (60, 84, 174, 251, 302, 777)
RNG = np.random.default_rng(3)
DEV = [(SPEAKERS[k % 6], int(n)) for k, n in enumerate(RNG.integers(48000, 50000, 40))] + [(84, 47999)]
TRAIN = [(SPEAKERS[k % 6] + 1000, int(n)) for k, n in enumerate(RNG.integers(48000, 49000, 212))]
NOISES = {
    "cv": [int(n) for n in RNG.integers(47000, 54000, 170)],
    "tr": [int(n) for n in RNG.integers(44000, 66000, 70)],
}
needs_sox = pytest.mark.skipif(shutil.which("sox") is None, reason="needs sox (apt-get install sox)")


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    root = tmp_path_factory.mktemp("librimix_metadata")
    corpora.librispeech(root / "LibriSpeech", {"dev-clean": DEV, "train-clean-100": TRAIN})
    speakers = root / "LibriSpeech/SPEAKERS.TXT"
    old, new = (f"60   | {rest}" for rest in ("F | dev-clean        | 8.02  | A. |", "M | dev-clean || He |"))
    speakers.write_text(speakers.read_text().replace(old, new))
    corpora.wham(root / "wham_noise", NOISES)
    # One that would clip at its loudness: a single loud click in what is otherwise quiet.
    peaky = next(iter(sorted((root / "LibriSpeech/dev-clean/84").rglob("*.flac"))))
    samples, _ = soundfile.read(peaky)
    samples = samples * 0.02
    samples[24000] = 0.9
    corpora.put(peaky, samples)
    return root


@pytest.fixture
def few(monkeypatch):
    """As many mixtures in a dev split as a test can hear."""
    monkeypatch.setattr(librimix_pairs, "TARGET", 100)


def command(here, out, *words, speakers=2, jobs=1):
    return [
        *("simulate", "librimix-metadata", "--librispeech", here / "LibriSpeech"),
        *("--wham", here / "wham_noise", "--out", out, "--speakers", speakers, "--jobs", jobs, *words),
    ]


def run(*words):
    return main([str(word) for word in words])


def listed(here, subset):
    """(speakers, lengths, paths) of a subset of LibriSpeech, by length and path."""
    root = here / "LibriSpeech"
    found = []
    for path in root.glob(f"{subset}/*/*/*.flac"):
        name = path.relative_to(root).as_posix()
        found.append((soundfile.info(path).frames, name, int(path.name.split("-")[0])))
    found = sorted(x for x in found if x[0] >= 48000)
    return [x[2] for x in found], [x[0] for x in found], [x[1] for x in found]


def listed_noises(here, split):
    found = []
    for path in (here / "wham_noise" / split).glob("*.wav"):
        augmented = "sp08" in path.name or "sp12" in path.name
        found.append((soundfile.info(path).frames, f"{split}/{path.name}", augmented))
    return sorted(x for x in found if x[0] >= 48000)


def measured(here, paths, noise, length):
    """The gains of a mixture, with draws from `random`."""
    signals = []
    for path in paths:
        samples, _ = soundfile.read(here / "LibriSpeech" / path, dtype="float32")
        signals.append(np.pad(samples, (0, length - len(samples)), mode="constant"))
    name = here / "wham_noise" / noise
    samples, _ = soundfile.read(name, dtype="float32")
    samples = samples[:, 0] if samples.ndim > 1 else samples
    short = length > len(samples)
    signals.append(np.pad(samples, (0, length - len(samples))) if short else samples[:length])
    meter, before, scaled = pyloudnorm.Meter(16000), [], []
    for k, samples in enumerate(signals):
        before.append(meter.integrated_loudness(samples))
        target = random.uniform(-33, -25)
        if k == len(signals) - 1:
            target = random.uniform(-38, -30)
        one = pyloudnorm.normalize.loudness(samples, before[-1], target)
        if np.max(np.abs(one)) >= 1:
            one = samples * 0.9 / np.max(np.abs(samples))
        scaled.append(one)
    mixture = np.zeros_like(scaled[0])
    for one in scaled:
        mixture += one
    peak = np.max(np.abs(mixture))
    weight = 0.9 / peak if peak > 0.9 else 1
    after = [meter.integrated_loudness(one * weight) for one in scaled]
    return [np.power(10.0, (b - a) / 20.0) for a, b in zip(before, after, strict=True)], weight


def official(here, subset, split, count, train, target):
    """The two tables of a subset, as text; `random` goes on from where it is."""
    speakers, lengths, paths = listed(here, subset)
    noises = listed_noises(here, split)
    drawn = defined(speakers, lengths, [(x[0], x[2]) for x in noises], count, train, target)
    numbers = range(1, count + 1)
    columns = [f"source_{k}_{x}" for k in numbers for x in ("path", "gain")]
    mixtures = pd.DataFrame(columns=["mixture_ID", *columns, "noise_path", "noise_gain"])
    info = pd.DataFrame(columns=["mixture_ID", *(f"speaker_{k}_{x}" for k in numbers for x in ("ID", "sex"))])
    weights = []
    for pair, noise in as_rows(*drawn):
        chosen = [paths[row] for row in pair]
        gains, weight = measured(here, chosen, noises[noise][1], max(lengths[row] for row in pair))
        weights.append(weight)
        name = "_".join(path.split("/")[-1].strip(".flac") for path in chosen)
        cells = [x for path, gain in zip(chosen, gains, strict=False) for x in (path, gain)]
        mixtures.loc[len(mixtures)] = [name, *cells, noises[noise][1], gains[-1]]
        who = [(speakers[row], "M" if speakers[row] == 60 else "FM"[speakers[row] % 2]) for row in pair]
        info.loc[len(info)] = [name, *(x for each in who for x in each)]
    assert train or min(weights) < 1, "some mixture should clip, or clipping is not tested"
    rows = len(mixtures) // 100 * 100
    return mixtures[:rows].to_csv(index=False), info[:rows].to_csv(index=False)


def test_both_tables_of_a_split_are_what_the_definition_says(here, tmp_path, few, capsys):
    assert run(*command(here, tmp_path / "out", "--splits", "dev-clean")) == 0
    random.seed(72)
    tables = official(here, "dev-clean", "cv", 2, False, 100)
    for suffix, wanted in zip(("", "_info"), tables, strict=True):
        assert (tmp_path / f"out/libri2mix_dev-clean{suffix}.csv").read_text() == wanted
    # Nothing else: the official renderer would take it for a table.
    assert len(list((tmp_path / "out").iterdir())) == 2
    assert "libri2mix_dev-clean_info.csv" in capsys.readouterr().out


def test_three_speakers_and_what_is_rendered_of_them(here, tmp_path, few):
    assert run(*command(here, tmp_path / "csv", "--splits", "dev-clean", speakers=3)) == 0
    random.seed(72)
    wanted, _ = official(here, "dev-clean", "cv", 3, False, 100)
    assert (tmp_path / "csv/libri3mix_dev-clean.csv").read_text() == wanted
    words = command(here, tmp_path / "out", "--metadata", tmp_path / "csv", "--rates", 8000, speakers=3)
    assert run("simulate", "librimix", *words[2:], "--modes", "max", "--types", "mix_both") == 0
    total, _ = soundfile.read(next((tmp_path / "out").rglob("mix_both/*.wav")))
    assert 0.05 < np.abs(total).max() < 0.95


def with_augmented(root):
    """The corpora, with the files that the official augment_train_noise.py writes."""
    for path in sorted((root / "wham_noise/tr").iterdir()):
        samples, rate = soundfile.read(path)
        for speed in ("0.8", "1.2"):
            raw = "-t f64 -r 44100 -c 1 -"
            words = f"sox -N -V1 {raw} {raw} speed {speed}".split()
            done = subprocess.run(words, input=samples[:, 0].tobytes(), capture_output=True, check=True)
            name = f"{path.stem}sp{speed.replace('.', '')}.wav"
            soundfile.write(path.with_name(name), np.frombuffer(done.stdout), rate)
    return root


@needs_sox
def test_draws_go_on_from_split_to_split_and_train_takes_noise_at_other_speeds(here, tmp_path, few):
    """dev before train-100: the train split's draws begin where those of dev ended."""
    disk = with_augmented(shutil.copytree(here, tmp_path / "disk"))
    random.seed(72)
    official(disk, "dev-clean", "cv", 2, False, 100)
    tables = official(disk, "train-clean-100", "tr", 2, True, None)
    assert "sp08.wav" in tables[0] and "sp12.wav" in tables[0]
    # On disk or not, with one process or two.
    assert run(*command(here, tmp_path / "made", jobs=2)) == 0
    assert run(*command(disk, tmp_path / "read")) == 0
    assert corpora.files(tmp_path / "made") == corpora.files(tmp_path / "read")
    for suffix, wanted in zip(("", "_info"), tables, strict=True):
        assert (tmp_path / f"made/libri2mix_train-clean-100{suffix}.csv").read_text() == wanted


def test_a_killed_run_goes_on_and_leaves_the_same(here, tmp_path):
    words = command(here, tmp_path / "out", "--splits", "train-clean-100")
    start = [sys.executable, "-m", "sepflow", *map(str, words)]
    killed = subprocess.Popen(start, env=environment(), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(tmp_path.rglob("0*.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert list(tmp_path.rglob("0*.json")) and not list(tmp_path.rglob("*.csv"))
    assert run(*words) == 0
    assert run(*command(here, tmp_path / "whole", "--splits", "train-clean-100", jobs=2)) == 0
    assert corpora.files(tmp_path / "out") == corpora.files(tmp_path / "whole")
    assert not list(tmp_path.rglob(".sepflow"))


def test_the_official_tables_are_taken_in_their_own_order(here, tmp_path, few):
    own = shutil.copytree(here, tmp_path / "own")
    speakers, lengths, paths = listed(here, "dev-clean")
    rows = list(zip(speakers, ["F"] * len(paths), ["dev-clean"] * len(paths), lengths, paths, strict=True))
    noises = [(path.split("/")[1], "cv", n, a, path) for n, path, a in listed_noises(here, "cv")]
    for name, header, table in [
        ("LibriSpeech/metadata/dev-clean.csv", "speaker_ID,sex,subset,length,origin_path", rows),
        ("wham_noise/metadata/dev.csv", "noise_ID,subset,length,augmented,origin_path", noises),
    ]:
        (own / name).parent.mkdir()
        with (own / name).open("w", newline="") as file:
            csv.writer(file).writerows([header.split(","), *table])
    assert run(*command(here, tmp_path / "scanned", "--splits", "dev-clean")) == 0
    assert run(*command(own, tmp_path / "taken", "--splits", "dev-clean")) == 0
    scanned, taken = corpora.files(tmp_path / "scanned"), corpora.files(tmp_path / "taken")
    name = "libri2mix_dev-clean.csv"
    assert taken[name] == scanned[name]
    assert b",M" not in taken["libri2mix_dev-clean_info.csv"]
    table = own / "LibriSpeech/metadata/dev-clean.csv"
    header, *lines = table.read_text().splitlines()
    table.write_text("\n".join([header, *reversed(lines)]) + "\n")
    assert run(*command(own, tmp_path / "reversed", "--splits", "dev-clean")) == 0
    assert corpora.files(tmp_path / "reversed")[name] != scanned[name]


# --- What can be amiss ---


def complaint(capsys, *words):
    assert run(*words) == 1
    assert not list(words[words.index("--out") + 1].glob("*.csv"))
    return capsys.readouterr().err


@pytest.fixture
def mine(here, tmp_path):
    """A copy of the corpora, to be spoilt."""
    return shutil.copytree(here, tmp_path / "mine")


def test_fewer_than_a_hundred_mixtures_are_none_and_that_is_said(mine, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(librimix_pairs, "TARGET", 99)
    with caplog.at_level(logging.WARNING):
        assert run(*command(mine, tmp_path / "out", "--splits", "dev-clean")) == 0
    assert "dev-clean: only 99 mixtures" in caplog.text
    columns = "mixture_ID,source_1_path,source_1_gain,source_2_path,source_2_gain,noise_path,noise_gain\n"
    assert (tmp_path / "out/libri2mix_dev-clean.csv").read_text() == columns


def test_a_silent_noise_is_named(mine, tmp_path, few, capsys):
    silent = sorted((mine / "wham_noise/cv").iterdir())
    for path in silent:
        corpora.put(path, np.zeros(soundfile.info(path).frames))
    message = complaint(capsys, *command(mine, tmp_path / "out", "--splits", "dev-clean"))
    assert ".wav: silent" in message and str(mine / "wham_noise/cv") in message


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("84,F,dev-clean,-5,dev-clean/84/01/84-01-0000.flac", "length: '-5' is no whole number over 0"),
        ("84,F,dev-clean,nan,dev-clean/84/01/84-01-0000.flac", "length: 'nan' is no whole number"),
        ("85,F,dev-clean,50000,dev-clean/85/01/85-01-0000.flac", "speaker 85 is not in"),
        ("84,F,dev-clean,50000,", "origin_path: empty"),
    ],
)
def test_a_bad_row_of_a_table_is_told_with_its_line(mine, tmp_path, capsys, line, said):
    table = mine / "LibriSpeech/metadata/dev-clean.csv"
    table.parent.mkdir()
    table.write_text(f"speaker_ID,sex,subset,length,origin_path\n{line}\n")
    message = complaint(capsys, *command(mine, tmp_path / "out", "--splits", "dev-clean"))
    assert f"{table}" in message and "line 2: " in message and said in message


def test_what_the_corpora_lack_is_said(mine, tmp_path, few, capsys):
    words = command(mine, tmp_path / "out")
    assert "no test-clean" in complaint(capsys, *words, "--splits", "test-clean")
    speakers = mine / "LibriSpeech/SPEAKERS.TXT"
    kept = speakers.read_text()
    speakers.write_text(kept.replace("84   | F", ";84   | F"))
    assert "speaker 84 is not in SPEAKERS.TXT" in complaint(capsys, *words)
    speakers.write_text(kept + "x | F | dev-clean | 1 | A\n")
    line = len(kept.splitlines()) + 1
    assert f"line {line}: speaker: 'x' is no whole number" in complaint(capsys, *words)
    speakers.write_text(kept)
    path = next((mine / "wham_noise/cv").iterdir())
    corpora.put(path, np.zeros((50000, 2)) + 0.1, 8000)
    assert f"cv/{path.name}: 8000 Hz, not 16000 Hz" in complaint(capsys, *words)
    shutil.rmtree(mine / "wham_noise/cv")
    assert "no directory cv in it" in complaint(capsys, *words)
    shutil.rmtree(mine / "wham_noise/tr")
    assert "none of tr, cv, tt in it" in complaint(capsys, *words)


def test_a_train_split_with_too_few_noises_is_refused(mine, tmp_path, capsys):
    for path in sorted((mine / "wham_noise/tr").iterdir())[10:]:
        path.unlink()
    message = complaint(capsys, *command(mine, tmp_path / "out", "--splits", "train-clean-100"))
    assert "train-clean-100: more mixtures than the" in message


def test_speakers_are_read_also_where_a_name_holds_the_separator(here):
    known = librimix_tables.speakers(here / "LibriSpeech/SPEAKERS.TXT")
    assert known[60] == ("M", "dev-clean") and known[84] == ("F", "dev-clean")
    assert set(known) == {*SPEAKERS, *(speaker + 1000 for speaker in SPEAKERS)}


def test_an_id_is_the_official_one_also_where_strip_takes_more_than_the_ending():
    source = librimix_tables.Utterance(50000, "dev-clean/fl/ac-1-0a.flac", 1, "F", "dev-clean")
    drawn = librimix_metadata.Drawn((source, source), librimix_tables.Noise(50000, "cv/x.wav", False), (0.0,))
    assert drawn.name == "-1-0_-1-0"
