"""The packed corpus, the manifest's contract, the splits, and the map over processes."""

import math
import multiprocessing
import os
import pickle
import shutil
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sepflow.corpora import build
from sepflow.corpora.digest import folder_digest
from sepflow.corpora.folder import split_speakers
from sepflow.corpora.packed import UNIT, PackedCorpus, level_db, quantise, read_manifest, write_corpus
from sepflow.corpora.parallel import in_order
from sepflow.corpora.splits import deal
from sepflow.errors import SepflowError
from sepflow.files.contracts import MANIFEST_COLUMNS, check_manifest
from sepflow.files.seals import SEAL
from sepflow.results import AUDIO, MANIFEST


def labels(name, speaker="s", split="train", **more):
    return {"id": name, "speaker": speaker, "sex": "", "split": split, "text": "", "path": ""} | more


def noise(name, size=1000, peak=0.3):
    return np.random.default_rng(len(name)).uniform(-peak, peak, size)


def write(out, *rows, peak=0.3):
    signals = {row["id"]: noise(row["id"], 1000 + 10 * place, peak) for place, row in enumerate(rows)}
    write_corpus(out, ((row, *quantise(signals[row["id"]])) for row in rows))
    return signals


@given(arrays(np.float64, st.integers(1, 50), elements=st.floats(-8, 8)))
def test_quantising_never_clips_and_errs_by_half_a_step(samples):
    codes, scale = quantise(samples)
    assert np.abs(codes * scale - samples).max() <= scale / 2 * (1 + 1e-9)
    assert scale == 1 / 32768 or np.abs(codes.astype(int)).max() == 32767


def test_every_16_bit_sample_comes_back_bit_by_bit():
    every = np.arange(-32768, 32768)
    codes, scale = quantise(every / 32768)
    assert scale == 1 / 32768
    np.testing.assert_array_equal(codes, every)


def test_level_of_a_sine_is_3_db_below_its_peak():
    sine = 0.5 * np.sin(2 * np.pi * np.arange(8000) / 80)
    assert level_db(sine) == pytest.approx(20 * math.log10(0.5 / math.sqrt(2)), abs=1e-6)
    assert level_db(*quantise(sine)) == pytest.approx(level_db(sine), abs=1e-3)
    assert level_db(np.zeros(8)) == -math.inf


def test_what_is_written_is_read(tmp_path):
    rows = [labels("007", "1e5"), labels("NA", "NA", text='a, "b"'), labels("x", "é", note="extra")]
    signals = write(tmp_path, *rows, peak=3.0)
    corpus = PackedCorpus(tmp_path)
    assert list(corpus.manifest.index) == ["007", "NA", "x"] and len(corpus) == 3
    assert list(corpus.manifest["speaker"]) == ["1e5", "NA", "é"]
    assert corpus.manifest.loc["NA", "text"] == 'a, "b"'
    assert list(corpus.manifest["note"]) == ["", "", "extra"]
    header = (tmp_path / MANIFEST).read_text().splitlines()[0]
    assert header == ",".join([*MANIFEST_COLUMNS, "note"])
    for name, signal in signals.items():
        assert corpus.read(name).dtype == np.float32
        np.testing.assert_allclose(corpus.read(name), signal, atol=3.1 / 65536)
        np.testing.assert_array_equal(corpus.read(name, 10, 20), corpus.read(name)[10:30])
        np.testing.assert_array_equal(corpus.read(name, 10), corpus.read(name)[10:])


def test_floats_of_the_manifest_round_trip(tmp_path):
    packed = {f"u{peak}": quantise(noise("a", 20, float(peak))) for peak in range(2, 300)}
    write_corpus(tmp_path, ((labels(name), *codes) for name, codes in packed.items()))
    manifest = read_manifest(tmp_path)
    assert manifest["scale"].tolist() == [scale for _, scale in packed.values()]
    assert manifest["level_db"].tolist() == [level_db(*codes) for codes in packed.values()]


def test_windows_outside_of_the_utterance_are_refused(tmp_path):
    write(tmp_path, labels("a"), labels("b"))
    corpus = PackedCorpus(tmp_path)
    for start, length in [(-1, 5), (0, 1001), (1001, None), (990, 11), (5, -1)]:
        with pytest.raises(SepflowError, match="'a', which has 1000"):
            corpus.read("a", start, length)
    with pytest.raises(SepflowError, match="no utterance 'c'"):
        corpus.read("c")


