"""Runs and findings as parts of at most 15 MiB, to be handed over a few at a time."""

import contextlib
import tarfile
from pathlib import Path

from sepflow.audit.runs import FILES

PART = 15 * 2**20
FINDINGS = ("speed.json", "compiled.json", "trainings.json", "sameness.json")


def write_parts(work: Path, out: Path, parts: list[int], size: int = PART) -> None:
    """Write what was found into `out`, and those `parts`, of `size` bytes, of all finished runs' archive.

    Runs lie in the order in which they ended, so that a part that was handed over stays what it is.
    """
    with tarfile.open(out / "findings.tar", "w") as tar:
        logs = (work / "trainings").glob("*.log")
        for path in [*(work / name for name in FINDINGS), work / "trainings" / "chosen.json", *logs]:
            if path.exists():
                tar.add(path, path.name)
    runs = sorted(
        (path for path in (work / "results" / "runs").glob("*") if (path / FILES[-1]).exists()),
        key=lambda path: (path / FILES[-1]).stat().st_mtime_ns,
    )
    archive = work / "runs.tar"
    with tarfile.open(archive, "w") as tar:
        for run in runs:
            for file in FILES:
                tar.add(run / file, f"{run.name}/{file}")
    count = -(-archive.stat().st_size // size)
    with archive.open("rb") as file:
        for part in (part for part in parts if part < count):
            file.seek(part * size)
            (out / f"part.{part:02d}").write_bytes(file.read(size))
    print(f"== {len(runs)} runs in {count} parts (0 to {count - 1}); asked for: {parts}", flush=True)


def join_parts(parts: list[Path], out: Path) -> None:
    """Unpack the runs whose archive these parts, the first ones of it at least, are."""
    out.mkdir(parents=True, exist_ok=True)
    archive = out / "runs.tar"
    with archive.open("wb") as file:
        for part in sorted(parts, key=lambda path: path.name):
            file.write(part.read_bytes())
    with (
        tarfile.open(archive) as tar,
        contextlib.suppress(tarfile.ReadError),
    ):  # the last is cut: not all came
        tar.extractall(out, filter="data")
    archive.unlink()
