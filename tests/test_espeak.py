"""The synthesised corpus: who says what, and that the samples are the same everywhere."""

import hashlib
import os
import shutil
from pathlib import Path

import espeakng_loader
import numpy as np
import pytest

from sepflow.corpora import build, synthesiser
from sepflow.corpora.espeak import decide, render
from sepflow.corpora.packed import PackedCorpus
from sepflow.corpora.synthesiser import check_variants, synthesise
from sepflow.corpora.voices import ACCENTS, LEFT_OUT, MATRIX, VARIANTS
from sepflow.errors import SepflowError
from sepflow.results import AUDIO, MANIFEST

RATE = 8000
ALL = {"kind": "espeak", "rate": RATE, "variants": 94, "utterances": 12, "recipe": 2}
ALL["splits"] = {"validation": 6, "test": 10}
SMALL = ALL | {"variants": 4, "utterances": 2, "splits": {"validation": 1, "test": 1}}

# The first 16 digits of the SHA-256 of the int16 samples. Should they change, so does every result that
# was made of them: raise RECIPES["espeak"]. Alicia and victor are breathy (noise), klatt4 is a Klatt voice.
FROZEN = {
    "Alicia-high-003": "be4e37ea1d35242f",
    "victor-low-007": "61154bf65c866f0a",
    "klatt4-low-000": "d2a672cce8cef283",
    "Mr_serious-high-011": "815aedb7799df41b",
    "m7-low-000": "7d888cb2a1d4050c",
}


@pytest.fixture(scope="module")
def everyone():
    return {utterance.id: utterance for utterance in decide(ALL)}


def samples_of(utterances, jobs=1):
    return {one.id: codes for one, codes in zip(utterances, render(utterances, RATE, jobs), strict=True)}


def pitch(samples, rate):
    """Median pitch in Hz of the frames whose autocorrelation has a clear peak."""
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(float), rate // 16)[:: rate // 100]
    frames = frames[frames.std(axis=1) > 0.2 * samples.std()]
    shortest, longest, size = rate // 500, rate // 45, 2 * frames.shape[1]
    correlation = np.fft.irfft(np.abs(np.fft.rfft(frames, size)) ** 2)[:, : longest + 1]
    # An unbiased estimate, so that a multiple of the period does not look weaker than it is.
    correlation /= correlation[:, :1] * (1 - np.arange(longest + 1) / frames.shape[1])
    lags = shortest + correlation[:, shortest:].argmax(axis=1)
    clear = correlation[np.arange(len(lags)), lags] > 0.7
    return rate / np.median(lags[clear])


def test_every_voice_is_used_or_left_out_for_a_reason():
    voices = Path(espeakng_loader.get_data_path()) / "voices" / "!v"
    assert len(VARIANTS) == 94
    assert sorted([*VARIANTS, *LEFT_OUT]) == sorted(path.name for path in voices.iterdir())
    check_variants(set(VARIANTS))
    with pytest.raises(SepflowError, match="no voice nobody"):
        check_variants({"m1", "nobody"})


def test_the_corpus_is_as_described(everyone):
    utterances = list(everyone.values())
    assert len(everyone) == len(utterances) == 188 * 12
    speakers = {one.speaker: one for one in utterances}
    splits = [one.split for one in speakers.values()]
    assert [splits.count(name) for name in ("train", "validation", "test")] == [156, 12, 20]
    for one in utterances:
        low = one.speaker.endswith("-low")
        assert one.sex == ("m" if low else "f")
        assert 2**-0.8 <= one.factor <= 1 if low else 1 <= one.factor <= 2**0.8
        assert one.split == speakers[one.speaker[: one.speaker.rindex("-")] + "-high"].split
        words = one.text.rstrip(".").split()
        assert all(word in column for word, column in zip(words, MATRIX, strict=True))
    factors = [abs(np.log2(one.factor)) for one in speakers.values()]
    assert np.std(factors) == pytest.approx(0.8 / np.sqrt(12), rel=0.15)  # uniform
    accents = [one.voice.partition("+")[0] for one in speakers.values()]
    assert min(accents.count(accent) for accent in ACCENTS) > 10
    assert len({one.text for one in utterances}) > 2200


