"""Anybody's recordings as a corpus, and everything that can be wrong with them."""

import csv
import math
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sepflow.corpora import build
from sepflow.corpora.digest import folder_digest
from sepflow.corpora.listing import list_recordings
from sepflow.corpora.packed import PackedCorpus
from sepflow.errors import SepflowError
from sepflow.results import AUDIO, MANIFEST

REPOSITORY = Path(__file__).parents[1]
RATE = 8000


def tone(frequency=440.0, rate=RATE, seconds=1.0, peak=0.5, channels=1):
    wave = peak * np.sin(2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate)
    return np.stack([wave] * channels, axis=1).squeeze()


def put(path, samples=None, rate=RATE, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone(rate=rate) if samples is None else samples, rate, **options)


def tree(root, speakers="abcd", files=("one.wav", "two.wav")):
    for place, speaker in enumerate(speakers):
        for name in files:
            put(root / speaker / name, tone(200 + 100 * place))
    return root


def metadata(root, *rows, header="path,speaker", start=""):
    (root / "metadata.csv").write_text(start + "\n".join([header, *rows]) + "\n", encoding="utf-8")


def made(root, out=None, jobs=1, **recipe):
    out = out or root.parent / "corpus"
    build({"kind": "folder", "rate": RATE, "digest": folder_digest(root)} | recipe, out, root, jobs)
    return PackedCorpus(out)


def complaint(root, **recipe):
    with pytest.raises(SepflowError) as error:
        made(root, **recipe)
    assert not (root.parent / "corpus" / MANIFEST).exists() and not (root.parent / "corpus" / AUDIO).exists()
    return str(error.value)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


def test_one_directory_a_speaker(root):
    tree(root, files=("one.wav", "deep/er/two.flac", ".hidden.wav", "notes.txt.ogg"))
    (root / "a" / "readme.txt").write_text("no audio")
    manifest = made(root).manifest
    assert Counter(manifest["speaker"]) == dict.fromkeys("abcd", 3)
    assert {"a-one", "a-deep-er-two", "a-notes.txt"} < set(manifest.index)
    splits = manifest.groupby("split")["speaker"].nunique()
    assert splits.to_dict() == {"test": 1, "train": 2, "validation": 1}
    assert manifest.loc["a-deep-er-two", "path"] == "a/deep/er/two.flac"


def test_16_bit_files_at_the_working_rate_come_back_bit_by_bit(root):
    codes = np.random.default_rng(0).integers(-32768, 32768, 8000).astype(np.int16)
    put(root / "a" / "x.wav", codes)
    put(root / "a" / "y.flac", codes)
    corpus = made(tree(root, "bc"))
    for name in ("a-x", "a-y"):
        np.testing.assert_array_equal(corpus.read(name) * 32768, codes)


@pytest.mark.parametrize("rate", [11025, 16000, 44100, 48000])
def test_resampling_keeps_a_tone_and_removes_what_would_alias(root, rate):
    put(root / "a" / "low.wav", tone(1000, rate, 2.0), rate, subtype="FLOAT")
    put(root / "a" / "mixed.wav", tone(1000, rate, 2.0) + tone(5000, rate, 2.0, 0.3), rate)
    corpus = made(tree(root, "bc"))
    expected = tone(1000, RATE, 2.0)
    for name in ("a-low", "a-mixed"):
        assert len(corpus.read(name)) == pytest.approx(16000, abs=1)
        middle = slice(1000, 15000)
        np.testing.assert_allclose(corpus.read(name)[middle], expected[middle], atol=2e-4)


def test_loud_audio_is_scaled_not_clipped(root):
    put(root / "a" / "x.wav", tone(peak=3.0), subtype="FLOAT")
    # A square wave within full scale: band-limited, it overshoots.
    put(root / "a" / "y.wav", np.sign(tone(100, 48000) + 1e-9) * 0.999, 48000)
    corpus = made(tree(root, "bc"))
    np.testing.assert_allclose(corpus.read("a-x"), tone(peak=3.0), atol=1e-4)
    assert corpus.read("a-y").max() > 1.05 and corpus.manifest.loc["a-y", "scale"] > 1 / 32768
    assert corpus.manifest.loc["a-x", "level_db"] == pytest.approx(
        20 * math.log10(3 / math.sqrt(2)), abs=1e-3
    )


