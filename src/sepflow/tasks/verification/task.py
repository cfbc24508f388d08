"""One training step of a speaker network: told apart as so many speakers, validated by trials."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from sepflow import models
from sepflow.errors import SepflowError
from sepflow.mixes.examples import Examples, FixedExamples
from sepflow.mixes.mix import Mix
from sepflow.mixes.recipes import rate_of
from sepflow.seeding import generator
from sepflow.tasks.task import Batch, Frozen, Scores, Step, Task, Tested, segment_samples
from sepflow.tasks.verification.features import SpeechBands, Verification

BINS = 2000  # of cosines, by which the EER of a validation is counted


class Spoken(Examples):
    """Clips with the number of their speaker, in the order of the speakers' names."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        own = self.mix.table["speaker_1"].iloc[: self.rows]
        self.numbers = {name: k for k, name in enumerate(sorted(set(own)))}
        self.speakers = [self.numbers[name] for name in own]

    def __getitem__(self, index: int) -> dict[str, Any]:
        row, _ = self._crop(index)
        return super().__getitem__(index) | {"speaker": self.speakers[row]}


class Tried(FixedExamples):
    """Trials, from the beginning of their sides on, with whether both are of one speaker."""

    def _crop(self, number: int) -> tuple[int, int]:
        return number, 0

    def __getitem__(self, index: int) -> dict[str, Any]:
        return super().__getitem__(index) | {"same": float(self.mix.facts(index)["same"])}


class Verifying(Task):
    """A network of `verification` that embeds an utterance; its head tells the speakers of the data apart."""

    head: nn.Linear
    shares_batch = False  # for the batch norms

    def __init__(self, spec: dict[str, Any], used: Mapping[str, Frozen] | None = None):
        super().__init__(spec, used)
        self.settings = Verification(**spec["verification"])
        self.rate = rate_of(spec["data"]["mix"])
        self.bands = SpeechBands(self.settings, self.rate)
        self.model = models.build(spec["model"])
        self.head = nn.Linear(self.model.size, self.settings.speakers)
        self._embedded: dict[str, list[Tensor]] = {}

    def forward(self, signals: Tensor) -> Tensor:
        """Embeddings [B, E] of utterances [B, T]."""
        return self.model(self.bands(signals))

    def examples(self, part: str, mix: Mix) -> Dataset:
        """Clips to be told apart, or trials."""
        kind = Tried if self.declared.parts[part].validated else Spoken
        found = kind(mix, self.spec[part], segment_samples(self.spec), self.spec["seed"], False)
        if isinstance(found, Spoken) and len(found.numbers) > self.settings.speakers:
            raise SepflowError(
                f"verification: speakers: {self.settings.speakers}, and the mix {mix.directory.name} has "
                f"{len(found.numbers)} of them; say {len(found.numbers)} or more"
            )
        return found

    def step(self, batch: Batch, at: int = 0) -> Step:
        """The cross-entropy of the speakers of clips, cut to a random length: that of step `at`."""
        data = batch["data"]
        signals = data["mixture"][:, : self._length(data["mixture"].shape[-1], at)]
        return Step(F.cross_entropy(self.head(self(signals)), data["speaker"], reduction="none"))

    def _length(self, longest: int, at: int) -> int:
        shortest = min(round(self.settings.shortest * self.rate), longest)
        return int(generator(self.spec["seed"], "length", at).integers(shortest, longest + 1))

    def validated(self, batch: Batch, at: int = 0) -> Tensor:
        """How many trials of two speakers, and of one, have a cosine in each of so many bins: [2 BINS]."""
        (trials,) = batch.values()
        first, second = trials["mixture"], trials["references"][:, 0]
        cosines = F.cosine_similarity(self(first), self(second)).double()
        bins = ((cosines + 1) / 2 * BINS).long().clamp(0, BINS - 1)
        return torch.bincount(bins + BINS * trials["same"].long(), minlength=2 * BINS).double()

    def summary(self, sums: Tensor) -> dict[str, Tensor]:
        """The share of errors where misses are as frequent as false alarms; so the loss is called, too."""
        others, same = sums.view(2, BINS).flip(1).cumsum(1)
        misses, alarms = 1 - same / same[-1], others / others[-1]
        crossing = (misses - alarms).abs().argmin()
        eer = (misses[crossing] + alarms[crossing]) / 2
        return {"validation_loss": eer, "eer": eer}

    def score(self, tested: Tested) -> Iterator[Scores]:
        """The cosine of both sides of a trial, and whether they are of one speaker."""
        signals = (tested.mixture, tested.references[0])
        first, second = map(self._embeddings, tested.facts["sides"], signals)
        cosine, untrained = (float(F.cosine_similarity(a, b, 0)) for a, b in zip(first, second, strict=True))
        same, alike = (float(tested.facts[key]) for key in ("same", "alike"))
        counted = max(same, alike)
        trial = {"score": [cosine], "same": [same]}
        own = ("eer", "min_dcf", "eer_same_sex")
        columns = {f"{metric}.{key}": x for metric in own for key, x in trial.items()}
        columns |= {"eer_same_sex.counted": [counted]}
        yield "none", columns | {"eer_untrained.score": [untrained], "eer_untrained.same": [same]}

    @torch.inference_mode()
    def _embeddings(self, name: str, signal: np.ndarray) -> list[Tensor]:
        """The embeddings of an utterance by this network, and as its training began."""
        if name not in self._embedded:
            features = self.bands(torch.from_numpy(signal).to(self.bands.window.device)[None])
            self._embedded[name] = [network(features)[0] for network in (self.model, self._untrained)]
        return self._embedded[name]

    @cached_property
    def _untrained(self) -> nn.Module:
        """The network as its training began."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.spec["seed"])
            return models.build(self.spec["model"]).to(self.bands.window.device).eval()


TASK = Verifying
