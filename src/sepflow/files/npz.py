"""Arrays of .npz files from outside: numbers and strings, and nothing that a pickle could run."""

import pickle
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from sepflow.errors import SepflowError
from sepflow.files import check_regular


class _Object:
    """Stands for whatever a pickle would make, and keeps the state that it was to get."""

    state: tuple[Any, ...] = ()

    def __init__(self, *arguments: Any) -> None:
        pass

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state


class _Unpickler(pickle.Unpickler):
    # What a pickled array of strings is made of, under the names of numpy 1 and 2.
    parts = (
        "numpy.core.multiarray._reconstruct",
        "numpy._core.multiarray._reconstruct",
        "numpy.ndarray",
        "numpy.dtype",
        "_codecs.encode",
    )

    def find_class(self, module: str, name: str) -> type[_Object]:
        if f"{module}.{name}" not in self.parts:
            raise pickle.UnpicklingError(f"{module}.{name}, which is no array of strings")
        return _Object


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file. One of Python objects must be a row of strings.

    Raises SepflowError where the file does not read, or holds other objects.
    """
    try:
        check_regular(path)
        with zipfile.ZipFile(path) as archive:
            return {
                name.removesuffix(".npy"): _read(archive, name)
                for name in archive.namelist()
                if name.endswith(".npy")
            }
    except Exception as error:  # a broken pickle may raise anything
        reason = str(error) or repr(error)
        raise SepflowError(f"{path}: does not read ({reason}). Take the published file.") from None


def _read(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(name) as file:
        shape, dtype = _header(file)
        if not dtype.hasobject:
            with archive.open(name) as again:
                return np.lib.format.read_array(again, allow_pickle=False)
        pickled = _Unpickler(file).load()
    cells = pickled.state[-1] if isinstance(pickled, _Object) and pickled.state else None
    if not isinstance(cells, list) or not all(isinstance(cell, str) for cell in cells):
        raise ValueError(f"{name} holds objects that are no strings")
    if shape != (len(cells),):
        raise ValueError(f"{name} has not the shape that it declares")
    return np.array(cells, dtype=str)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype
