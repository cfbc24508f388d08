"""NIST SPHERE files, made by hand from their definition."""

from pathlib import Path

import numpy as np


def sphere_bytes(codes: np.ndarray, rate: int = 16000, order: str = "01", **fields: str | int) -> bytes:
    """A PCM SPHERE file of int16 `codes` ([T] or [T, channels]); `order` "10" is big-endian."""
    frames = {
        "sample_count": len(codes),
        "sample_n_bytes": 2,
        "channel_count": 1 if codes.ndim == 1 else codes.shape[1],
        "sample_byte_format": order,
        "sample_rate": rate,
        "sample_coding": "pcm",
    } | fields
    lines = [
        f"{name} -i {value}" if isinstance(value, int) else f"{name} -s{len(value)} {value}"
        for name, value in frames.items()
    ]
    text = "\n".join(["NIST_1A", "   1024", *lines, "end_head", ""])
    return text.encode().ljust(1024) + codes.astype("<i2" if order == "01" else ">i2").tobytes()


def write_sphere(path: Path, codes: np.ndarray, **options: str | int) -> Path:
    """Write `sphere_bytes` to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sphere_bytes(codes, **options))
    return path
