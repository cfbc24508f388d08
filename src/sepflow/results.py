"""What lies in the directory of results, as it can be told without torch."""

from pathlib import Path

MARK = "adopted.json"  # beside a run that was made elsewhere
SEAL = "seal.json"  # beside a corpus or a mix: the digests of its files
# Of a finished run. The model last: it says that all is whole.
SPEC, HISTORY, RECORD, MODEL = FILES = ("spec.json", "history.csv", "run.json", "model.safetensors")


def is_adopted(run: Path) -> bool:
    """Whether the run in this directory of the results was made elsewhere, and is whole."""
    return (run / MARK).exists() and (run / MODEL).exists()


def is_finished(run: Path) -> bool:
    """Whether a training in this directory has come to its end, and all it wrote is there."""
    return all((run / file).exists() for file in FILES)


def seal_output(directory: str, cached: bool) -> dict[str, str]:
    """The seal in a directory, as a named output of a rule: for a cache, which keeps outputs alone.

    Without one nothing: what an older version made is not to be made again for want of a seal.
    """
    return {"seal": f"{directory}/{SEAL}"} if cached else {}
