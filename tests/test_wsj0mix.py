"""wsj0-2mix and wsj0-3mix against the field's program, written again here from its definition."""

import itertools
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from conftest import environment
from rehearsal.spheres import write_sphere
from sepflow import cli
from sepflow.errors import SepflowError
from sepflow.simulation.wsj0mix import mixtures as wsj0mix
from sepflow.simulation.wsj0mix.lists import name, read_list, read_powers

POWERS = {f"{k:03d}a0101": 1e-4 * (k + 1) for k in range(6)}
LEVELS = (0.76421, -0.0, 2.4999999, 0.113034567891, 1, 0.05971)


@pytest.fixture
def corpus(tmp_path):
    """(wsj0, metadata, mixtures): `mixtures` are [(utterance, level), ...] by (speakers, split)."""
    rng = np.random.default_rng(1)
    for k, utterance in enumerate(POWERS):
        loud = 20000 if k == 3 else 400 * (k + 1)
        codes = (loud * rng.uniform(-1, 1, 6000 + 777 * k)).astype(np.int16)
        path = tmp_path / "disc" / "WSJ0" / "SI_TR_S" / utterance[:3] / f"{utterance}.WV1"
        write_sphere(path, codes, order="10" if k % 2 else "01")
    (tmp_path / "lists" / "activlev").mkdir(parents=True)
    for part, keys in (("a", list(POWERS)[:3]), ("b", list(POWERS)[3:])):
        rows = [f"{key} {POWERS[key]:.16e}" for key in keys]
        (tmp_path / "lists" / "activlev" / f"{part}.txt").write_text("\n".join(rows) + "\n")
    mixtures = {}
    for speakers, split in itertools.product((2, 3), ("tr", "cv")):
        groups = list(itertools.permutations(POWERS, speakers))[:: 2 if split == "tr" else 9]
        rows = [
            list(zip(group, itertools.islice(itertools.cycle(LEVELS), k, k + speakers), strict=True))
            for k, group in enumerate(groups)
        ]
        text = "".join(
            " ".join(f"wsj0/si_tr_s/{u[:3]}/{u}.wav {level!r}" for u, level in row) + "\n" for row in rows
        )
        (tmp_path / "lists" / f"mix_{speakers}_spk_{split}.txt").write_text(text)
        mixtures[speakers, split] = rows
    return tmp_path / "disc", tmp_path / "lists", mixtures


def command(corpus, out, *words):
    return ["simulate", "wsj0mix", "--wsj0", corpus[0], "--metadata", corpus[1], "--out", out, *words]


def sepflow(*words):
    return cli.main([str(word) for word in words])


def contents(root, journal=False):
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and (journal or ".sepflow" not in path.parts)
    }


def official(wsj0, row, rate, mode):
    """[mix, s1, ...], int16: the program's steps, one after the other."""
    sources, scaled = [], []
    for utterance, _ in row:
        path = wsj0 / "WSJ0" / "SI_TR_S" / utterance[:3] / f"{utterance}.WV1"
        sources.append(resample_poly(soundfile.read(path, dtype="float32")[0], rate, 16000))
        assert sources[-1].dtype == np.float32
    shortest, longest = min(map(len, sources)), max(map(len, sources))
    for source, (utterance, level) in zip(sources, row, strict=True):
        padded = np.hstack((source, np.zeros(longest - len(source))))
        scaled.append(padded / np.sqrt(POWERS[utterance]) * 10 ** (level / 20))
    stack = np.stack(scaled, axis=0)
    mixture = np.sum(stack, axis=0)
    if mode == "min":
        stack, mixture = stack[:, :shortest], mixture[:shortest]
    gain = np.max([1.0, np.max(np.abs(mixture)), np.max(np.abs(stack))]) / 0.9
    return [np.int16(np.round(2**15 * signal / gain)) for signal in (mixture, *stack)]


