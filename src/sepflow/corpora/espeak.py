"""Many synthesised speakers, for trying a workflow without any download.

A *speaker* is a voice variant of eSpeak NG at one of two pitches: a low or a high setting of its own, and
then everything, formants too, shifted by a factor of 2^-0.8 to 1 (low) or 1 to 2^0.8 (high). The sex of such
a voice means this pitch group and nothing else: m for low, f for high, whatever the variant is called. Both
speakers of a variant lie in the same split. They speak fast: five words in a second and a bit, so that a
training segment of one second holds nearly as much as the utterances that a model is applied to.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import resample_poly

from sepflow.corpora.packed import SAMPLE, UNIT, write_corpus
from sepflow.corpora.splits import by_hash, deal
from sepflow.corpora.synthesiser import RATE, check_variants, synthesise
from sepflow.corpora.voices import ACCENTS, MATRIX, VARIANTS
from sepflow.errors import SepflowError
from sepflow.identity import RECIPES

KIND = {
    "on_disk": False,
    "entry": {
        "required": ["variants", "utterances", "splits"],
        "properties": {
            "variants": {"type": "integer", "minimum": 1},
            "utterances": {"type": "integer", "minimum": 1},
            "splits": {"$ref": "scale.yaml#/$defs/counts"},
        },
    },
}
RECIPE = RECIPES["espeak"]  # of everything that decides a sample: this module, the voices and the words
PEAK = 0.5
TRIM = 200  # leading and trailing samples below 1/200 of the peak (-46 dB) are silence
OCTAVES = (0.0, 0.8)
PITCH = {"low": (5, 45), "high": (55, 95)}  # eSpeak's own, of 100; 50 is a voice's natural one
TEMPO = (230, 270)  # words a minute, as heard


@dataclass(frozen=True)
class Utterance:
    """One utterance, decided: `factor` multiplies the pitch, `voice` speaks before that."""

    id: str
    speaker: str
    sex: str
    split: str
    text: str
    voice: str
    words_per_minute: int
    pitch: int
    factor: float

    def labels(self) -> dict[str, str]:
        """The utterance's columns of the manifest that are no numbers."""
        names = ("id", "speaker", "sex", "split", "text")
        return {name: getattr(self, name) for name in names} | {"path": ""}


def build(recipe: dict[str, Any], out: Path, path: Path | None, jobs: int) -> None:
    """Build the corpus; see `sepflow.corpora.build`. `path` plays no part.

    Recipe: kind, rate (Hz), variants (voice variants, two speakers each), utterances (of each speaker),
    splits {validation, test: number of variants} and recipe. Raises SepflowError where it asks for more
    than there is, and where eSpeak fails.
    """
    utterances = decide(recipe)
    check_variants({utterance.voice.partition("+")[2] for utterance in utterances})
    labels = (utterance.labels() for utterance in utterances)
    codes = render(utterances, recipe["rate"], jobs)
    write_corpus(out, ((row, samples, UNIT) for row, samples in zip(labels, codes, strict=True)))


def decide(recipe: dict[str, Any]) -> list[Utterance]:
    """Who says what, and how: all drawn from names, so that a larger corpus holds the smaller ones.

    Raises SepflowError for an unknown recipe and for more variants or splits than there are.
    """
    if recipe.get("recipe", RECIPE) != RECIPE:
        raise SepflowError(f"recipe {recipe['recipe']} of the espeak corpus: this sepflow follows {RECIPE}.")
    count = recipe["variants"]
    if not 1 <= count <= len(VARIANTS):
        raise SepflowError(f"variants: {count}; the espeak corpus has 1 to {len(VARIANTS)}.")
    splits = deal(by_hash(VARIANTS)[:count], **({"validation": 0, "test": 0} | (recipe.get("splits") or {})))
    return [
        _utterance(variant, group, number, split)
        for variant, split in splits.items()
        for group in ("low", "high")
        for number in range(recipe["utterances"])
    ]


def _utterance(variant: str, group: str, number: int, split: str) -> Utterance:
    speaker = f"{variant.replace(' ', '_')}-{group}"
    name = f"{speaker}-{number:03d}"
    octaves = _between(*OCTAVES, f"{speaker} octaves")
    factor = 2 ** (-octaves if group == "low" else octaves)
    return Utterance(
        id=name,
        speaker=speaker,
        sex="m" if group == "low" else "f",
        split=split,
        text=" ".join(_pick(words, f"{name} word {place}") for place, words in enumerate(MATRIX)) + ".",
        voice=f"{_pick(ACCENTS, f'{speaker} accent')}+{variant}",
        # A voice that will be played faster speaks slower, and the other way round.
        words_per_minute=round(_between(*TEMPO, f"{speaker} tempo") / factor),
        pitch=round(_between(*PITCH[group], f"{speaker} pitch")),
        factor=factor,
    )


def render(utterances: Sequence[Utterance], rate: int, jobs: int) -> Iterator[np.ndarray]:
    """int16 samples at `rate` Hz, shape (n,), of each utterance: peak PEAK, no silence at the ends.

    The same whatever the order and `jobs`, and on every machine: the resampling is plain float64 sums,
    and the rounding to 16 bits hides the order in which a machine adds them up. Raises SepflowError
    where eSpeak fails or stays silent.
    """
    requests = [(u.voice, u.words_per_minute, u.pitch, u.text) for u in utterances]
    for utterance, samples in zip(utterances, synthesise(requests, jobs), strict=True):
        speech = _trimmed(samples)
        if not len(speech):
            raise SepflowError(f"{utterance.id}: eSpeak is silent as {utterance.voice!r}.")
        shifted = _shifted(speech, utterance.factor, rate)
        yield np.rint(shifted * (PEAK / UNIT / np.abs(shifted).max())).astype(SAMPLE)


def _shifted(samples: np.ndarray, factor: float, rate: int) -> np.ndarray:
    """Samples at RATE, with the pitch times `factor` and the duration divided by it, at `rate`; float64."""
    # That is to take the samples for ones at RATE * factor. Terms up to 200 hit any such ratio to
    # 0.02 % (a third of a cent) and keep the filter short.
    ratio = Fraction(rate / (RATE * factor)).limit_denominator(200)
    return resample_poly(samples.astype(np.float64), ratio.numerator, ratio.denominator)


def _trimmed(samples: np.ndarray) -> np.ndarray:
    size = np.abs(samples.astype(np.int32))
    loud = np.flatnonzero(size * TRIM > size.max(initial=0))
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples[:0]


def _unit(name: str) -> float:
    """A number in [0, 1) drawn from `name`, by SHA-256 alone: no library's generator can change it."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") / 2**48


def _between(low: float, high: float, name: str) -> float:
    return low + (high - low) * _unit(name)


def _pick(choices: Sequence[str], name: str) -> str:
    return choices[int(_unit(name) * len(choices))]
