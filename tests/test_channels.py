"""Corpora of several channels: packed, read, resampled and refused; mono ones stay what they were."""

import hashlib
import math
import pickle

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from corpora_on_disk import RATE, put, write
from sepflow.corpora import build
from sepflow.corpora.digest import folder_digest
from sepflow.corpora.layouts import corpus_digest
from sepflow.corpora.packed import PackedCorpus, level_db, quantise, write_corpus
from sepflow.errors import SepflowError
from sepflow.files.contracts import MANIFEST_COLUMNS, check_manifest
from sepflow.identity import digest
from sepflow.mixes.mix import open_corpora
from sepflow.mixes.resampled import Resampled
from sepflow.mixes.speakers.mixtures import decide
from sepflow.planning import plan
from sepflow.results import AUDIO, MANIFEST

MONO = "40c06569"  # of audio, manifest and seal, as they were before there were channels


def hiss(samples, channels, seed=0, peak=0.3):
    return np.random.default_rng(seed).uniform(-peak, peak, (samples, channels))


def record(root, name, samples, rate=RATE, **options):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(root / name, samples, rate, **options)


@pytest.fixture
def root(tmp_path):
    """Four recordings of two channels, 16 bits, the second quieter."""
    for place, speaker in enumerate("abcd"):
        record(tmp_path / "raw", f"{speaker}/one.wav", hiss(6001 + place, 2, place) * [1, 0.1])
    return tmp_path / "raw"


def recipe_of(root, **keys):
    recipe = {"kind": "folder", "rate": RATE} | keys
    return recipe | {"digest": corpus_digest(recipe, root) if "layout" in keys else folder_digest(root)}


def made(root, out="corpus", **keys):
    build(recipe_of(root, **keys), root.parent / out, root, 1)
    return PackedCorpus(root.parent / out)


def complaint(root, **keys):
    with pytest.raises(SepflowError) as error:
        made(root, **keys)
    assert not (root.parent / "corpus" / MANIFEST).exists()
    return str(error.value)


def labels(name):
    return {"id": name, "speaker": name, "sex": "", "split": "train", "text": "", "path": ""}


def test_channels_lie_side_by_side_and_the_manifest_says_so(root):
    corpus = made(root, channels=2)
    header = (corpus.directory / MANIFEST).read_text().splitlines()[0].split(",")
    assert header == [*MANIFEST_COLUMNS[:5], "channels", *MANIFEST_COLUMNS[5:]]
    assert set(corpus.manifest["channels"]) == {"2"} and corpus.channels == 2
    lengths = [corpus.samples(name) for name in corpus.manifest.index]
    assert list(corpus.manifest["samples"]) == lengths == [6001, 6002, 6003, 6004]
    codes = np.fromfile(corpus.directory / AUDIO, "<i2").reshape(-1, 2)
    for name, offset, samples in zip(
        corpus.manifest.index, corpus.manifest["offset"], corpus.manifest["samples"], strict=True
    ):
        raw, _ = soundfile.read(root / f"{name[0]}/one.wav", dtype="int16")
        np.testing.assert_array_equal(codes[offset : offset + samples], raw)
        read = corpus.read(name)
        assert read.shape == (2, samples) and read.dtype == np.float32 and read.flags.c_contiguous
        np.testing.assert_array_equal(read, raw.T * np.float32(1 / 32768))
        np.testing.assert_array_equal(corpus.read(name, 7, 50, 0.5), read[:, 7:57] * np.float32(0.5))
        np.testing.assert_array_equal(corpus.read(name, 7), read[:, 7:])
    with pytest.raises(SepflowError, match="samples 6000 to 6002 of 'a-one', which has 6001"):
        corpus.read("a-one", 6000, 2)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(corpus)).read("b-one"), corpus.read("b-one"))


@given(arrays(np.float64, st.tuples(st.integers(1, 30), st.integers(2, 4)), elements=st.floats(-8, 8)))
def test_one_scale_and_one_level_of_all_channels(samples):
    codes, scale = quantise(samples)
    assert codes.shape == samples.shape and isinstance(scale, float)
    assert np.abs(codes * scale - samples).max() <= scale / 2 * (1 + 1e-9)
    assert scale == 1 / 32768 or np.abs(codes.astype(int)).max() == 32767
    assert level_db(codes, scale) == level_db(codes.ravel(), scale)


@settings(deadline=None, max_examples=20)
@given(st.integers(2, 5), st.integers(1, 40), st.floats(0.1, 4.0))
def test_what_is_written_is_read(tmp_path_factory, channels, samples, peak):
    out = tmp_path_factory.mktemp("corpus")
    signals = {f"u{k}": hiss(samples + k, channels, k, peak) for k in range(3)}
    write_corpus(out, ((labels(name), *quantise(signal)) for name, signal in signals.items()))
    corpus = PackedCorpus(out, out.name)
    for name, signal in signals.items():
        assert corpus.read(name).shape == (channels, len(signal))
        np.testing.assert_allclose(corpus.read(name).T, signal, atol=0.6 * max(peak, 1) / 32767)


