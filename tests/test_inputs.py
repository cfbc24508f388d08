"""Every kind of bad recording and text, given to every reader: read right, or refused with the cause."""

import csv
import functools
import os
import signal
import struct

import numpy as np
import pytest
import soundfile

from sepflow.applying.streams import inspect
from sepflow.corpora.decode import load, recording, waveform
from sepflow.corpora.layouts.tables import Tables
from sepflow.corpora.listing import list_recordings
from sepflow.errors import SepflowError
from sepflow.files.audio import HIGHEST_RATE, LOWEST_RATE, choose
from sepflow.files.npz import read_arrays
from sepflow.metrics.separation.scores import score_files
from sepflow.simulation import inputs
from sepflow.simulation.librimix.noise import read_noise
from sepflow.simulation.librimix.tables import speakers
from sepflow.simulation.wsj0mix.lists import read_list, read_powers

RATE = inputs.RATE


@pytest.fixture(autouse=True)
def no_hanging():
    """A reader that waits for a pipe is ended, and fails."""

    def end(*_):
        raise TimeoutError("it hangs")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def hiss(seconds=0.5, seed=0):
    return 0.1 * np.random.default_rng(seed).standard_normal(int(seconds * RATE))


def written(path, samples=None, subtype="PCM_16", rate=RATE):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, hiss() if samples is None else samples, rate, subtype)


def patched(path, offset, form, value):
    """A good WAV file with another number in its header."""
    written(path)
    data = bytearray(path.read_bytes())
    struct.pack_into(form, data, offset, value)
    path.write_bytes(data)


def endless_flac(path):
    soundfile.write(path, hiss(), RATE, format="FLAC")
    data = bytearray(path.read_bytes())
    data[21] |= 0x0F
    data[22:26] = b"\xff" * 4
    path.write_bytes(data)