def test_a_corpus_crosses_to_other_processes(tmp_path):
    write(tmp_path, labels("a"), labels("b"))
    corpus = PackedCorpus(tmp_path)
    assert len(pickle.dumps(corpus)) < 500
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(corpus)).read("b"), corpus.read("b"))
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for name, samples in zip("ab", pool.map(corpus.read, "ab"), strict=True):
            np.testing.assert_array_equal(samples, corpus.read(name))


@pytest.mark.parametrize("damage", ["cut", "longer", "gone", "other"])
def test_audio_that_does_not_belong_to_the_manifest_is_refused(tmp_path, damage):
    write(tmp_path, labels("a"), labels("b"))
    audio = tmp_path / AUDIO
    if damage == "cut":
        audio.write_bytes(audio.read_bytes()[:-2])
    elif damage == "longer":
        audio.write_bytes(audio.read_bytes() + b"\0\0")
    elif damage == "gone":
        audio.unlink()
    else:
        table = pd.read_csv(tmp_path / MANIFEST, dtype=str, keep_default_na=False)
        table.iloc[::-1].to_csv(tmp_path / MANIFEST, index=False)
    with pytest.raises(SepflowError, match="do not belong together"):
        PackedCorpus(tmp_path)


def test_no_manifest_stands_for_half_a_corpus(tmp_path):
    write(tmp_path, labels("a"))
    before = (tmp_path / AUDIO).read_bytes()

    def dying():
        yield labels("b"), *quantise(noise("b"))
        raise SepflowError("no more")

    with pytest.raises(SepflowError, match="no more"):
        write_corpus(tmp_path, dying())
    with pytest.raises(SepflowError, match="silent"):
        write_corpus(tmp_path, [(labels("b"), np.zeros(9, np.int16), 1.0)])
    assert sorted(path.name for path in tmp_path.iterdir()) == [AUDIO, MANIFEST, SEAL]
    assert (tmp_path / AUDIO).read_bytes() == before
    with pytest.raises(SepflowError, match="Build this corpus first"):
        PackedCorpus(tmp_path / "elsewhere")
    (tmp_path / MANIFEST).write_text("id,samples\na,many\n")
    with pytest.raises(SepflowError, match="no whole table"):
        PackedCorpus(tmp_path)


def manifest(**columns):
    whole = {"id": ["a", "b"], "speaker": ["s", "t"], "split": ["train", "test"]}
    whole |= {"samples": [9, 9], "level_db": [-20.0, -20.0], "scale": [UNIT, UNIT]}
    whole |= {name: ["", ""] for name in MANIFEST_COLUMNS if name not in whole}
    return pd.DataFrame(whole | columns)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": ["a", "a"]}, "a: another row has this id"),
        ({"speaker": ["s", "s"]}, "speaker 's' is in several splits: test and train"),
        ({"speaker": ["s", ""]}, "b: no speaker"),
        ({"split": ["train", "dev"]}, "b: split is none of"),
        ({"samples": [0, 9]}, "a: no samples"),
        ({"scale": [UNIT, 0.0]}, "b: its scale is no number above 0"),
        ({"level_db": [-20.0, -81.0]}, "b: silent"),
        ({"level_db": [-20.0, math.nan]}, "b: silent"),
    ],
)
def test_the_manifest_contract_names_the_offender(columns, message):
    check_manifest(manifest(), "here")
    check_manifest(manifest().set_index("id"), "here")
    with pytest.raises(SepflowError) as error:
        check_manifest(manifest(**columns), "here")
    assert str(error.value).startswith("here: 1 problem\n") and message in str(error.value)


def test_the_manifest_contract_lists_ten_and_counts_the_rest():
    many = pd.concat([manifest()] * 8, ignore_index=True)
    with pytest.raises(SepflowError, match="14 problems") as error:
        check_manifest(many, "here")
    assert str(error.value).count("another row") == 10 and "... and 4 more" in str(error.value)
    with pytest.raises(SepflowError, match="no column 'scale'"):
        check_manifest(manifest().drop(columns="scale"), "here")
    with pytest.raises(SepflowError, match="no utterances"):
        check_manifest(manifest().head(0), "here")


@given(st.sets(st.text(min_size=1), min_size=3, max_size=30), st.randoms())
def test_speakers_are_dealt_by_name_alone(names, random):
    order = sorted(names)
    random.shuffle(order)
    splits = deal(order, 1, 1)
    assert splits == deal(sorted(names), 1, 1)
    counts = [list(splits.values()).count(split) for split in ("test", "validation", "train")]
    assert counts == [1, 1, len(names) - 2]
    # More test speakers are the same ones and some more.
    assert {name for name in names if splits[name] == "test"} <= {
        name for name, split in deal(order, 0, 2).items() if split == "test"
    }


