"""Render mixtures from their plan, sample by sample, as they are needed."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sepflow.corpora.packed import PackedCorpus
from sepflow.files import write_bytes
from sepflow.files.contracts import MIX_WAY_OUT, check_mix, refuse
from sepflow.files.reading import read_table
from sepflow.files.seals import CHEAP, check_seal, write_seal
from sepflow.identity import digest
from sepflow.mixes import check_channels, code_of, kind_of
from sepflow.mixes.recipes import Recipe, corpora_of, rate_of, unlabelled
from sepflow.mixes.resampled import Resampled
from sepflow.results import PLAN, Results

Corpus = PackedCorpus | Resampled
NUMBERS = ("samples", "gain_db_", "offset_", "noise_gain_db", "noise_samples")

# The columns of a plan with noise: which, its gain, to how many of its own samples it is cut or extended, and
# where in the mixture it begins.
NOISE = ("noise", "noise_gain_db", "noise_samples", "offset_noise")


class Mix:
    """A decided mix over a packed corpus; row i is a mixture.

    `references` are what a model should give back: here the sources themselves, [C, T] float32.
    """

    def __init__(
        self,
        directory: str | Path,
        corpus: Corpus,
        table: pd.DataFrame | None = None,
        noise: Corpus | None = None,
    ):
        self.directory, self.corpus, self.noise_corpus = Path(directory), corpus, noise
        self.table = read_plan(self.directory / PLAN) if table is None else table
        self.ids = list(self.table["id"])
        self.samples = self.table["samples"].to_numpy()
        count = sum(column.startswith("utterance_") for column in self.table.columns)
        self._sources = [
            list(zip(*(self.table[f"{key}_{k}"] for key in ("utterance", "gain_db", "offset")), strict=True))
            for k in range(1, count + 1)
        ]
        self._noise = [] if noise is None else list(zip(*(self.table[key] for key in NOISE), strict=True))

    @classmethod
    def opened(
        cls, recipe: Recipe, directory: Path, table: pd.DataFrame, corpora: dict[str, Corpus]
    ) -> "Mix":
        """The mix of `recipe` in `directory`, of which the plan and the corpora are open already."""
        return cls(directory, table=table, **corpora)

    def __len__(self) -> int:
        return len(self.ids)

    def sources(self, row: int, start: int = 0, length: int | None = None) -> np.ndarray:
        """The sources of a mixture as they lie in it, [C, T] float32, from `start` for `length` samples."""
        length = int(self.samples[row]) - start if length is None else length
        placed = [
            (utterance, gain_db, offset - start)
            for utterance, gain_db, offset in (source[row] for source in self._sources)
        ]
        return render(self.corpus, placed, length)

    def mixture(self, row: int, start: int = 0, length: int | None = None) -> np.ndarray:
        """The mixture, [T] float32: the sum of its sources, and of its noise where it has one."""
        return self._mixed(self.sources(row, start, length), row, start)

    def example(self, row: int, start: int, length: int) -> dict[str, np.ndarray]:
        """mixture [T] and references [C, T], by name; the sources rendered once where they serve for both."""
        if (type(self).mixture, type(self).references) == (Mix.mixture, Mix.references):
            sources = self.sources(row, start, length)
            return {"mixture": self._mixed(sources, row, start), "references": sources}
        parts = {"mixture": self.mixture, "references": self.references}
        return {name: part(row, start, length) for name, part in parts.items()}

    def _mixed(self, sources: np.ndarray, row: int, start: int) -> np.ndarray:
        mixture = sources.sum(0)
        return mixture if self.noise_corpus is None else mixture + self.noise(row, start, len(mixture))

    def noise(self, row: int, start: int = 0, length: int | None = None) -> np.ndarray:
        """The noise of a mixture as it lies in it, [T] float32; zeros past its end."""
        length = int(self.samples[row]) - start if length is None else length
        noise, gain_db, limit, offset = self._noise[row]
        out = np.zeros(length, dtype=np.float32)
        skip = start - offset
        count = min(length, self.noise_corpus.samples(noise, limit) - skip)
        if count > 0:
            out[:count] = self.noise_corpus.read(noise, skip, count, 10 ** (gain_db / 20), limit)
        return out

    def references(self, row: int, start: int = 0, length: int | None = None) -> np.ndarray:
        """What a model should give back, [C, T] float32."""
        return self.sources(row, start, length)

    def pair(self, row: int) -> str:
        """ "same" or "different" sex of a mixture's speakers; empty of one alone, or if one is not known."""
        sexes = [self.table[f"sex_{k}"].iat[row] for k in range(1, len(self._sources) + 1)]
        return "" if "" in sexes or len(sexes) < 2 else "same" if len(set(sexes)) == 1 else "different"

    def facts(self, row: int) -> dict[str, Any]:
        """What else is known of a mixture that a task may score by, by name."""
        return {}

    def segments(self, recipe: Recipe, samples: int) -> "Mix":
        """The mix of `recipe` with every mixture cut into segments of `samples`; what is left is left out."""
        corpora = {"corpus": self.corpus, **({"noise": self.noise_corpus} if self.noise_corpus else {})}
        return self.opened(recipe, self.directory, cut_segments(self.table, samples), corpora)