def test_a_larger_corpus_holds_the_smaller_one(everyone):
    small = {one.id: one for one in decide(ALL | {"variants": 40, "utterances": 3})}
    assert len(small) == 240
    assert all(everyone[name] == one for name, one in small.items())


def test_frozen_samples(everyone):
    codes = samples_of([everyone[name] for name in FROZEN], jobs=2)
    digests = {name: hashlib.sha256(one.tobytes()).hexdigest()[:16] for name, one in codes.items()}
    assert digests == FROZEN


def test_neither_order_nor_company_changes_a_sample(everyone):
    chosen = [everyone[name] for name in [*FROZEN, *list(everyone)[::400]]]
    alone = {one.id: next(render([one], RATE, 1)) for one in chosen[:3]}
    forward, backward = samples_of(chosen), samples_of(chosen[::-1], jobs=3)
    for name, codes in forward.items():
        np.testing.assert_array_equal(codes, backward[name])
    for name, codes in alone.items():
        np.testing.assert_array_equal(codes, forward[name])


def test_utterances_are_speech_of_the_right_size(everyone):
    chosen = list(everyone.values())[::101]
    for name, codes in samples_of(chosen, jobs=2).items():
        assert 0.9 < len(codes) / RATE < 2.4, name
        assert np.abs(codes.astype(int)).max() == 16384
        # Trimmed: something is to be heard in the first and in the last 50 ms.
        assert min(np.abs(codes[:400]).max(), np.abs(codes[-400:]).max()) > 16384 / 400, name


def test_the_factor_shifts_the_pitch(everyone):
    for name in ("Michael-low-000", "m3-high-000", "f1-low-001"):
        one = everyone[name]
        (raw,) = synthesise([(one.voice, one.words_per_minute, one.pitch, one.text)], 1)
        shifted = next(render([one], RATE, 1))
        assert pitch(shifted, RATE) / pitch(raw, synthesiser.RATE) == pytest.approx(one.factor, rel=0.04)


def test_the_number_of_jobs_changes_nothing(tmp_path):
    for jobs in (1, 2):
        build(SMALL, tmp_path / str(jobs), None, jobs)
    for name in (AUDIO, MANIFEST):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()
    manifest = PackedCorpus(tmp_path / "1").manifest
    splits = manifest.groupby("split")["speaker"].nunique()
    assert len(manifest) == 16 and splits.to_dict() == {"test": 2, "train": 4, "validation": 2}


def test_data_may_lie_deep(tmp_path, monkeypatch, everyone):
    one = everyone["m7-low-000"]
    expected = next(render([one], RATE, 1))
    deep = tmp_path / ("d" * 120) / ("e" * 120) / "espeak-ng-data"
    shutil.copytree(espeakng_loader.get_data_path(), deep, copy_function=os.symlink)
    monkeypatch.setattr(espeakng_loader, "get_data_path", lambda: str(deep))
    np.testing.assert_array_equal(next(render([one], RATE, 1)), expected)


def test_a_voice_that_fails_is_told(capfd, tmp_path, monkeypatch):
    with pytest.raises(SepflowError, match="could not say .*no-such-language"):
        list(synthesise([("en+m1", 170, 50, "Yes."), ("no-such-language", 170, 50, "No.")], 1))
    monkeypatch.setattr(espeakng_loader, "get_data_path", lambda: str(tmp_path))
    with pytest.raises(SepflowError, match="eSpeak ended before"):
        list(synthesise([("en+m1", 170, 50, "Yes.")], 1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recipe": 1}, "recipe 1"),
        ({"variants": 95}, "has 1 to 94"),
        ({"variants": 16}, "16 speakers or voices cannot give 10 to test and 6"),
    ],
)
def test_recipes_that_ask_for_too_much(change, message):
    with pytest.raises(SepflowError, match=message):
        decide(ALL | change)
