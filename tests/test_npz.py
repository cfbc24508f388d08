"""Arrays from outside: read without running what a pickle would."""

import io
import os
import pickle
import zipfile

import numpy as np
import pytest

from sepflow.errors import SepflowError
from sepflow.files.npz import read_arrays


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil",)


def test_pickles_are_never_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "x.npz"
    np.savez(path, a=np.array(["x", "yy"], object), b=np.array(["zz"]), c=np.arange(3.0))
    arrays = read_arrays(path)
    assert arrays["a"].tolist() == ["x", "yy"] and arrays["b"].tolist() == ["zz"]
    np.testing.assert_array_equal(arrays["c"], [0, 1, 2])
    for objects in ([Evil()], [b"x"], [1, "x"], [["x"], "y"]):
        array = np.empty(len(objects), object)
        array[:] = objects
        np.savez(path, a=array)
        with pytest.raises(SepflowError, match=r"x\.npz: does not read"):
            read_arrays(path)
    whole = path.read_bytes()
    for damage in (b"", b"no archive", whole[: len(whole) // 2]):
        path.write_bytes(damage)
        with pytest.raises(SepflowError, match=r"x\.npz: does not read"):
            read_arrays(path)
    with pytest.raises(SepflowError, match="no such file"):
        read_arrays(tmp_path / "y.npz")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("module", [b"numpy.core", b"numpy._core"])
def test_strings_pickled_by_any_python(tmp_path, protocol, module):
    array = np.array(["x.wav", "y.wav"], object)
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
    # Names have their length before them from protocol 4 on.
    name = b"numpy._core.multiarray" if protocol < 4 else b"\x8c\x16numpy._core.multiarray"
    there = module + b".multiarray"
    there = there if protocol < 4 else b"\x8c" + bytes([len(there)]) + there
    pickled = pickle.dumps(array, protocol=protocol)
    assert name in pickled
    if protocol >= 4:  # without its frame, whose length would change
        pickled = pickled[:2] + pickled[11:]
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("a.npy", file.getvalue() + pickled.replace(name, there))
    assert read_arrays(tmp_path / "x.npz")["a"].tolist() == ["x.wav", "y.wav"]
