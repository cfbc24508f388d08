"""What a group says of its metrics: pure declarations, without torch, numpy or pandas."""

from collections.abc import Mapping
from dataclasses import dataclass, field

VALUE = ("value",)  # the one column of a metric that is its own value
SOURCE, MIXTURE, CLASS, RUN = BY = ("source", "mixture", "class", "run")


@dataclass(frozen=True)
class Metric:
    """A metric: what tables and pictures call it, its unit, and what its value is made of.

    Of each mixture and what it is counted `by` (its sources, its classes, or itself, as of an utterance or a
    trial) files of scores have the columns `of`. The `aggregate` makes a value of those of many mixtures: a
    function of that name in the group's `aggregates.py`, or else in that of all groups. The value is
    multiplied by `scale`: by 100, where a share is to be in %. By run it is no score, but the key `of` of
    run.json. Its interval is over mixtures or, `of_speakers`, over these, whom many trials share. Papers
    print it with so many `decimals`; beside its interval ours has one more.
    """

    name: str
    unit: str = ""
    lower_is_better: bool = False
    of: tuple[str, ...] = VALUE
    by: str = SOURCE
    aggregate: str = "mean"
    scale: float = 1.0
    decimals: int = 1
    of_speakers: bool = False

    @property
    def measure(self) -> tuple[str, ...]:
        """The unit, if there is one, and that lower is better, where it is."""
        return (*filter(None, [self.unit]), *["lower is better"] * self.lower_is_better)

    def counted(self, key: str) -> tuple[str, ...]:
        """What its columns are called in files of scores: `si_snr`; or `wer.errors`, `wer.words`."""
        return (key,) if self.of == VALUE else tuple(f"{key}.{column}" for column in self.of)


@dataclass(frozen=True)
class Group:
    """Metrics, by the names that tables and scores know them by, and the packages that compute them.

    Of the latter another version may score otherwise: they are stamped. `pictures` says that a table of these
    metrics has pictures of estimated sources. What a network of another run computes, as a recogniser does,
    is of a group with `uses`: what it is called, and the tasks that it may be of. A column says which run it
    is, and there are scores with each.
    """

    metrics: dict[str, Metric]
    scorers: tuple[str, ...] = ()
    pictures: bool = False
    uses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