@pytest.mark.parametrize("rate", [RATE, 11025])
def test_a_channel_is_what_a_mono_corpus_has_of_it(root, rate):
    both = made(root, "both", channels=2, rate=rate)
    for channel in (0, 1):
        one = made(root, "one", channel=channel, rate=rate)
        assert one.channels == 1 and "channels" not in one.manifest
        for name in one.manifest.index:
            np.testing.assert_array_equal(both.read(name)[channel], one.read(name))


def test_levels_of_channels_stay_apart_where_one_is_too_loud_for_16_bits(root):
    loud = hiss(6000, 2, 9, peak=3.0) * [1, 0.01]
    record(root, "e/one.wav", loud, subtype="FLOAT")
    corpus = made(root, channels=2)
    np.testing.assert_allclose(corpus.read("e-one").T, loud, atol=3 / 65000)
    assert corpus.manifest.loc["e-one", "level_db"] == pytest.approx(level_db(loud), abs=0.01)


def test_a_recording_with_fewer_or_more_channels_is_refused_by_name(root):
    record(root, "a/mono.wav", hiss(6000, 1))
    record(root, "b/four.wav", hiss(6000, 4))
    message = complaint(root, channels=2)
    assert "2 problems" in message
    assert "a/mono.wav: 1 channel, and `channels: 2` wants 2" in message
    assert "b/four.wav: 4 channels, and `channels: 2` does not say which of them" in message
    assert "b/four.wav: 4 channels" in (four := complaint(root)) and "5 problems" in four  # mono, as ever
    assert "say one" in complaint(root, channels=2, channel=0)


def test_of_more_channels_those_are_kept_that_a_layout_says(tmp_path):
    root = tmp_path / "sins"
    names = [f"audio/DevNode1_ex{session}_{segment}.wav" for session in range(5) for segment in range(2)]
    put(root, *names, channels=4)
    write(root, "meta.txt", *(f"{name}\tother\tx" for name in names))
    four = made(root, "four", layout="sins", channels=4)
    two = made(root, "two", layout="sins", channels=2)
    np.testing.assert_array_equal(two.read("DevNode1_ex0_1"), four.read("DevNode1_ex0_1")[:2])
    assert "4 channels, and `channels: 5` wants 5" in complaint(root, layout="sins", channels=5)
    put(root, names[0], channels=6)
    assert "6 channels, and `channels: 5` does not say" in complaint(root, layout="sins", channels=5)


def test_all_channels_together_are_silent_or_constant(root):
    record(root, "a/half.wav", hiss(6000, 2) * [1, 0])  # a dead channel beside a live one stays
    assert made(root, channels=2).read("a-half")[1].any() == 0
    record(root, "b/silent.wav", np.zeros((6000, 2)))
    record(root, "c/still.wav", np.ones((6000, 2)) * [0.25, -0.5], subtype="FLOAT")
    with pytest.raises(SepflowError) as error:
        made(root, channels=2)
    assert "b/silent.wav: silent (below -80 dB)" in str(error.value)
    assert "c/still.wav: constant: all samples are about 0.25, -0.5 (a dead channel)" in str(error.value)


def test_a_column_of_that_name_in_metadata_is_somebodys_own(root):
    rows = ["path,speaker,channels", *(f"{x}/one.wav,{x},stereo" for x in "abcd")]
    (root / "metadata.csv").write_text("\n".join(rows) + "\n")
    mono = made(root, "mono", channel=0)
    assert list(mono.manifest.columns)[-1] == "channels" and set(mono.manifest["channels"]) == {"stereo"}
    assert mono.channels == 1 and mono.read("a-one").shape == (6001,)
    both = made(root, "both", channels=2)
    assert set(both.manifest["channels"]) == {"2"} and set(both.manifest["metadata_channels"]) == {"stereo"}
    assert both.channels == 2 and both.read("a-one").shape == (2, 6001)


@pytest.mark.parametrize("channels", [["2", "3"], ["1", "1"], ["2.5", "2.5"], ["x", "x"], ["2", ""]])
def test_the_contract_names_a_row_of_other_channels(channels):
    table = {name: ["", ""] for name in MANIFEST_COLUMNS} | {"id": ["a", "b"], "speaker": ["s", "t"]}
    table |= {"split": ["train"] * 2, "samples": [9, 9], "scale": [1.0, 1.0], "level_db": [-20.0, -20.0]}
    manifest = pd.DataFrame(table)
    check_manifest(manifest.assign(channels=["stereo", ""]), "here")  # behind `path`: of metadata.csv
    manifest.insert(5, "channels", channels)
    with pytest.raises(
        SepflowError, match="its channels are not those of the first row, or no number above 1"
    ):
        check_manifest(manifest, "here")


