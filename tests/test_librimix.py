"""LibriMix rendered from its tables: to the sample what its definition says, whole or not at all."""

import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import librimix_corpora as corpora
from conftest import environment
from librimix_corpora import put_table, run, table
from librimix_corpora import render_command as command
from librimix_definition import expected, extended
from sepflow.errors import SepflowError
from sepflow.simulation.librimix import mixtures as librimix
from sepflow.simulation.librimix import noise as librimix_noise

needs_sox = pytest.mark.skipif(shutil.which("sox") is None, reason="needs sox (apt-get install sox)")


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return corpora.small(tmp_path_factory.mktemp("librimix"))


@pytest.mark.parametrize("speakers", [1, 2, 3])
def test_every_file_is_what_the_definition_says(here, tmp_path, speakers):
    frame = table(here, speakers)
    metadata = put_table(frame, tmp_path / "metadata", speakers)
    assert run(*command(here, metadata, tmp_path / "out", speakers)) == 0
    frame = pd.read_csv(metadata / f"libri{speakers}mix_dev-clean.csv", engine="python")
    wanted = expected(here, frame, speakers, tmp_path / "out", tmp_path / "one.wav")
    found = corpora.files(tmp_path / "out")
    assert set(found) == set(wanted)
    assert [name for name in wanted if found[name] != wanted[name]] == []
    clipped = [name for name in wanted if name.endswith(".wav") and b"\xff\x7f" in wanted[name]]
    assert clipped, "some gain should clip, or clipping is not tested"


def test_clean_mixtures_alone_are_the_same_and_need_no_noise(here, tmp_path):
    metadata = put_table(table(here, 2), tmp_path / "metadata", 2)
    assert run(*command(here, metadata, tmp_path / "all", 2)) == 0
    words = [x for x in command(here, metadata, tmp_path / "clean", 2) if x not in ("--wham",)]
    words.remove(here / "wham_noise")
    assert run(*words, "--types", "mix_clean", "--rates", 8000, "--modes", "min", "max") == 0
    everything, clean = corpora.files(tmp_path / "all"), corpora.files(tmp_path / "clean")
    assert {name.split("/")[4] for name in clean if name.endswith("wav")} == {"s1", "s2", "mix_clean"}
    assert {name.split("/")[1] for name in clean} == {"wav8k"}
    for name, content in clean.items():
        assert everything[name].replace(b"/all/", b"/clean/") == content, name


def test_a_second_rate_is_added_to_a_tree_and_a_second_table_is_not(here, tmp_path, capsys):
    metadata = put_table(table(here, 2), tmp_path / "metadata", 2)
    for rate in (16000, 8000):
        assert run(*command(here, metadata, tmp_path / "two", 2, "--rates", rate, "--types", "mix_both")) == 0
    assert run(*command(here, metadata, tmp_path / "one", 2, "--types", "mix_both")) == 0
    one, two = corpora.files(tmp_path / "one"), corpora.files(tmp_path / "two")
    assert {name: x.replace(b"/one/", b"/two/") for name, x in one.items()} == two
    other = table(here, 2)
    other.loc[0, "noise_gain"] *= 2
    put_table(other, metadata, 2)
    assert run(*command(here, metadata, tmp_path / "two", 2)) == 1
    assert "was made from something else" in capsys.readouterr().err
    assert corpora.files(tmp_path / "two") == two


def test_the_bytes_depend_neither_on_jobs_nor_on_a_kill(here, tmp_path):
    metadata = put_table(table(here, 2, rows=150), tmp_path / "metadata", 2)
    assert run(*command(here, metadata, tmp_path / "one", 2, "--rates", 8000)) == 0
    words = command(here, metadata, tmp_path / "two", 2, "--rates", 8000, jobs=2)
    start = [sys.executable, "-m", "sepflow", *map(str, words)]
    killed = subprocess.Popen(start, env=environment(), stderr=subprocess.DEVNULL)
    journal = tmp_path / "two/.sepflow"
    deadline = time.monotonic() + 60
    while not list(journal.rglob("0*.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    done = {path: path.stat().st_mtime_ns for path in journal.rglob("0*.json")}
    assert done and not list(journal.rglob("complete.json"))
    assert run(*words) == 0
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in done.items())
    one, two = corpora.files(tmp_path / "one"), corpora.files(tmp_path / "two")
    assert {name: x.replace(b"/one/", b"/two/") for name, x in one.items()} == two


@settings(deadline=None, max_examples=40)
@given(st.integers(8002, 20000), st.integers(1, 60000), st.sampled_from(["float32", "float64"]))
def test_extending_a_noise(samples, length, dtype):
    noise = np.random.default_rng(samples).standard_normal(samples).astype(dtype)
    found = librimix.extend_noise(noise, length)
    if length <= samples:
        assert found is noise
    else:
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, extended(noise, length))