def test_metadata_in_any_order_with_anything_else(root):
    for place, name in enumerate(("x/1.wav", "x/2.wav", "y.wav", "z.ogg", "unlisted.wav")):
        put(root / name, tone(200 + 100 * place))
    metadata(
        root,
        'hello,train,./x/1.wav,007,Male,"1,5",q',
        "",
        "NA,dev,y.wav,1e3,F,,q",
        "nul,eval,z.ogg,NA,,3,q",
        '"two\nlines",train,x/2.wav,007,m,4,q',
        header=" text,split,path ,speaker,sex,mark,offset",
        start="\ufeff",
    )
    manifest = made(root).manifest
    assert list(manifest.index) == ["x-1", "x-2", "y", "z"]
    assert list(manifest["speaker"]) == ["007", "007", "1e3", "NA"]
    assert list(manifest["sex"]) == ["m", "m", "f", ""]
    assert list(manifest["split"]) == ["train", "train", "validation", "test"]
    assert list(manifest["text"]) == ["hello", "two lines", "NA", "nul"]
    assert list(manifest["mark"]) == ["1,5", "4", "", "3"]
    assert list(manifest["metadata_offset"]) == ["q"] * 4
    assert list(manifest["path"]) == ["x/1.wav", "x/2.wav", "y.wav", "z.ogg"]


def test_the_number_of_jobs_changes_nothing(root, tmp_path):
    for place, name in enumerate("abcdefgh"):
        put(root / name / "x.wav", tone(200 + place, 44100, 0.2 * (place + 1)), 44100)
    for jobs in (1, 2):
        made(root, tmp_path / str(jobs), jobs)
    for name in (AUDIO, MANIFEST):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_short_files_are_left_out_and_counted(root, caplog):
    tree(root)
    put(root / "a" / "short.wav", tone(seconds=0.49))
    put(root / "b" / "empty.wav", np.zeros(0))
    assert len(made(root).manifest) == 8
    assert "left out 2 of 10 files, shorter than 0.5 s" in caplog.text
    shutil.rmtree(root.parent / "corpus")
    assert "b/empty.wav: holds no samples" in complaint(root, min_seconds=0)
    assert "no utterances" in complaint(root, min_seconds=2)


def test_channels(root):
    tree(root)
    left, right = tone(350), tone(750)
    put(root / "a" / "stereo.wav", np.stack([left, right], axis=1))
    assert "a/stereo.wav: 2 channels (set `channel: mean`" in complaint(root)
    message = complaint(root, channel=1)
    assert "8 problems" in message and "a/one.wav: no channel 1: it has 1" in message
    for channel, expected in [(0, left), ("mean", (left + right) / 2)]:
        np.testing.assert_allclose(made(root, channel=channel).read("a-stereo"), expected, atol=1e-4)


def test_ids_keep_the_extension_only_where_it_tells(root):
    tree(root, files=("one.wav", "one.flac", "two.wav"))
    assert {"a-one.wav", "a-one.flac", "a-two"} < set(made(root).manifest.index)
    shutil.rmtree(root.parent / "corpus")
    put(root / "a-x" / "y.wav")
    put(root / "a" / "x-y.wav")
    assert "has the same id as a-x/y.wav, 'a-x-y'" in complaint(root)