def decide(recipe: Recipe, results: Path, lists: Path | None = None) -> pd.DataFrame:
    """The plan of the mix of `recipe` as its kind decides it; `lists` are those of a published one.

    Raises SepflowError where a kind gives what is no plan.
    """
    table = code_of(recipe["kind"]).decide(recipe, results, lists)
    own = f"src/sepflow/mixes/{recipe['kind']}/mixtures.py: decide"
    check_mix(table, own, "A plan has a row a mixture: mixes/clips/mixtures.py has one of one source.")
    return table


def write_plan(
    directory: Path, table: pd.DataFrame, digests: dict[str, str] | None = None, **made: str
) -> None:
    """Write the seal of a mix, then its plan, the sign that all is whole.

    Of a labelled mix `digests` has that of the labels, and `made` says by which `run` and `model` (a digest).
    """
    text = table.to_csv(index=False).encode()
    own = {PLAN: hashlib.sha256(text).hexdigest()}
    write_seal(directory, own | (digests or {}), count=len(table), **made)
    write_bytes(directory / PLAN, text)


def read_plan(path: Path) -> pd.DataFrame:
    """The plan of a mix, checked. Names are strings: "007" is a speaker, "NA" too."""
    columns = read_table(path, (), MIX_WAY_OUT, nrows=0).columns
    names = {column: str for column in columns if not column.startswith(NUMBERS)}
    table = read_table(path, (), MIX_WAY_OUT, keep_default_na=False, dtype=names)
    check_mix(table, str(path))
    whole = [column for column in columns if column.startswith(("samples", "offset_", "noise_samples"))]
    return table.astype(dict.fromkeys(whole, "int64"))


def read_own_plan(directory: Path, name: str) -> pd.DataFrame:
    """The plan in `directory`, which must be that of the mix `name`: held against its seal, and checked."""
    if (directory / PLAN).exists():
        check_seal(directory, name, [PLAN])
    return read_plan(directory / PLAN)


def render(corpus: Corpus, placed: list[tuple[str, float, int]], length: int) -> np.ndarray:
    """Sources (utterance, gain in dB, offset in samples) as they lie in a mixture of T = `length`: [C, T]."""
    out = np.zeros((len(placed), length), dtype=np.float32)
    for target, (utterance, gain_db, offset) in zip(out, placed, strict=True):
        begin, skip = max(offset, 0), max(-offset, 0)
        count = min(length - begin, corpus.samples(utterance) - skip)
        if count > 0:
            target[begin : begin + count] = corpus.read(utterance, skip, count, 10 ** (gain_db / 20))
    return out


def open_mix(recipe: Recipe, results: Path, effort: float = CHEAP) -> Mix:
    """The mix of `recipe`, decided in `results`, over the packed corpora there.

    All of it is held against its seals; audio and labels, where a file has at most `effort` bytes.
    Raises SepflowError where something is missing, damaged or another's.
    """
    name, kind = digest(recipe), kind_of(recipe["kind"])
    directory = Results(results).mix(name)
    table = read_own_plan(directory, name)
    check_count(recipe, table, directory / PLAN)
    opened = code_of(recipe["kind"]).MIX.opened
    mix = opened(recipe, directory, table, open_corpora(recipe, results, effort))
    if kind.files:  # after their sizes, which say more of a file that is cut
        check_seal(directory, name, [PLAN, *kind.files], effort)
    return mix


def check_count(recipe: Recipe, table: pd.DataFrame, where: Path) -> None:
    """Check that a plan has as many mixtures as its recipe asks for; of segments it does not say."""
    wanted = unlabelled(recipe)["mixtures"]
    if recipe.get("unit") != "segment" and len(table) != wanted:
        refuse(str(where), [f"{len(table)} mixtures, and the mix asks for {wanted}"], MIX_WAY_OUT)


def open_corpora(recipe: Recipe, results: Path, effort: float = CHEAP) -> dict[str, Corpus]:
    """The corpora that a mix draws from, `corpus` and perhaps `noise`, at the rate of its mixtures."""
    check_channels(recipe, f"mix {digest(recipe)}")
    opened = {}
    for part, one in corpora_of(recipe).items():
        corpus = PackedCorpus(Results(results).corpus(digest(one)), digest(one), effort)
        # Noise of any mix may have to be extended; speech that was drawn is at the rate of its mix.
        as_it_is = part == "corpus" and not kind_of(unlabelled(recipe)["kind"]).listed
        opened[part] = corpus if as_it_is else Resampled(corpus, one["rate"], rate_of(recipe))
    return opened


def cut_segments(table: pd.DataFrame, samples: int) -> pd.DataFrame:
    """A plan with every mixture cut into segments of `samples`, each a mixture of its own."""
    rows = []
    offsets = [column for column in table.columns if column.startswith("offset_")]
    for row in table.to_dict("records"):
        for start in range(0, row["samples"] - samples + 1, samples):
            moved = {column: row[column] - start for column in offsets}
            rows.append({**row, **moved, "id": f"{row['id']}-{start}", "samples": samples})
    return pd.DataFrame(rows, columns=table.columns)
