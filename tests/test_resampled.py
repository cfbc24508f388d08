"""Mixtures on the fly at another rate than their corpus's: the samples that whole files would give."""

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import resample_poly

from sepflow import corpora
from sepflow.corpora.packed import PackedCorpus
from sepflow.identity import digest
from sepflow.mixes.examples import FixedExamples
from sepflow.mixes.export import export
from sepflow.mixes.mix import Mix, cut_segments, open_mix, write_plan
from sepflow.mixes.resampled import Resampled
from sepflow.simulation.resampling import resample

NATIVE = 16000


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Three speakers and a noise at 16 kHz, of odd lengths."""
    folder, rng = tmp_path_factory.mktemp("recordings"), np.random.default_rng(3)
    for name, samples in {"a/one": 24001, "b/two": 20003, "c/three": 30000, "n/noise": 18001}.items():
        (folder / name).parent.mkdir()
        soundfile.write(folder / f"{name}.wav", 0.1 * rng.standard_normal(samples), NATIVE, subtype="PCM_16")
    return folder


@pytest.fixture(scope="module")
def results(recordings, tmp_path_factory):
    """A results directory with the recordings as a corpus at 16 kHz."""
    out = tmp_path_factory.mktemp("results")
    corpora.build(CORPUS, out / "corpora" / digest(CORPUS), recordings, 1)
    return out


CORPUS = {"kind": "folder", "rate": NATIVE, "splits": {"validation": 0.0, "test": 0.0}}
RECIPE = {"kind": "librimix", "corpus": CORPUS, "noise": CORPUS, "rate": 8000, "split": "train"}
RECIPE |= {"mixtures": 2}


@pytest.fixture(scope="module")
def packed(results):
    return PackedCorpus(results / "corpora" / digest(CORPUS))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 12000), st.integers(1, 4000), st.sampled_from([8000, 12000, 16000, 22050]))
def test_a_window_has_the_samples_of_the_whole(packed, start, length, rate):
    corpus = Resampled(packed, NATIVE, rate)
    whole = resample_poly(packed.read("a-one") * np.float32(0.37), rate, NATIVE)
    assert corpus.samples("a-one") == len(whole) == corpus.manifest.loc["a-one", "samples"]
    start, length = min(start, len(whole) - 1), min(length, len(whole) - min(start, len(whole) - 1))
    window = corpus.read("a-one", start, length, 0.37)
    assert window.dtype == np.float32
    np.testing.assert_array_equal(window, whole[start : start + length])
    np.testing.assert_array_equal(corpus.read("a-one", start, gain=0.37), whole[start:])


@settings(deadline=None, max_examples=200)
@given(
    st.integers(1, 400),
    st.sampled_from([(8000, 16000), (16000, 48000), (16000, 16000), (16000, 8000), (8000, 22050)]),
    st.sampled_from([np.float32, np.float64]),
    st.integers(0, 10**6),
)
def test_our_resampling_is_scipys_bit_by_bit(length, rates, precision, seed):
    samples = np.random.default_rng(seed).standard_normal(length).astype(precision)
    ours, theirs = resample(samples, *rates), resample_poly(samples, *rates)
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)


def faded(noise: np.ndarray, length: int) -> np.ndarray:
    """The cross-fade of 8001 samples, sample by sample, from its definition; of one repetition."""
    assert len(noise) < length < 2 * len(noise) - 8001
    out = np.zeros(2 * len(noise) - 8001)
    out[: len(noise)] = noise
    out[len(noise) - 8001 :] *= 0
    for i in range(8001):
        rising = 0.5 - 0.5 * np.cos(2 * np.pi * i / 16000)
        falling = 0.5 - 0.5 * np.cos(2 * np.pi * (8000 - i) / 16000)
        out[len(noise) - 8001 + i] = noise[len(noise) - 8001 + i] * falling + noise[i] * rising
    out[len(noise) :] = noise[8001:]
    return out[:length]


def plan() -> pd.DataFrame:
    """Two mixtures: noise long enough and cut; noise too short, in a mixture with zeros at its end."""
    rows = [("x", 10002, "b-two", "c-three", 24000), ("y", 15000, "c-three", "a-one", 26000)]
    table = pd.DataFrame(rows, columns=["id", "samples", "utterance_1", "utterance_2", "noise_samples"])
    for k, gain in ((1, -3.0), (2, 1.5)):
        table = table.assign(
            **{f"speaker_{k}": f"s{k}", f"sex_{k}": "f", f"gain_db_{k}": gain, f"offset_{k}": 0}
        )
    table.loc[0, "noise_samples"] = 17000
    return table.assign(noise="n-noise", noise_gain_db=-6.0, offset_noise=0)


@pytest.fixture(scope="module")
def mix(results) -> Mix:
    write_plan(results / "mixes" / digest(RECIPE), plan())
    return open_mix(RECIPE, results)


def expected(recordings, row: int) -> tuple[np.ndarray, np.ndarray]:
    """(sources, noise) of a mixture, from the files alone."""
    line = plan().iloc[row]
    read = {path.stem: soundfile.read(path, dtype="float32")[0] for path in recordings.glob("*/*.wav")}
    sources = np.zeros((2, line["samples"]))
    for k in (1, 2):
        gain = np.float32(10 ** (line[f"gain_db_{k}"] / 20))
        source = resample_poly(read[line[f"utterance_{k}"].split("-")[1]] * gain, 8000, NATIVE)
        count = min(len(source), line["samples"])
        sources[k - 1, :count] = source[:count]
    noise, limit = read["noise"], line["noise_samples"]
    noise = noise[:limit] if limit <= len(noise) else faded(noise, limit)
    noise = resample_poly(noise * np.float32(10 ** (-6 / 20)), 8000, NATIVE)
    padded = np.zeros(line["samples"])
    padded[: len(noise)] = noise[: len(padded)]
    return sources, padded


@pytest.mark.parametrize("row", [0, 1])
def test_a_mixture_is_the_sum_of_its_sources_and_its_noise(mix, recordings, row):
    sources, noise = expected(recordings, row)
    np.testing.assert_allclose(mix.sources(row), sources, atol=1e-7)
    np.testing.assert_allclose(mix.noise(row), noise, atol=1e-7)
    np.testing.assert_allclose(mix.mixture(row), sources.sum(0) + noise, atol=3e-7)
    assert np.ptp(mix.noise(0)[8500:]) == 0  # the noise that was cut is over


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1), st.integers(0, 14000), st.integers(1, 9000))
def test_a_crop_of_a_mixture_lies_in_the_mixture(mix, row, start, length):
    whole = np.pad(mix.mixture(row), (0, 30000))
    cut = mix.mixture(row, start, length)
    inside = max(int(mix.samples[row]) - start, 0)
    np.testing.assert_array_equal(cut[:inside], whole[start : start + length][:inside])


def test_segments_of_a_noisy_mix_have_their_noise(mix):
    pieces = cut_segments(mix.table, 4000)
    cut = Mix(mix.directory, mix.corpus, pieces, mix.noise_corpus)
    for row, (name, start) in enumerate(part.rsplit("-", 1) for part in pieces["id"]):
        whole = mix.mixture(mix.ids.index(name))
        np.testing.assert_array_equal(cut.mixture(row), whole[int(start) : int(start) + 4000])


def test_training_examples_of_a_noisy_mix_hear_the_noise(mix):
    data = {"mix": RECIPE, "first": None, "dynamic": False, "single_speaker": 0.0, "crop": "random"}
    mixture, references = map(FixedExamples(mix, data, 6000, 1, False)[0].get, ("mixture", "references"))
    assert references.shape == (2, 6000)
    assert float((mixture - references.sum(0)).abs().max()) > 0.01


def test_a_rendered_mix_is_the_mix(mix, results, tmp_path):
    export(RECIPE, results, tmp_path / "out", 2)
    for row, name in enumerate(mix.ids):
        signals = {"mix": mix.mixture(row), "noise": mix.noise(row)}
        signals |= {f"s{k + 1}": source for k, source in enumerate(mix.sources(row))}
        for part, samples in signals.items():
            written, rate = soundfile.read(tmp_path / f"out/{part}/{name}.wav", dtype="float32")
            assert rate == 8000
            np.testing.assert_array_equal(written, samples)
    files = {
        str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    }
    (tmp_path / "out/mix/x.wav").unlink()
    export(RECIPE, results, tmp_path / "out", 1)
    assert files == {
        str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    }