def test_too_few_speakers_for_the_splits():
    with pytest.raises(SepflowError, match="2 speakers or voices cannot give 1 to test and 1 to validation"):
        deal(["a", "b"], 1, 1)
    assert set(deal(["a", "b"], 1, 1, train=False).values()) == {"test", "validation"}


@given(
    st.sets(st.text("abcdefghij", min_size=1), min_size=3, max_size=120),
    st.integers(1, 40),
    st.integers(1, 40),
)
def test_every_split_has_its_share_of_the_speakers(names, validation, test):
    shares = {"validation": validation / 100, "test": test / 100}
    count = len(names)
    least = 2 if count >= 6 else 1
    expected = [max(-(-share * count // 100), least) for share in (test, validation)]
    if sum(expected) >= count:
        with pytest.raises(SepflowError, match="leave some for train"):
            split_speakers(sorted(names), shares)
        return
    splits = Counter(split_speakers(sorted(names), shares).values())
    assert [splits["test"], splits["validation"]] == expected and splits["train"] == count - sum(expected)


def test_shares_at_the_edges():
    names = ["a", "b", "c"]
    assert set(split_speakers(names, {"validation": 0, "test": 0}).values()) == {"train"}
    assert set(split_speakers(names, {"validation": 0, "test": 1}).values()) == {"test"}
    assert Counter(split_speakers(names, {"validation": 0.5, "test": 0.5}).values()) == {
        "test": 2,
        "validation": 1,
    }
    for shares in ({"validation": 0.6, "test": 0.6}, {"validation": -0.1, "test": 0.1}):
        with pytest.raises(SepflowError, match="not shares of one whole"):
            split_speakers(names, shares)


def test_a_digest_follows_the_files_and_nothing_else(tmp_path):
    root, moved = tmp_path / "raw", tmp_path / "elsewhere"
    for place, name in enumerate(("a/one.wav", "a/two.wav", "b/one.ogg", "c/d/one.FLAC")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x" * place)
    before = folder_digest(root)
    shutil.copytree(root, moved, copy_function=shutil.copyfile)
    os.utime(moved / "a" / "one.wav", (1, 1))
    for name in (".hidden.wav", "readme.txt"):
        (moved / name).touch()
    (moved / "loop").symlink_to(moved)
    assert folder_digest(moved) == before
    seen = {before}
    for change in (
        lambda: (moved / "metadata.csv").write_text("path,speaker\na/one.wav,a\n"),
        lambda: (moved / "metadata.csv").write_text("path,speaker\na/one.wav,b\n"),
        lambda: (moved / "a" / "one.wav").rename(moved / "a" / "ONE.WAV"),
        lambda: (moved / "a" / "two.wav").write_bytes(b"longer"),
        lambda: (moved / "b" / "one.ogg").unlink(),
        lambda: (moved / "e").symlink_to(moved / "a"),
    ):
        change()
        assert folder_digest(moved) not in seen
        seen.add(folder_digest(moved))


def reciprocal(number):
    if number == 0:
        raise SepflowError("zero")
    return 1 / number


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_the_order_of_the_items(jobs):
    assert list(in_order(reciprocal, range(1, 100), jobs)) == [1 / number for number in range(1, 100)]
    with pytest.raises(SepflowError, match="zero"):
        list(in_order(reciprocal, [1, 0, 2], jobs))


def test_a_process_that_dies_is_told():
    with pytest.raises(SepflowError, match="one of 2 processes died"):
        list(in_order(os._exit, [3], 2))


def test_an_unknown_kind_is_refused(tmp_path):
    with pytest.raises(
        SepflowError, match="kind: there is no kind of corpus 'espaek'; did you mean 'espeak'"
    ):
        build({"kind": "espaek"}, tmp_path, None, 1)


def test_a_folder_whose_recording_was_replaced_by_one_of_the_same_size_is_another(tmp_path):
    path = tmp_path / "a" / "x.wav"
    path.parent.mkdir()
    path.write_bytes(bytes(50_000))
    before = folder_digest(tmp_path)
    assert folder_digest(tmp_path) == before
    path.write_bytes(bytes(49_000) + b"\1" * 1000)
    assert folder_digest(tmp_path) != before
