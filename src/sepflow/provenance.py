"""Where a result comes from: the commit, what was changed since, the versions, the device."""

import hashlib
import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any

import sepflow

_PACKAGES = ("torch", "lightning", "numpy", "scipy", "fast_bss_eval", "soxr", "espeakng_loader", "snakemake")


def stamp() -> dict[str, Any]:
    """Commit, digest of uncommitted changes (empty where there are none), and versions."""
    return {"sepflow": sepflow.__version__, **_git(), "versions": versions()}


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that a result depends on."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def device_name(device: Any) -> str:
    """The name of a torch device: the GPU's, or the CPU's architecture."""
    if device.type == "cuda":
        import torch

        return torch.cuda.get_device_name(device)
    return f"cpu ({platform.machine()})"


def _git() -> dict[str, str]:
    def git(*words: str) -> str:
        command = ["git", "-C", str(Path(sepflow.__file__).parent), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    try:
        commit = git("rev-parse", "HEAD").strip()
        changed = git("diff", "HEAD", "--", ":/src")
    except (OSError, subprocess.CalledProcessError):
        return {"commit": "not a git checkout", "dirty": ""}
    return {"commit": commit, "dirty": hashlib.sha256(changed.encode()).hexdigest()[:12] if changed else ""}