@pytest.mark.parametrize("samples", [1, 8000, 8001])
def test_a_noise_no_longer_than_the_fade_is_refused_by_name(here, tmp_path, capsys, samples):
    frame = table(here, 2)
    frame.loc[1, "noise_path"] = "cv/short.wav"
    shutil.copytree(here, tmp_path / "here")
    corpora.put(tmp_path / "here/wham_noise/cv/short.wav", np.full(samples, 0.1))
    metadata = put_table(frame, tmp_path / "metadata", 2)
    assert run(*command(tmp_path / "here", metadata, tmp_path / "out", 2)) == 1
    message = capsys.readouterr().err
    assert f"short.wav: {samples} samples, too short" in message and "mixture1" in message


# --- Noise at other speeds ---


def official_speed(path, speed):
    """What the official script has pysndfx do, then written as it writes it."""
    samples, rate = soundfile.read(path)
    raw = "-t f64 -r 44100 -c 1 -"
    words = f"sox -N -V1 {raw} {raw} speed {speed}".split()
    first = samples[:, 0] if samples.ndim > 1 else samples
    done = subprocess.run(words, input=first.tobytes(), capture_output=True, check=True)
    soundfile.write(path.with_name(path.stem + f"sp{speed.replace('.', '')}.wav"), *(
        np.frombuffer(done.stdout), rate,
    ))  # fmt: skip


@needs_sox
def test_augmented_noise_is_made_as_the_official_script_writes_it(here, tmp_path):
    shutil.copytree(here, tmp_path / "disk")
    noise = tmp_path / "disk/wham_noise/tr"
    names = sorted(path.name for path in noise.iterdir())
    # Full scale: resampled, it clips.
    loud = np.sign(corpora.voice(5, 30001)) * 0.999
    for root in (tmp_path / "disk", here):
        corpora.put(root / "wham_noise/tr/loud.wav", np.stack([loud, loud], 1))
    frame = table(here, 2, rows=6)
    frame["noise_path"] = [
        f"tr/{name.removesuffix('.wav')}{speed}.wav"
        for name in (*names, "loud.wav")
        for speed in ("sp08", "sp12")
    ]
    frame["noise_gain"] = 1.0
    for path in sorted(noise.iterdir()):
        official_speed(path, "0.8")
        official_speed(path, "1.2")
    metadata = put_table(frame, tmp_path / "metadata", 2)
    assert run(*command(tmp_path / "disk", metadata, tmp_path / "one", 2)) == 0
    before = corpora.files(here)
    assert run(*command(here, metadata, tmp_path / "two", 2)) == 0
    assert corpora.files(here) == before
    one, two = corpora.files(tmp_path / "one"), corpora.files(tmp_path / "two")
    assert {name: x.replace(b"/one/", b"/two/") for name, x in one.items()} == two
    assert run("simulate", "librimix-noise", "--wham", here / "wham_noise", "--out", tmp_path / "noise") == 0
    written = corpora.files(tmp_path / "noise")
    assert {name: x for name, x in written.items() if name.endswith(".wav")} == {
        f"tr/{path.name}": path.read_bytes() for path in noise.glob("*sp*.wav")
    }
    for path in sorted(noise.glob("*sp*.wav")):
        made = librimix_noise.read_noise(here / "wham_noise", f"tr/{path.name}")
        np.testing.assert_array_equal(made, soundfile.read(path, dtype="float32")[0])


@needs_sox
@pytest.mark.parametrize("speed", ["sp08", "sp12"])
def test_the_length_at_another_speed_is_sox_s(speed):
    factor = librimix_noise.SPEEDS[speed]
    for samples in [*range(48000, 48025), 100003, 123457, 160001]:
        made = librimix_noise.at_speed(np.full(samples, 0.1), factor)
        assert len(made) == librimix_noise.length_at(samples, factor), samples


def test_without_sox_what_to_install_is_said(here, tmp_path, capsys, monkeypatch):
    name = sorted(path.name for path in (here / "wham_noise/tr").iterdir())[0]
    frame = table(here, 2)
    frame.loc[0, "noise_path"] = f"tr/{name.removesuffix('.wav')}sp08.wav"
    metadata = put_table(frame, tmp_path / "metadata", 2)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(*command(here, metadata, tmp_path / "out", 2)) == 1
    message = capsys.readouterr().err
    assert "1 of the noises are not there" in message and "apt-get install sox" in message
    with pytest.raises(SepflowError, match="apt-get install sox"):
        librimix_noise.at_speed(np.zeros(100), librimix_noise.SPEEDS["sp08"])