@pytest.mark.parametrize("speakers", [2, 3])
def test_every_sample_of_every_file_is_the_programs(corpus, tmp_path, speakers):
    out = tmp_path / "out"
    assert sepflow(*command(corpus, out, "--speakers", speakers, "--splits", "tr", "cv", "--jobs", 1)) == 0
    wanted = 0
    for split, rate, mode in itertools.product(("tr", "cv"), (8000, 16000), ("min", "max")):
        folder = out / f"{speakers}speakers" / f"wav{rate // 1000}k" / mode / split
        for row in corpus[2][speakers, split]:
            file = "_".join(f"{u}_" + (f"{x:12.8g}".strip() if x else "0") for u, x in row) + ".wav"
            expected = official(corpus[0], row, rate, mode)
            for kind, codes in zip(("mix", "s1", "s2", "s3"), expected, strict=False):
                got, got_rate = soundfile.read(folder / kind / file, dtype="int16")
                assert got_rate == rate and soundfile.info(folder / kind / file).subtype == "PCM_16"
                np.testing.assert_array_equal(got, codes)
                wanted += 1
    assert len(contents(out)) == wanted


def test_names_have_eight_digits_and_no_minus_zero():
    paths = ("wsj0/si_tr_s/01t/01to030v.wav", "si_tr_s/20g/20ga010m.wav")
    assert name(paths, (0.764210049, -0.0)) == "01to030v_0.76421005_20ga010m_0.wav"
    assert name(paths, (-2.0, 1e-5)) == "01to030v_-2_20ga010m_1e-05.wav"


def test_rounding_is_to_the_nearest_even():
    assert wsj0mix.quantise(np.array([0.5, 1.5, 2.5, -0.5, -1.5]) / 32768).tolist() == [0, 2, 2, 0, -2]


def test_one_gain_for_all_and_none_over_the_headroom():
    quiet = np.array([[0.1, -0.2], [0.3, 0.1]])
    gain, sources, mixture = wsj0mix.normalise(quiet)
    assert gain == 1 / 0.9
    np.testing.assert_allclose(sources, quiet * 0.9)
    np.testing.assert_allclose(mixture, [0.36, -0.09])
    gain, sources, mixture = wsj0mix.normalise(np.array([[3.0, -4.0], [1.0, 4.0]]))
    assert gain == pytest.approx(4 / 0.9) and np.abs(sources).max() == pytest.approx(0.9)


@pytest.mark.parametrize(
    "layout", ["wsj0/si_tr_s/{}/{}.wav", "si_tr_s/{}/{}.wv1", "11-1.1/WSJ0/si_tr_s/{}/{}.WAV"]
)
def test_layouts_of_the_corpus(corpus, tmp_path, layout):
    def run(wsj0, out):
        moved = (wsj0, *corpus[1:])
        assert (
            sepflow(*command(moved, out, "--splits", "cv", "--rates", 8000, "--modes", "min", "--jobs", 1))
            == 0
        )
        return contents(out)

    other = tmp_path / "other"
    for utterance in POWERS:
        path = other / layout.format(utterance[:3], utterance)
        path.parent.mkdir(parents=True, exist_ok=True)
        codes = soundfile.read(
            corpus[0] / "WSJ0" / "SI_TR_S" / utterance[:3] / f"{utterance}.WV1", dtype="int16"
        )[0]
        soundfile.write(path, codes, 16000, format="NIST" if "wv1" in layout else "WAV", subtype="PCM_16")
    assert run(corpus[0], tmp_path / "a") == run(other, tmp_path / "b")


def test_the_number_of_jobs_changes_no_byte(corpus, tmp_path):
    for jobs in (1, 4):
        assert sepflow(*command(corpus, tmp_path / str(jobs), "--speakers", 3, "--jobs", jobs)) == 0
    one, four = (contents(tmp_path / str(jobs), journal=True) for jobs in (1, 4))
    assert one == four and len(one) > 500