def test_a_mono_recording_among_others_breaks_the_contract(tmp_path):
    stream = [(labels("a"), *quantise(hiss(9, 2))), (labels("b"), *quantise(hiss(9, 1)[:, 0]))]
    with pytest.raises(SepflowError, match="b: its channels are not those of the first row"):
        write_corpus(tmp_path, stream)
    assert not (tmp_path / MANIFEST).exists()


@pytest.mark.parametrize("cut", [-2, -4, "half"])
def test_audio_of_another_length_is_refused(root, cut):
    corpus = made(root, channels=2)
    audio = corpus.directory / AUDIO
    data = audio.read_bytes()
    audio.write_bytes(data[: len(data) // 2 if cut == "half" else cut])  # half: as long as a mono corpus
    with pytest.raises(SepflowError, match="do not belong together"):
        PackedCorpus(corpus.directory)
    audio.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(SepflowError, match="damaged or replaced"):
        PackedCorpus(corpus.directory, "corpus")


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 4000), st.integers(1, 2000), st.sampled_from([4000, 6000, 8000, 11025]), st.booleans())
def test_at_another_rate_each_channel_is_what_it_is_alone(tmp_path_factory, start, length, rate, longer):
    out = tmp_path_factory.mktemp("corpora")
    codes = quantise(hiss(9001, 2))[0]
    write_corpus(out / "both", [(labels("u"), codes, 1 / 32768)])
    both = Resampled(PackedCorpus(out / "both"), RATE, rate)
    assert both.channels == 2
    limit = 12000 if longer else None
    window = both.read("u", start, length, 0.7, limit)
    assert window.shape[0] == 2 and both.samples("u") == math.ceil(9001 * rate / RATE)
    for channel in range(2):
        write_corpus(out / "one", [(labels("u"), codes[:, channel], 1 / 32768)])
        one = Resampled(PackedCorpus(out / "one"), RATE, rate)
        np.testing.assert_array_equal(window[channel], one.read("u", start, length, 0.7, limit))


def test_mixes_of_one_channel_refuse_such_a_corpus(checkout, root, tmp_path):
    scale = checkout.root / "config/scales/tiny.yaml"
    content = yaml.safe_load(scale.read_text())
    content["corpora"]["speech"] |= {"channels": 2}
    scale.write_text(yaml.safe_dump(content))
    config = {"scale": "tiny", "papers": ["ts_mixit"], "corpora": {"speech": str(root)}}
    with pytest.raises(SepflowError, match=r"ts_mixit.yaml: mixes.\w+: corpus: a corpus of 2 channels, and"):
        plan.load(config, checkout.root)
    recipe = {"kind": "speakers", "corpus": recipe_of(root, channels=2), "split": "train"}
    for read in (decide, open_corpora):
        with pytest.raises(
            SepflowError, match=f"mix {digest(recipe)}: corpus: a corpus of 2 channels.*`channel`"
        ):
            read(recipe, tmp_path)


@pytest.mark.parametrize(
    ("keys", "said"),
    [({"channels": 1}, "channels: 1 is less than the minimum of 2"), ({"channels": "2"}, "channels: '2'"),
     ({"channels": 2, "channel": None}, "speech: channel, beside channels: .* say one")],
)  # fmt: skip
def test_channels_in_a_scale(checkout, root, keys, said):
    scale = checkout.root / "config/scales/tiny.yaml"
    content = yaml.safe_load(scale.read_text())
    content["corpora"]["speech"] |= keys
    scale.write_text(yaml.safe_dump(content))
    with pytest.raises(SepflowError, match=f"tiny.yaml: corpora.{said}|corpora.speech.{said}"):
        plan.load({"scale": "tiny", "papers": ["ts_mixit"], "corpora": {"speech": str(root)}}, checkout.root)


def mono_folder(root):
    for place, speaker in enumerate("abcd"):
        time = np.arange(4800 + place) / RATE
        record(root, f"{speaker}/one.wav", np.round(8000 * np.sin(2 * np.pi * 250 * time)) / 32768)
    return root


def test_a_mono_corpus_is_byte_for_byte_what_it_was(tmp_path):
    corpus = made(mono_folder(tmp_path / "raw"))
    contents = [(corpus.directory / name).read_bytes() for name in (AUDIO, MANIFEST, "seal.json")]
    assert hashlib.sha256(b"".join(contents)).hexdigest()[:8] == MONO
