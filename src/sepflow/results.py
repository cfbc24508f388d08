"""What lies where in the directory of results, as it can be told without torch."""

from dataclasses import dataclass
from pathlib import Path

MARK = "adopted.json"  # beside a run that was made elsewhere
SEAL = "seal.json"  # beside a corpus or a mix: the digests of its files
AUDIO, MANIFEST = "audio.i16", "manifest.csv"  # of a packed corpus
PLAN = "mix.csv"  # of a mix
# Of a finished run. The model last: it says that all is whole.
SPEC, HISTORY, RECORD, MODEL = FILES = ("spec.json", "history.csv", "run.json", "model.safetensors")


@dataclass(frozen=True)
class Run:
    """The files of a run, in its directory."""

    directory: Path

    @property
    def model(self) -> Path:
        """Its weights, with its spec in their header."""
        return self.directory / MODEL

    @property
    def history(self) -> Path:
        """Its validations."""
        return self.directory / HISTORY

    @property
    def record(self) -> Path:
        """Where it comes from, and how it was made."""
        return self.directory / RECORD

    @property
    def checkpoint(self) -> Path:
        """What a training goes on from: no output of a rule, since those are deleted before a job."""
        return self.directory / "checkpoint" / "last.ckpt"

    def scores(self, mix: str, used: str = "") -> Path:
        """What it scores on a test mix, perhaps in what the run `used` computes."""
        return self.directory / "scores" / scored(mix, used)

    @property
    def adopted(self) -> bool:
        """Whether it was made elsewhere, and is whole."""
        return (self.directory / MARK).exists() and self.model.exists()

    @property
    def finished(self) -> bool:
        """Whether a training has come to its end, and all it wrote is there."""
        return all((self.directory / file).exists() for file in FILES)


@dataclass(frozen=True)
class Results:
    """All that lies below the directory `root`; runs, mixes and corpora by their names, which are digests."""

    root: Path = Path("results")

    def run(self, name: str) -> Run:
        """A run."""
        return Run(self.root / "runs" / name)

    def mix(self, name: str) -> Path:
        """The directory of a mix."""
        return self.root / "mixes" / name

    def plan(self, mix: str) -> Path:
        """A mix, one row a mixture."""
        return self.mix(mix) / PLAN

    def corpus(self, name: str) -> Path:
        """The directory of a packed corpus."""
        return self.root / "corpora" / name

    def system(self, name: str, group: str, mix: str, used: str = "") -> Path:
        """What a system without a run scores in a group of metrics, which perhaps the run `used` computes."""
        return self.root / "systems" / name / group / scored(mix, used)

    def log(self, run: str) -> Path:
        """What a run's job said."""
        return self.root / "logs" / "train" / f"{run}.log"


def scored(mix: str, used: str = "") -> str:
    """What a file of scores on a mix is called, perhaps of what the run `used` computes."""
    return f"{mix}.{used}.csv" if used else f"{mix}.csv"


def seal_output(directory: str, cached: bool) -> dict[str, str]:
    """The seal in a directory, as a named output of a rule: for a cache, which keeps outputs alone.

    Without one nothing: what an older version made is not to be made again for want of a seal.
    """
    return {"seal": f"{directory}/{SEAL}"} if cached else {}
