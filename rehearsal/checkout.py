"""A checkout for the rehearsal alone: links to this one's files, a scale and a config.yaml of its own."""

import shutil
from pathlib import Path
from typing import Any

import yaml

from rehearsal.scale import NAME
from sepflow.files import write_text

SHARED = ("Snakefile", "rules", "workflow", "profiles", "envs", "src")
SHARED_CONFIG = ("papers", "corpora", "schemas")


def lay_out(root: Path, out: Path, scale: dict[str, Any]) -> None:
    """Let `out` be a checkout like `root`, always with its files of today, whose one scale is `scale`."""
    (out / "config" / "scales").mkdir(parents=True, exist_ok=True)
    for name in (*SHARED, *(f"config/{name}" for name in SHARED_CONFIG)):
        (out / name).unlink(missing_ok=True)  # that of a checkout that has moved since
        (out / name).symlink_to(root / name)
    write_text(out / f"config/scales/{NAME}.yaml", _yaml(scale))


def configure(out: Path, papers: list[str], places: dict[str, Path]) -> dict[str, Any]:
    """Write config.yaml of the checkout `out` for corpora that lie at `places`; return it."""
    config = {
        "scale": NAME,
        "papers": papers,
        "corpora": {name: str(place) for name, place in places.items()},
        "device": "cpu",
    }
    write_text(out / "config/config.yaml", _yaml(config))
    return config


def remove_others(directory: Path, kept: str) -> None:
    """Remove what lies beside `kept` in `directory`: look-alikes that no scale asks for any more."""
    for path in directory.glob("*"):
        if path.name != kept:
            shutil.rmtree(path)


def _yaml(content: dict[str, Any]) -> str:
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