def test_a_killed_command_goes_on_and_ends_the_same(corpus, tmp_path):
    assert sepflow(*command(corpus, tmp_path / "whole", "--speakers", 3, "--jobs", 1)) == 0
    killed = tmp_path / "killed"
    words = command(corpus, killed, "--speakers", 3, "--jobs", 2)
    line = [sys.executable, "-m", "sepflow", *map(str, words)]
    process = subprocess.Popen(line, env=environment(), start_new_session=True, stderr=subprocess.DEVNULL)
    deadline = time.time() + 60
    while len(list(killed.rglob("s3/*.wav"))) < 10 and time.time() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    whole = contents(tmp_path / "whole", journal=True)
    assert 30 <= len(contents(killed)) < len(contents(tmp_path / "whole"))
    assert subprocess.run(line, env=environment(), capture_output=True).returncode == 0
    assert contents(killed, journal=True) == whole


def test_variants_side_by_side_and_lists_that_differ(corpus, tmp_path, capsys):
    out = tmp_path / "out"
    words = command(corpus, out, "--splits", "cv", "--jobs", 1)
    assert sepflow(*words, "--rates", 8000) == 0
    first = contents(out)
    assert sepflow(*words, "--rates", 16000, "--modes", "max") == 0
    assert contents(out).items() > first.items()
    path = corpus[1] / "mix_2_spk_cv.txt"
    path.write_text("\n".join(path.read_text().splitlines()[1:]))
    assert sepflow(*words, "--rates", 8000) == 1
    assert "its wsj0-2mix-cv was made from something else" in capsys.readouterr().err


def test_splits_without_a_list_are_left_out(corpus, tmp_path, capsys):
    assert sepflow(*command(corpus, tmp_path / "out", "--rates", 8000, "--jobs", 1)) == 0
    assert "tt: left out, there is no" in capsys.readouterr().out
    assert not list((tmp_path / "out").rglob("tt"))
    assert sepflow(*command(corpus, tmp_path / "out", "--splits", "tt")) == 1
    assert "no split has all of its published files" in capsys.readouterr().err


def test_what_is_wrong_is_listed_together(corpus, tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("a.wav 1 b.wav\na.wav 1 b.wav x\na.wav 1 b.wav inf\n")
    with pytest.raises(SepflowError) as error:
        read_list(path, 2, {})
    for line in ("line 1: 3 fields, not 4", "line 2: 'x' is no number", "line 3: 'inf' is not finite"):
        assert line in str(error.value)
    path.write_text("a.wav 1 b.wav 2\nc.wav 1 b.wav 2\n")
    with pytest.raises(SepflowError, match="without a power in activlev/: 2 problems\n  a\n  c\n"):
        read_list(path, 2, {"b": 1.0})
    (tmp_path / "powers").mkdir()
    (tmp_path / "powers" / "x.txt").write_text("a 1e-4\nb 0\nc\n")
    (tmp_path / "powers" / "y.txt").write_text("a 1.1e-4\n")
    with pytest.raises(SepflowError) as error:
        read_powers(tmp_path / "powers")
    assert "x.txt line 2: '0' is not over 0" in str(error.value) and "x.txt line 3: 1 fields" in str(
        error.value
    )
    (tmp_path / "powers" / "x.txt").write_text("b 1e-4\na 1e-4\n")
    with pytest.raises(SepflowError, match=r"y.txt line 1: a has another power in x.txt line 2\nKeep"):
        read_powers(tmp_path / "powers")


def test_recordings_that_are_missing_or_wrong(corpus, tmp_path, capsys):
    words = command(corpus, tmp_path / "out", "--splits", "cv", "--jobs", 1)
    folder = corpus[0] / "WSJ0" / "SI_TR_S"
    write_sphere(folder / "000" / "000a0101.WV1", np.zeros((100, 2), np.int16))
    assert sepflow(*words) == 1
    assert "000a0101.WV1: 2 channels" in capsys.readouterr().err
    for utterance in list(POWERS)[:2]:
        (folder / utterance[:3] / f"{utterance}.WV1").unlink()
    assert sepflow(*words) == 1
    message = capsys.readouterr().err
    assert "2 problems" in message and "wsj0/si_tr_s/000/000a0101.wav: not there" in message
