"""What lies in the directory of results, as it can be told without torch."""

from pathlib import Path

MARK = "adopted.json"  # beside a run that was made elsewhere


def is_adopted(run: Path) -> bool:
    """Whether the run in this directory of the results was made elsewhere, and is whole."""
    return (run / MARK).exists() and (run / "model.safetensors").exists()
