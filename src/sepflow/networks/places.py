"""Where on this machine lies what somebody else made: corpora and networks, by config.yaml."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sepflow.corpora.catalogue import Corpus
from sepflow.corpora.presence import HERE, folder_of
from sepflow.files import config as files


@dataclass(frozen=True)
class Places:
    """The checkout, and the content of its config.yaml; both alone say where something lies."""

    directory: Path = Path()
    config: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, directory: Path) -> "Places":
        """Those of the checkout `directory`, whose config.yaml need not be there."""
        path = directory / "config" / "config.yaml"
        return cls(directory, files.read(path, "config", directory / "config") if path.is_file() else {})

    def corpus(self, name: str) -> Path:
        """The folder of a corpus: as config.yaml says, else data/NAME in the checkout."""
        return folder_of(name, self.config.get("corpora") or {}, self.directory)

    def network(self, name: str) -> Path:
        """The folder of a network: as config.yaml says, else data/networks/NAME in the checkout."""
        return folder_of(name, self.config.get("networks") or {}, self.directory, f"{HERE}/networks")

    def of_source(self, source: Corpus) -> Path:
        """The folder of what either catalogue has."""
        return self.network(source.name) if source.catalogue == "networks" else self.corpus(source.name)