def cut(path, form="WAV"):
    soundfile.write(path, hiss(1.0), RATE, format=form)
    os.truncate(path, path.stat().st_size // 2)


def loop(path):
    path.symlink_to(path.with_name("back"))
    path.with_name("back").symlink_to(path)


SPECIAL = {
    "pipe": (os.mkfifo, "a named pipe"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "a device"),
    "directory": (lambda path: path.mkdir(), "a directory"),
    "link to itself": (lambda path: path.symlink_to(path.name), "leads back to itself"),
    "links in a circle": (loop, "leads back to itself"),
    "dangling link": (lambda path: path.symlink_to("nowhere"), "no such file"),
    "nothing there": (lambda path: None, "no such file"),
}
ABSURD = "NaN or infinite|where 1 is full scale"
RECORDINGS = SPECIAL | {
    "no bytes": (lambda path: path.touch(), "does not decode"),
    "no samples": (lambda path: written(path, np.zeros(0)), "holds no samples"),
    "cut wav": (cut, "cut short"),
    "cut w64": (functools.partial(cut, form="W64"), "cut short"),
    "cut rf64": (functools.partial(cut, form="RF64"), "cut short"),
    "cut aiff": (functools.partial(cut, form="AIFF"), "cut short"),
    "cut au": (functools.partial(cut, form="AU"), "cut short"),
    "cut flac": (functools.partial(cut, form="FLAC"), "does not decode"),
    "cut ogg": (functools.partial(cut, form="OGG"), "cut short"),
    "declares a gigabyte": (lambda path: patched(path, 40, "<I", 1 << 30), "cut short"),
    "declares 2^36 samples": (endless_flac, "does not decode|cut short"),
    "rate 0": (lambda path: patched(path, 24, "<I", 0), "does not decode"),
    "rate 1": (lambda path: patched(path, 24, "<I", 1), "a rate of 1 Hz"),
    "rate 2e9": (lambda path: patched(path, 24, "<I", 2_000_000_000), "a rate of 2000000000 Hz"),
    "no channels": (lambda path: patched(path, 22, "<H", 0), "does not decode"),
    "65535 channels": (lambda path: patched(path, 22, "<H", 65535), "does not decode"),
    "NaN": (lambda path: written(path, np.r_[hiss(), np.nan], "FLOAT"), "NaN or infinite"),
    "infinite": (lambda path: written(path, np.r_[hiss(), -np.inf], "DOUBLE"), "NaN or infinite"),
    "1e305": (lambda path: written(path, np.r_[hiss(), 1e305], "DOUBLE"), ABSURD),
    "1e30": (lambda path: written(path, np.r_[hiss(), -1e30], "FLOAT"), "where 1 is full scale"),
    "text": (lambda path: path.write_text("no audio " * 99), "does not decode"),
    "raw bytes": (lambda path: path.write_bytes(hiss().tobytes()), "does not decode"),
}
BEHIND = ("NaN", "infinite", "1e305", "1e30", "cut flac", "cut ogg", "declares 2^36 samples")
choose_one = functools.partial(choose, channel=None)
READERS = {
    "folder": lambda path: load(path, RATE, choose_one, 0),
    "event": lambda path: recording(path, RATE, "mean"),
    "room response": lambda path: waveform(path, RATE, 0),
    "simulator": inputs.read,
    "noise": lambda path: read_noise(path.parent, path.name, 100),
    "score": lambda path: score_files([path], [path]),
    "separate": lambda path: inspect(path, None),
}


@pytest.mark.parametrize("bad", RECORDINGS)
@pytest.mark.parametrize("reader", READERS)
def test_a_bad_recording_is_refused_with_the_cause(tmp_path, bad, reader):
    make, cause = RECORDINGS[bad]
    path = tmp_path / "x.wav"
    make(path)
    if reader == "noise" and bad in BEHIND:
        pytest.skip("it reads the beginning alone, which is whole")
    with pytest.raises(SepflowError, match=cause):
        READERS[reader](path)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", [b"caf\xe9.wav", "é".encode() + b".wav", b"a\nb.wav", b".wav", b"x.flac"])
def test_a_good_recording_of_any_name_is_read(tmp_path, reader, name):
    written(tmp_path / "x.wav")
    path = tmp_path / os.fsdecode(name)
    (tmp_path / "x.wav").rename(path)
    READERS[reader](path)


def test_raw_samples_are_none_of_a_recording(tmp_path):
    (tmp_path / "x.raw").write_bytes(hiss().tobytes())
    with pytest.raises(SepflowError, match="nothing says their rate"):
        inspect(tmp_path / "x.raw", None)
    for rate in (LOWEST_RATE, HIGHEST_RATE):
        written(tmp_path / "x.wav", rate=rate)
        assert inspect(tmp_path / "x.wav", None).rate == rate


@pytest.mark.parametrize("reader", ["folder", "event"])
@pytest.mark.parametrize("rate", [RATE, 44100])
def test_a_constant_is_nobodys_recording(tmp_path, reader, rate):
    for value, cause in [(0.5, "constant: all samples are about 0.5"), (0.0, "silent")]:
        written(tmp_path / "x.wav", np.full(rate, value), "FLOAT", rate)
        with pytest.raises(SepflowError, match=cause):
            READERS[reader](tmp_path / "x.wav")


# --- text ---------------------------------------------------------------------------------------------------

TABLE = "path,speaker\na/x.wav,anna\nb/y.wav,berta\n"


def test_columns_without_a_name_are_left_out(tmp_path):
    (path := tmp_path / "x.csv").write_text("path,speaker,,\na,anna,,\n")
    assert inputs.read_table(path, {"path": str})[0]["path"] == "a"


def from_metadata(path):
    for name in ("a/x.wav", "b/y.wav"):
        written(path.parent / name)
    rows, problems = list_recordings(path.parent)
    if problems:
        raise SepflowError("\n".join(problems))
    return [(row["path"], row["speaker"]) for row in rows]


def from_table(path):
    return inputs.read_table(path, {"path": inputs.path, "speaker": inputs.text})


def tables(path):
    return Tables(path.parent, [path.name])


TABLES = {  # reader: (the name of its file, a good text, the reader)
    "metadata": ("metadata.csv", TABLE, from_metadata),
    "simulator": ("t.csv", TABLE, from_table),
    "layout": ("t.csv", TABLE, lambda path: list(tables(path).rows("t.csv"))),
}
POWERS = {"x": 0.1, "y": 0.1}
PEOPLE = "; ID | SEX\n1 | F | dev-clean | 8 | anna\n2 | M | dev-clean | 8 | b\n"
TEXTS = TABLES | {
    "list": ("t.txt", "a/x.wav 0.5 b/y.wav -0.5\n", lambda path: read_list(path, 2, POWERS)),
    "powers": ("t.txt", "x 0.1\ny 0.2\n", lambda path: read_powers(path.parent)),
    "speakers": ("t.txt", PEOPLE, speakers),
    "transcripts": ("t.txt", "x ANNA\ny BERTA\n", lambda path: tables(path).pairs("t.txt")),
}
ENCODED = {
    "Latin-1": (lambda text: "é".encode("latin-1") + text.encode(), "line 1: not UTF-8 .byte 0xe9"),
    "Latin-1 below": (lambda text: text.encode() + "\né".encode("latin-1"), r"line \d: not UTF-8"),
    "UTF-16": (lambda text: text.encode("utf-16"), "UTF-16, not UTF-8"),
    "UTF-32": (lambda text: text.encode("utf-32"), "UTF-32, not UTF-8"),
    "UTF-16 unmarked": (lambda text: text.encode("utf-16-le"), "line 1: a NUL"),
    "NUL": (lambda text: text.encode() + b"\0", r"line \d: a NUL"),
    "empty": (lambda text: b"", "no lines|no rows|no column|no tables"),
}


@pytest.mark.parametrize("reader", [*TEXTS, "arrays"])
@pytest.mark.parametrize("bad", [name for name in SPECIAL if name not in ("nothing there", "dangling link")])
def test_what_is_no_file_is_no_text(tmp_path, reader, bad):
    make, cause = SPECIAL[bad]
    name, _, read = TEXTS.get(reader, ("t.npz", "", read_arrays))
    make(tmp_path / name)
    with pytest.raises(SepflowError, match=f"{name}: .*{cause}"):
        read(tmp_path / name)


@pytest.mark.parametrize("reader", TEXTS)
@pytest.mark.parametrize("bad", ENCODED)
def test_text_in_another_encoding_is_refused_by_line(tmp_path, reader, bad):
    encode, cause = ENCODED[bad]
    if bad == "empty" and reader in ("transcripts", "layout"):
        pytest.skip("no transcripts: the layout says of which recordings")
    name, text, read = TEXTS[reader]
    (tmp_path / name).write_bytes(encode(text))
    with pytest.raises(SepflowError, match=cause):
        read(tmp_path / name)


@pytest.mark.parametrize("reader", TEXTS)
@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.rstrip("\n"),
        lambda text: text + "\n \n",
    ],
    ids=["byte order mark", "Windows", "old Mac", "no last line end", "blank lines"],
)
def test_marks_and_line_ends_change_nothing(tmp_path, reader, change):
    name, text, read = TEXTS[reader]
    found = []
    for content in (text, change(text)):
        (tmp_path / name).write_bytes(content.encode())
        found.append(read(tmp_path / name))
    assert found[0] == found[1] and len(found[0]) >= 1


