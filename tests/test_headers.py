"""Headers that lie, in every form that speech comes in: what they say is never believed against the file."""

import os
import struct

import numpy as np
import pytest
import soundfile

from rehearsal.spheres import sphere_bytes
from sepflow.errors import SepflowError
from sepflow.files.audio import length, opened, read

COUNT = 16000
SAMPLES = 0.1 * np.random.default_rng(0).standard_normal(COUNT)
CODES = (SAMPLES * 32768).astype(np.int16)
CONTRADICTION = "its header contradicts"


def encoded(tmp_path, form, subtype=None):
    soundfile.write(tmp_path / "good", SAMPLES, 16000, subtype, format=form)
    return (tmp_path / "good").read_bytes()


def patched(data, offset, form, value):
    data = bytearray(data)
    struct.pack_into(form, data, offset, value)
    return bytes(data)


def of_wav(offset, form, value):
    return lambda tmp_path: patched(encoded(tmp_path, "WAV", "PCM_16"), offset, form, value)


def of_aiff(chunk, offset, value):
    def make(tmp_path):
        data = encoded(tmp_path, "AIFF", "PCM_16")
        return patched(data, data.index(chunk) + offset, ">I", value)

    return make


def of_ogg(change):
    return lambda tmp_path: change(encoded(tmp_path, "OGG", "VORBIS"))


def flipped(data):
    return data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 255]) + data[len(data) // 2 + 1 :]


def with_count(count):
    return lambda tmp_path: sphere_bytes(CODES).replace(
        b"sample_count -i 16000", b"sample_count -i %05d" % count
    )


LIES = {
    "8 bits of 16": (of_wav(34, "<H", 8), CONTRADICTION),
    "24 bits of 16": (of_wav(34, "<H", 24), CONTRADICTION),
    "32 bits of 16": (of_wav(34, "<H", 32), CONTRADICTION),
    "2 channels of 1": (of_wav(22, "<H", 2), CONTRADICTION),
    "law of PCM": (of_wav(20, "<H", 7), CONTRADICTION),
    "half of a wav": (of_wav(40, "<I", COUNT), CONTRADICTION),
    "a sample of a wav": (of_wav(40, "<I", 2), CONTRADICTION),
    "half of an aiff": (of_aiff(b"SSND", 4, COUNT + 8), "cut short"),
    "aiff of half": (of_aiff(b"COMM", 10, COUNT // 2), CONTRADICTION),
    "aiff of more": (of_aiff(b"COMM", 10, COUNT + 1), "cut short"),
    "aiff a byte aside": (of_aiff(b"SSND", 8, 1), "cut short"),
    "half of a sphere": (with_count(COUNT // 2), CONTRADICTION),
    "more of a sphere": (with_count(COUNT + 1), "cut short"),
    "ogg cut within its last page": (of_ogg(lambda data: data[:-2]), "cut short"),
    "ogg with a flipped byte": (of_ogg(flipped), "damaged"),
    "two oggs": (of_ogg(lambda data: 2 * data), "several Ogg streams"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_header_that_lies_is_refused(tmp_path, lie):
    make, cause = LIES[lie]
    (tmp_path / "x").write_bytes(make(tmp_path))
    with pytest.raises(SepflowError, match=cause):
        read(tmp_path / "x")


@pytest.mark.parametrize(
    "form", ["WAV", "AIFF", "AU", "W64", "RF64", "NIST", "SVX", "VOC", "AVR", "MAT4", "MPC2K"]
)
def test_where_a_header_says_the_length_a_cut_is_seen(tmp_path, form):
    for channels in (1, 2) if form != "SVX" else (1,):
        samples = np.stack(channels * [SAMPLES], axis=1)
        soundfile.write(tmp_path / "x", samples, 16000, "PCM_16", format=form)
        assert read(tmp_path / "x")[0].shape == samples.shape
        os.truncate(tmp_path / "x", (tmp_path / "x").stat().st_size * 9 // 10)
        with pytest.raises(SepflowError, match="cut short"):
            read(tmp_path / "x")


def test_a_flac_that_was_written_to_a_pipe_is_read(tmp_path):
    data = bytearray(encoded(tmp_path, "FLAC", "PCM_16"))
    data[21] &= 0xF0
    data[22:26] = bytes(4)  # no samples: it did not know
    (tmp_path / "x").write_bytes(data)
    np.testing.assert_array_equal(read(tmp_path / "x")[0], read(tmp_path / "good")[0])
    with opened(tmp_path / "x") as file:
        assert length(file) == COUNT
    (tmp_path / "x").write_bytes(data[: len(data) // 2])
    with pytest.raises(SepflowError, match="does not decode"):
        read(tmp_path / "x")


@pytest.mark.parametrize("size", [0x7FFFF000, 0xFFFFFFFF])
def test_a_wav_that_was_written_to_a_pipe_is_read(tmp_path, size):
    (tmp_path / "x").write_bytes(of_wav(40, "<I", size)(tmp_path))
    assert len(read(tmp_path / "x")[0]) == COUNT


def test_chunks_behind_the_samples_and_padding_are_no_lie(tmp_path):
    data = encoded(tmp_path, "WAV", "PCM_16")
    comment = b"LIST" + struct.pack("<I", 12) + b"INFOICMT\0\0\0\0"
    for behind in (comment, bytes(1000), b"TAG" + bytes(125)):
        (tmp_path / "x").write_bytes(data + behind)
        assert len(read(tmp_path / "x")[0]) == COUNT


@pytest.mark.parametrize("form", soundfile.available_formats())
def test_what_libsndfile_writes_is_no_lie(tmp_path, form):
    refused = {"RAW", "SDS"}  # without a rate, and of whole blocks
    for subtype in set(soundfile.available_subtypes(form)) - {"DWVW_12", "DWVW_16", "DWVW_24", "DWVW_N"}:
        for channels in (1, 2):
            try:
                samples = np.stack(channels * [SAMPLES], axis=1)
                soundfile.write(tmp_path / "x", samples, 16000, subtype, format=form)
                soundfile.info(tmp_path / "x")
            except (soundfile.SoundFileError, TypeError):
                continue
            if form not in refused:
                assert len(read(tmp_path / "x")[0]) >= COUNT
