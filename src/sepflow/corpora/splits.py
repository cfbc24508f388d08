"""Who is for training and who for testing: drawn from the names, so that it is the same everywhere."""

import hashlib
from collections.abc import Iterable

from sepflow.errors import SepflowError


def by_hash(names: Iterable[str]) -> list[str]:
    """The distinct names in the order of their SHA-256."""
    return sorted(set(names), key=lambda name: hashlib.sha256(name.encode()).digest())


def place(name: str) -> float:
    """Where in [0, 1) the hash of a name lies: a share of any set of names, whatever the others are."""
    # Not of the bytes that `deal` orders by: of those, a split's names would lie in one stretch of places.
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[8:16]) / 2**64


def deal(names: Iterable[str], validation: int, test: int, train: bool = True) -> dict[str, str]:
    """{name: split}: by the order of the hashes the first `test`, the next `validation`, the rest train.

    The hash knows nothing of the alphabet, which often goes with the source or the sex of a speaker,
    and a new name leaves the order of the others as it is. Raises SepflowError where too few names are
    left: none over for train (if `train`), or fewer than asked for validation and test.
    """
    order = by_hash(names)
    if validation < 0 or test < 0 or validation + test + train > len(order):
        raise SepflowError(
            f"splits: {len(order)} speakers or voices cannot give {test} to test and {validation} to "
            f"validation{' and leave some for train' if train else ''}. Lower `splits` in the corpus's "
            "recipe (0 leaves a split empty), or name the splits in a column `split` of metadata.csv."
        )
    cut = ["test"] * test + ["validation"] * validation
    cut += ["train"] * (len(order) - len(cut))
    return dict(zip(order, cut, strict=True))