def test_all_bad_files_are_listed_together(root):
    tree(root)
    hiss = np.random.default_rng(0).uniform(-0.3, 0.3, 40000)
    for name in ("cut.wav", "cut.flac", "cut.ogg"):
        put(root / "a" / name, hiss)
        os.truncate(root / "a" / name, (root / "a" / name).stat().st_size * 3 // 5)
    (root / "b" / "text.wav").write_text("no audio at all " * 20)
    (root / "b" / "nothing.ogg").touch()
    (root / "b" / "dangling.wav").symlink_to(root / "nowhere.wav")
    put(root / "c" / "zeros.wav", np.zeros(8000))
    put(root / "c" / "faint.wav", tone(peak=1e-4), subtype="FLOAT")
    put(root / "c" / "nan.wav", np.where(np.arange(8000) == 7, np.nan, tone()), subtype="FLOAT")
    put(root / "c" / "inf.wav", np.where(np.arange(8000) == 7, np.inf, tone()), subtype="FLOAT")
    put(root / "lost.wav")
    for jobs in (1, 2):
        with pytest.raises(SepflowError) as error:
            made(root, jobs=jobs)
        lines = str(error.value).splitlines()
        assert lines[0] == f"{root}: 11 problems" and len(lines) == 13
        assert lines[1].startswith("  lost.wav: beside the speakers' directories")
        told = dict(line.strip().split(": ", 1) for line in lines[1:11])
        assert told["a/cut.wav"].startswith("cut short") and told["a/cut.ogg"].startswith("cut short")
        for name in ("a/cut.flac", "b/text.wav", "b/nothing.ogg"):
            assert told[name].startswith("does not decode ("), told[name]
        assert told["b/dangling.wav"] == "no such file"
        assert told["c/faint.wav"] == "silent (below -80 dB)"
        assert told["c/nan.wav"] == told["c/inf.wav"] == "holds NaN or infinite samples"
        assert lines[11] == "  ... and 1 more" and "Mend" in lines[12]


def test_a_wav_written_to_a_pipe_declares_no_length(root):
    tree(root)
    put(root / "a" / "pipe.wav", subtype="PCM_16")
    data = bytearray((root / "a" / "pipe.wav").read_bytes())
    data[4:8] = data[40:44] = b"\xff" * 4
    (root / "a" / "pipe.wav").write_bytes(data)
    np.testing.assert_allclose(made(root).read("a-pipe"), tone(), atol=1 / 32768)


def test_all_bad_rows_are_listed_together(root):
    for name in "abcdefgh":
        put(root / f"{name}.wav")
    (root / "note.mp3").touch()
    metadata(
        root,
        "a.wav,s,m,train",
        "missing.wav,s,m,train",
        "b.wav,,m,train",
        "a.wav,s,m,train",
        "../raw/c.wav,s,m,train",
        f"{root}/d.wav,s,m,train",
        "e.wav,s,x,train",
        "f.wav,s,m,dove",
        "g.wav,s,m",
        "note.mp3,s,m,train",
        ",s,m,train",
        "h.wav,s,m,test",
        header="path,speaker,sex,split",
    )
    _, problems = list_recordings(root)
    escape = "leads out of the directory (paths are relative to that of metadata.csv)"
    assert problems == [
        "metadata.csv line 3: missing.wav: no such file",
        "metadata.csv line 4: b.wav: no speaker",
        "metadata.csv line 5: a.wav: listed before, in line 2",
        f"metadata.csv line 6: ../raw/c.wav: {escape}",
        f"metadata.csv line 7: {root}/d.wav: {escape}",
        "metadata.csv line 8: e.wav: sex 'x' is none of m, f, empty",
        "metadata.csv line 9: f.wav: split 'dove' is none of train, validation, test",
        "metadata.csv line 10: 3 cells where line 1 names 4 columns",
        "metadata.csv line 11: note.mp3: none of .wav, .flac, .ogg",
        "metadata.csv line 12: no path",
    ]
    message = complaint(root)
    assert "11 problems" in message and "... and 1 more" in message
    metadata(root, "a.wav,s,train", "b.wav,t,test", "h.wav,s,test", header="path,speaker,split")
    assert "speaker 's' is in several splits: test and train" in complaint(root)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"file,speaker\na/one.wav,a\n", "line 1: no column path; it has file, speaker"),
        (b"path;speaker\na/one.wav;a\n", "line 1: no column path, speaker; it has path;speaker"),
        (b"path,speaker,path\n", "line 1: twice the column path"),
        (b"", "line 1: no column path, speaker; it has none"),
        (b"path,speaker\n\xff.wav,a\n", "not UTF-8"),
        (b'path,speaker\na/one.wav,"a\n', "line 2: not CSV"),
        (b"path,speaker\n", "no utterances"),
    ],
)
def test_metadata_that_cannot_be_read(root, text, message):
    tree(root)
    (root / "metadata.csv").write_bytes(text)
    assert message in complaint(root)


def test_directories_that_are_none(root):
    with pytest.raises(SepflowError, match="no audio in it"):
        folder_digest(root)
    with pytest.raises(SepflowError, match="no such directory"):
        folder_digest(root / "nowhere")
    with pytest.raises(SepflowError, match="needs to know where it lies"):
        build({"kind": "folder", "rate": RATE}, root / "out", None, 1)
    tree(root)
    with pytest.raises(SepflowError, match="changed since this corpus was planned"):
        made(root, digest="0" * 64)


def test_names_that_no_manifest_can_hold(root):
    tree(root)
    shutil.copy(root / "a" / "one.wav", os.fsencode(root / "a") + b"/caf\xe9.wav")
    shutil.copy(root / "a" / "one.wav", root / "a" / "line\nbreak.wav")
    message = complaint(root)
    assert r"'a/caf\udce9.wav': not UTF-8" in message and r"'a/line\nbreak.wav': not UTF-8, or" in message


def test_a_real_corpus_lists_without_a_problem():
    speech = REPOSITORY.parent / "shared" / "data" / "speech"
    if not (speech / "metadata.csv").is_file():
        pytest.skip(f"no corpus of real speech at {speech}")
    rows, problems = list_recordings(speech)
    with (speech / "metadata.csv").open(encoding="utf-8", newline="") as file:
        listed = {row["path"]: row for row in csv.DictReader(file)}
    assert not problems and len(rows) == len(listed)
    assert all(listed[row["path"]]["speaker"] == row["speaker"] for row in rows)
    assert len({row["id"] for row in rows}) == len(rows)
