"""Where a result comes from: the commit, what was changed since, the versions, the device."""

import hashlib
import importlib.metadata
import platform
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import sepflow

_TRAINING = ("torch", "lightning", "numpy", "scipy", "soxr", "espeakng_loader", "snakemake")
# What decides a result, in a checkout. config.yaml is of the machine: what it decides is in the specs.
_DECIDING = ("src", "config", "rules", "workflow", "Snakefile")
_PATHS = [*(f":(top){path}" for path in _DECIDING), ":(top,exclude)config/config.yaml"]


def stamp(*packages: str) -> dict[str, Any]:
    """Commit, digest of what is not committed (empty where all is), and versions of `packages`.

    Without `packages`: of those, as far as they are here, that a training and what it reads depend on.
    """
    installed = versions(packages or _TRAINING)
    there = {name: version for name, version in installed.items() if packages or version != "absent"}
    own = {"python": platform.python_version(), **there}
    return {"sepflow": sepflow.__version__, **_git(Path(sepflow.__file__).parent), "versions": own}


def versions(packages: Iterable[str]) -> dict[str, str]:
    """The version of each of these packages; "absent", where it is not installed."""
    return {name: _version(name) for name in packages}


@cache
def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def device_name(device: Any) -> str:
    """The name of a torch device: the GPU's, or the CPU's architecture."""
    if device.type == "cuda":
        import torch

        return torch.cuda.get_device_name(device)
    return f"cpu ({platform.machine()})"


def _git(package: Path) -> dict[str, str]:
    """The commit of the checkout that `package` belongs to, and a digest of its uncommitted changes."""

    def git(*words: str) -> bytes:
        command = ["git", "-C", str(package), *words]
        return subprocess.run(command, capture_output=True, check=True).stdout

    try:
        # Of a package that is merely installed inside somebody's checkout, that commit says nothing.
        git("ls-files", "--error-unmatch", "__init__.py")
        commit = git("rev-parse", "HEAD").decode().strip()
        top = Path(git("rev-parse", "--show-toplevel").decode().removesuffix("\n"))
        changed = git("diff", "HEAD", "--binary", "--no-ext-diff", "--", *_PATHS)
        others = git("ls-files", "--others", "--exclude-standard", "-z", "--full-name", "--", *_PATHS)
        for name in filter(None, others.split(b"\0")):
            path = top / name.decode(errors="surrogateescape")
            changed += b"\0" + name + b"\0" + (path.read_bytes() if path.is_file() else b"")
    except (OSError, subprocess.CalledProcessError):
        return {"commit": "not a git checkout", "dirty": ""}
    return {"commit": commit, "dirty": hashlib.sha256(changed).hexdigest()[:12] if changed else ""}
