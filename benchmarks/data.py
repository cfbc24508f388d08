"""How fast training examples are made, and how long a model waits for them.

First, segments of 4 s a second: read from the packed corpus, and decoded from FLAC files of the same
utterances (soundfile, which seeks within a file), at 8 kHz, and at 16 kHz with soxr to 8 kHz as from
LibriSpeech's own files. Then batches of MixIT examples drawn on the fly (two mixtures of two utterances
each), and the share of a training's time that they take with no worker beside it: what the device waits.

    OMP_NUM_THREADS=1 python benchmarks/data.py
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch

from sepflow.corpora.packed import PackedCorpus, quantise, write_corpus
from sepflow.jobs.job import keep_freed_memory
from sepflow.mixes.examples import Examples
from sepflow.mixes.mix import Mix
from sepflow.mixes.speakers.mixtures import draw
from sepflow.tasks.built import build

_RATE, _SEGMENT, _UTTERANCES, _SPEAKERS = 8000, 4 * 8000, 120, 12
_MIX = {"speakers": 2, "level_difference": [-5.0, 5.0], "length": "min", "min_seconds": 4.0, "split": "train"}
_SMALL = {"filters": 96, "kernel": 32, "bottleneck": 48, "hidden": 96, "skip": 48, "blocks": 6, "repeats": 1}
_CONV_TASNET = {"0.1 M": _SMALL, "3 M": {}}


def utterance(number: int, rate: int) -> np.ndarray:
    """Five to fifteen seconds of noise with the spectrum and the swell of speech, float, at `rate`."""
    rng = np.random.default_rng(number)
    samples = int(rng.uniform(5, 15) * rate)
    noise = np.fft.irfft(
        np.fft.rfft(rng.standard_normal(samples)) / (1 + np.arange(samples // 2 + 1) / 500.0)
    )
    swell = 0.5 + 0.5 * np.sin(2 * np.pi * 4 * np.arange(len(noise)) / rate)
    return 0.3 * noise / np.abs(noise).max() * swell


def write(folder: Path) -> PackedCorpus:
    """The utterances as FLAC at both rates and as a packed corpus."""

    def stream():
        for number in range(_UTTERANCES):
            for rate in (_RATE, 2 * _RATE):
                soundfile.write(folder / f"{number}-{rate}.flac", utterance(number, rate), rate)
            speaker = f"s{number % _SPEAKERS}"
            labels = {
                "id": str(number),
                "speaker": speaker,
                "sex": "",
                "split": "train",
                "text": "",
                "path": "",
            }
            yield labels, *quantise(utterance(number, _RATE))

    write_corpus(folder / "corpus", stream())
    return PackedCorpus(folder / "corpus")


def segments_a_second(read: Callable[[str, int], np.ndarray], corpus: PackedCorpus, count: int) -> float:
    """Random crops, one after another."""
    rng = np.random.default_rng(0)
    places = []
    for name in rng.integers(_UTTERANCES, size=count).astype(str):
        places.append((name, int(rng.integers(corpus.samples(name) - _SEGMENT))))
    start = time.perf_counter()
    for name, begin in places:
        read(name, begin)
    return count / (time.perf_counter() - start)


def flac(folder: Path, rate: int) -> Callable[[str, int], np.ndarray]:
    """A reader of crops from the FLAC files of one rate."""

    def read(name: str, begin: int) -> np.ndarray:
        factor = rate // _RATE
        with soundfile.SoundFile(folder / f"{name}-{rate}.flac") as file:
            file.seek(begin * factor)
            samples = file.read(_SEGMENT * factor, dtype="float32")
        return soxr.resample(samples, rate, _RATE) if factor > 1 else samples

    return read


def step_seconds(hyper: dict, batch: int) -> float:
    """A training step of MixIT on batches of noise, on the GPU if there is one."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    objective = {"name": "mixit", "max_snr": 30.0, "consistency": True}
    model = {"name": "conv_tasnet", "sources": 4, **hyper}
    task = build({"task": "separation", "model": model, "objective": objective}).to(device)
    optimizer = torch.optim.Adam(task.parameters(), fused=True)
    mixtures = torch.randn(batch, 2, _SEGMENT, device=device)
    times = []
    for _ in range(8):
        start = time.perf_counter()
        optimizer.zero_grad()
        task.step({"data": {"mixture": mixtures.sum(1), "references": mixtures}}).losses.mean().backward()
        optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return statistics.median(times[4:])


def main() -> None:
    """Print one line for each way."""
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = write(folder)
        packed = segments_a_second(lambda name, begin: corpus.read(name, begin, _SEGMENT), corpus, 5000)
        print(f"packed corpus: {packed:.0f} segments/s")
        for rate in (_RATE, 2 * _RATE):
            found = segments_a_second(flac(folder, rate), corpus, 500)
            print(f"FLAC at {rate} Hz: {found:.0f} segments/s, {packed / found:.0f} times slower")
        recipe = _MIX | {"mixtures": 500, "corpus": {"rate": _RATE}}
        mix = Mix(folder, corpus, draw(recipe, corpus.manifest))
        data = {"mix": recipe, "first": None, "dynamic": True, "single_speaker": 0.1, "crop": "random"}
        examples = Examples(mix, data, _SEGMENT, seed=1, of_mixtures=True)
        start = time.perf_counter()
        for index in range(400):
            examples[index]
        example = (time.perf_counter() - start) / 400
        print(f"MixIT examples: {1 / example:.0f} a second")
        for size, hyper in _CONV_TASNET.items():
            step = step_seconds(hyper, 4)
            print(
                f"Conv-TasNet of {size}, batch 4: waits {4 * example / (4 * example + step):.1%} of its time"
            )


if __name__ == "__main__":
    main()
