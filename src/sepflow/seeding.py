"""Randomness from names: the same for any order, worker, machine or time."""

import hashlib

import numpy as np


def generator(*names: str | int) -> np.random.Generator:
    """A random generator seeded from the name of what it is for."""
    text = "/".join(str(name) for name in names)
    return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16])))
