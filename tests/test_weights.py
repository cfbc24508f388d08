"""Files of weights from outside: what torch writes comes back, and nothing that a pickle asks for is run."""

import argparse
import collections
import io
import os
import pickle
import subprocess
import zipfile

import numpy as np
import pytest
import safetensors.torch
import torch

from sepflow.errors import SepflowError
from sepflow.files.weights import ForeignError, read_weights

WEIGHT = torch.arange(12.0).reshape(3, 4)
TENSORS = {
    "plain": WEIGHT,
    "turned": WEIGHT.T,
    "part": WEIGHT[1:, ::2],
    "none": torch.zeros(0, 3),
    "one": torch.tensor(3),
    "yes": torch.tensor([True, False]),
    "half": torch.ones(2, dtype=torch.float16),
    "brain": torch.ones(2, dtype=torch.bfloat16),
}


def saved(content, old=False) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=not old)
    return file.getvalue()


@pytest.mark.parametrize("old", [False, True], ids=["zip", "before torch 1.6"])
def test_what_torch_saves_comes_back_as_torch_loads_it(old):
    state = collections.OrderedDict(TENSORS, learnt=torch.nn.Parameter(WEIGHT))
    state._metadata = {"": {"version": 1}}
    data = saved({"model": state, "step": 3, "sizes": torch.Size([2]), "type": torch.int8, "set": {1}}, old)
    mine, torchs = read_weights(data), torch.load(io.BytesIO(data), weights_only=False)
    assert mine.keys() == torchs.keys() and (mine["step"], mine["set"]) == (3, {1})
    assert mine["sizes"] == (2,) and mine["type"] == torch.int8
    for name, weight in torchs["model"].items():
        assert torch.equal(mine["model"][name], weight) and mine["model"][name].dtype == weight.dtype


def test_safetensors_come_back():
    data = safetensors.torch.save({"a": WEIGHT})
    assert torch.equal(read_weights(data)["a"], WEIGHT)


@pytest.mark.parametrize("old", [False, True], ids=["zip", "before torch 1.6"])
def test_what_lies_beside_is_passed_over_where_it_is_expected(old):
    beside = {
        "sampler": [np.arange(5), np.float64(2.0), np.random.RandomState(1)],
        "arguments": argparse.Namespace(rate=8000),
        "callbacks": {collections.Counter: 1, argparse.Action: 2},
        "counts": collections.Counter("aab"),
        "queue": collections.deque([1, 2]),
    }
    data = saved({"model": TENSORS} | beside, old)
    with pytest.raises(ForeignError) as error:
        read_weights(data, ["numpy", "collections"])
    assert error.value.module == "argparse" and "argparse.Namespace" in str(error.value)
    found = read_weights(data, ["numpy", "collections", "argparse"])
    assert all(torch.equal(found["model"][name], weight) for name, weight in TENSORS.items())
    with pytest.raises(ForeignError):
        read_weights(data, ["num", "collections", "argparse"])  # the beginning of a name is no module


class Asks:
    """Has a pickle call a function."""

    def __init__(self, function, *arguments):
        self.asked = function, arguments

    def __reduce__(self):
        return self.asked


@pytest.mark.parametrize("old", [False, True], ids=["zip", "before torch 1.6"])
@pytest.mark.parametrize("inside", ["all", "beside", "state"])
@pytest.mark.parametrize("how", ["system", "exec", "Popen", "open", "partial"])
def test_nothing_that_a_pickle_asks_for_is_run(tmp_path, how, inside, old):
    made = tmp_path / "made"
    bomb = {
        "system": Asks(os.system, f"touch {made}"),
        "exec": Asks(exec, f"open({str(made)!r}, 'w')"),
        "Popen": Asks(subprocess.Popen, ["touch", str(made)]),
        "open": Asks(open, str(made), "w"),
        "partial": Asks(getattr, Asks(__import__, "os"), "system"),
    }[how]
    content = {"all": bomb, "beside": {"model": TENSORS, "x": bomb}, "state": {"model": {"w": bomb}}}[inside]
    data = saved(content, old)
    with pytest.raises(ForeignError, match=r"its pickle asks for \S+, which is no weight"):
        read_weights(data)
    # Nor where it is expected: it stands for nothing.
    read_weights(data, ["posix", "builtins", "__builtin__", "subprocess", "commands", "io", "_io"])
    assert not made.exists()


def test_a_compiled_module_is_no_file_of_weights(tmp_path):
    class Adds(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + 1

    torch.jit.script(Adds()).save(tmp_path / "adds.pt")
    with pytest.raises(SepflowError, match="__torch__"):
        read_weights((tmp_path / "adds.pt").read_bytes())


@pytest.mark.parametrize("old", [False, True], ids=["zip", "before torch 1.6"])
def test_a_file_that_is_cut_short_or_damaged_is_one_message(old):
    data = saved({"model": TENSORS, "step": 3}, old)
    for end in [*range(0, len(data) - 1, max(1, len(data) // 60)), len(data) - 1]:
        with pytest.raises(SepflowError):
            read_weights(data[:end])
    for at in range(0, len(data), max(1, len(data) // 120)):
        damaged = bytearray(data)
        damaged[at] ^= 0x5A
        try:
            read_weights(bytes(damaged))  # of a weight's own bytes nobody can tell: a checksum does
        except SepflowError as error:
            assert str(error)


def test_safetensors_cut_short_are_one_message():
    data = safetensors.torch.save({"a": WEIGHT})
    for end in (9, 40, len(data) - 1):
        with pytest.raises(SepflowError):
            read_weights(data[:end])


class Storage:
    """A storage that a pickle tells of: its type, key and number of elements."""

    def __init__(self, *said):
        self.said = ("storage", *said)


def archived(size, stride, offset, elements=4, content=bytes(16)) -> bytes:
    """A file as torch writes it, of one tensor with these numbers."""

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            return thing.said if isinstance(thing, Storage) else None

    storage, pickled = Storage(torch.FloatStorage, "0", "cpu", elements), io.BytesIO()
    tensor = Asks(torch._utils._rebuild_tensor_v2, storage, offset, size, stride, False, {})
    Pickler(pickled, 2).dump({"w": tensor})
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x/data.pkl", pickled.getvalue())
        archive.writestr("x/data/0", content)
    return file.getvalue()


def test_a_tensor_must_lie_in_its_storage():
    assert read_weights(archived((2, 2), (2, 1), 0))["w"].shape == (2, 2)
    for size, stride, offset in [((5,), (1,), 0), ((4,), (1,), 1), ((2,), (1,), -1), ((2,), (-1,), 1)]:
        with pytest.raises(SepflowError):
            read_weights(archived(size, stride, offset))
    for elements, content in [(5, bytes(16)), (4, bytes(15)), (10**15, bytes(16)), (-1, b"")]:
        with pytest.raises(SepflowError):
            read_weights(archived((1,), (1,), 0, elements, content))


def test_a_zip_that_swells_is_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", bytes(10**7))
    with pytest.raises(SepflowError, match="unpacks to more than the whole file"):
        read_weights(file.getvalue())


@pytest.mark.parametrize("data", [b"", b"<!doctype html>", b"PK\x05\x06" + bytes(18), bytes(100)])
def test_something_else_is_said_to_be_so(data):
    with pytest.raises(SepflowError, match="neither safetensors nor written by torch.save"):
        read_weights(data)
