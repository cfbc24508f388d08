"""NIST SPHERE files, as WSJ0 and other corpora of the LDC have them."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from rehearsal.spheres import sphere_bytes, write_sphere
from sepflow.errors import SepflowError
from sepflow.files.audio import opened
from sepflow.files.sphere import header
from sepflow.simulation.inputs import read

CODES = np.random.default_rng(0).integers(-32768, 32768, 5000).astype(np.int16)
SHORTEN = "pcm,embedded-shorten-v2.00"


def codes(path):
    with opened(path) as file:
        return file.read(dtype="int16")


@pytest.mark.parametrize("order", ["01", "10"])
def test_both_byte_orders_come_back_bit_by_bit(tmp_path, order):
    path = write_sphere(tmp_path / "x.wv1", CODES, order=order, utterance_id="01to030v", speaking_mode="a b")
    np.testing.assert_array_equal(codes(path), CODES)
    assert header(path)["sample_byte_format"] == order and header(path)["speaking_mode"] == "a b"
    np.testing.assert_array_equal(read(path), CODES.astype(np.float32) / 32768)


def test_two_channels_stay_two(tmp_path):
    both = np.stack([CODES, CODES[::-1]], axis=1)
    np.testing.assert_array_equal(codes(write_sphere(tmp_path / "x.sph", both)), both)


def test_what_sox_writes(tmp_path):
    if not shutil.which("sox"):
        pytest.skip("no sox")
    soundfile.write(tmp_path / "x.wav", CODES, 16000)
    subprocess.run(["sox", tmp_path / "x.wav", tmp_path / "x.sph"], check=True)
    assert (tmp_path / "x.sph").read_bytes().startswith(b"NIST_1A\n")
    np.testing.assert_array_equal(codes(tmp_path / "x.sph"), CODES)


def test_other_files_read_as_ever(tmp_path):
    soundfile.write(tmp_path / "x.wav", CODES, 16000)
    np.testing.assert_array_equal(codes(tmp_path / "x.wav"), CODES)
    assert header(tmp_path / "x.wav") is None


def test_another_rate_is_refused(tmp_path):
    path = write_sphere(tmp_path / "x.wv1", CODES, rate=8000)
    with pytest.raises(SepflowError, match=r"x\.wv1: 8000 Hz, not the 16000 Hz"):
        read(path)


def test_a_cut_file_is_refused(tmp_path):
    path = tmp_path / "x.wv1"
    path.write_bytes(sphere_bytes(CODES)[:-2])
    with pytest.raises(SepflowError, match=r"x\.wv1: cut short"):
        read(path)
    path.write_bytes(sphere_bytes(CODES)[:100])
    with pytest.raises(SepflowError, match="header has no end"):
        read(path)
    with pytest.raises(SepflowError, match=r"nowhere\.wv1: no such file"):
        read(tmp_path / "nowhere.wv1")


def test_a_compressed_file_without_sph2pipe_says_what_to_get(tmp_path, monkeypatch):
    path = write_sphere(tmp_path / "x.wv1", CODES, sample_coding=SHORTEN)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SepflowError, match=rf"x\.wv1: compressed \({SHORTEN}\).*sph2pipe -f wav"):
        read(path)


def sph2pipe(directory, body):
    """A program of that name which runs `body` with `path`, the file that it is called for."""
    program = directory / "bin" / "sph2pipe"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport sys\nassert sys.argv[1:3] == ['-f', 'wav']\npath = sys.argv[3]\n{body}\n"
    )
    program.chmod(0o755)
    return f"{program.parent}{os.pathsep}{os.environ['PATH']}"


def test_a_compressed_file_is_given_to_sph2pipe(tmp_path, monkeypatch):
    path = write_sphere(tmp_path / "x.wv1", CODES, sample_coding=SHORTEN)
    soundfile.write(tmp_path / "x.wv1.wav", CODES, 16000)
    body = "sys.stdout.buffer.write(open(path + '.wav', 'rb').read())"
    monkeypatch.setenv("PATH", sph2pipe(tmp_path, body))
    np.testing.assert_array_equal(codes(path), CODES)
    soundfile.write(tmp_path / "x.wv1.wav", CODES[:-1], 16000)
    with pytest.raises(SepflowError, match="cut short"):
        read(path)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("sys.exit('no such codec')", "sph2pipe: no such codec"),
        ("print('what')", "what is no WAV"),
        ("", "sph2pipe: exit status 0"),
    ],
)
def test_what_sph2pipe_complains_of_is_handed_on(tmp_path, monkeypatch, body, message):
    path = write_sphere(tmp_path / "x.wv1", CODES, sample_coding=SHORTEN)
    monkeypatch.setenv("PATH", sph2pipe(tmp_path, body))
    with pytest.raises(SepflowError, match=message):
        read(path)