@pytest.mark.parametrize("reader", TABLES)
@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("path,speaker\na/x.wav\n", "line 2: 1 cells where line 1 names 2 columns"),
        ("path,speaker\na/x.wav,anna,b\n", "line 2: 3 cells where line 1 names 2 columns"),
        ('path,speaker\na/x.wav,"anna\nb/y.wav,berta\n', "line 3: not CSV"),
        ('path,speaker\n"a/x.wav"x,anna\n', "line 2: not CSV"),
        (f"path,speaker\na/x.wav,{'a' * csv.field_size_limit()}a\n", "line 2: not CSV .field larger"),
        ("path,speaker,speaker\na/x.wav,anna,anna\n", "line 1: twice the column speaker"),
    ],
)
def test_a_table_that_is_no_table_is_refused_by_line(tmp_path, reader, text, cause):
    name, _, read = TABLES[reader]
    (tmp_path / name).write_text(text)
    with pytest.raises(SepflowError, match=cause):
        read(tmp_path / name)


def test_a_column_that_a_published_table_has_not_is_told(tmp_path):
    (tmp_path / "t.csv").write_text(TABLE)
    _, cells = next(Tables(tmp_path, ["t.csv"]).rows("t.csv"))
    with pytest.raises(SepflowError, match="t.csv line 1: no column 'sex'"):
        cells["sex"]
