"""The names of LibriMix: its rates, modes and types of mixtures, and where its files lie."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sepflow.simulation.published import MODES

TYPES = ("mix_clean", "mix_both", "mix_single")


@dataclass(frozen=True)
class Layout:
    """Which of the official directories a split has."""

    speakers: int
    split: str
    rates: tuple[int, ...]
    modes: tuple[str, ...]
    types: tuple[str, ...]

    @classmethod
    def of(
        cls, speakers: int, split: str, rates: Sequence[int], modes: Sequence[str], types: Sequence[str]
    ) -> "Layout":
        """A layout with its parts in one order, whatever the order they were asked for."""
        in_order = [
            [name for name in known if name in said] for known, said in ((MODES, modes), (TYPES, types))
        ]
        return cls(speakers, split, tuple(sorted(set(rates))), tuple(in_order[0]), tuple(in_order[1]))

    @property
    def noise(self) -> bool:
        """Whether there is noise in it: not where clean mixtures are all that was asked for."""
        return self.types != ("mix_clean",)

    def variants(self) -> Iterator[tuple[int, str, Path]]:
        """Each rate and mode, and its directory below the tree's root."""
        for rate in self.rates:
            for mode in self.modes:
                yield rate, mode, Path(f"Libri{self.speakers}Mix", f"wav{rate // 1000}k", mode)

    def signals(self) -> list[str]:
        """The directories of what is mixed: s1, s2, ..., noise."""
        return [f"s{k}" for k in range(1, self.speakers + 1)] + ["noise"] * self.noise

    def parts(self, kind: str) -> list[tuple[str, str]]:
        """(directory, name in the metadata) of what a mixture of type `kind` is the sum of."""
        speech = [(f"s{k}", f"source_{k}") for k in range(1, self.speakers + 1)]
        noise = [("noise", "noise")]
        return {"mix_clean": speech, "mix_both": speech + noise, "mix_single": speech[:1] + noise}[kind]

    def files(self) -> int:
        """How many files a mixture has."""
        return len(self.rates) * len(self.modes) * len((*self.signals(), *self.types))
