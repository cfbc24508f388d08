"""Files of weights from outside: safetensors, or what torch.save wrote, of whose pickle nothing is run.

Published checkpoints hold more than weights: optimisers, samplers, settings, objects of classes that are not
installed here. So neither of torch's own two ways will do: one refuses them all, the other makes the objects,
and runs whatever the file asks for. Here tensors are made of their bytes, by this module; objects of modules
that the caller expects are passed over, that is, stand for nothing; and anything else is refused by its name.
"""

import collections
import io
import pickle
import zipfile
from collections.abc import Callable, Iterable
from typing import Any

import torch
from safetensors.torch import load as load_safetensors
from torch import Tensor

from sepflow.errors import SepflowError

OLD_MAGIC = 0x1950A86A20F9469CFC6C  # what files of before torch 1.6 begin with, pickled
OLD_START = pickle.dumps(OLD_MAGIC, 2)
OLD_PROTOCOL = 1001
TYPES = {
    f"{name}Storage": kind
    for name, kind in {
        "Double": torch.float64,
        "Float": torch.float32,
        "Half": torch.float16,
        "BFloat16": torch.bfloat16,
        "Long": torch.int64,
        "Int": torch.int32,
        "Short": torch.int16,
        "Char": torch.int8,
        "Byte": torch.uint8,
        "Bool": torch.bool,
    }.items()
}


class ForeignError(SepflowError):
    """The pickle asks for something that is no weight. `module` is where that would come from."""

    def __init__(self, module: str, name: str):
        super().__init__(f"its pickle asks for {module}.{name}, which is no weight; nothing of it was run")
        self.module = module


def read_weights(data: bytes, passed_over: Iterable[str] = ()) -> Any:
    """What the file with these bytes holds: dicts, lists, numbers and texts around tensors, on the CPU.

    `passed_over` are the modules (and all in them) of which the file may hold objects: these stand for
    nothing. Raises ForeignError where there are others, SepflowError where the file is damaged or something
    else; both without the file's name.
    """
    try:
        if data[8:9] == b"{":
            return load_safetensors(data)
        if data.startswith(b"PK\x03\x04"):
            return _read_zip(data, frozenset(passed_over))
        if data.startswith(OLD_START):
            return _read_old(data, frozenset(passed_over))
    except SepflowError:
        raise
    except Exception as error:  # a broken pickle may raise anything
        raise SepflowError(f"does not read ({str(error) or repr(error)})") from None
    raise SepflowError(f"neither safetensors nor written by torch.save: it begins with {data[:16]!r}")


class _PassedOver:
    """Stands for whatever a pickle would make, and takes whatever it would be given."""

    def __new__(cls, *arguments: Any, **named: Any) -> "_PassedOver":
        return super().__new__(cls)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        pass

    def _take(self, *arguments: Any) -> None:
        pass

    __setstate__ = __setitem__ = append = extend = add = _take


def _view(storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Tensor:
    """In place of torch's _rebuild_tensor_v2: a view of a storage; torch refuses one that leads out of it."""
    if min((offset, *size, *stride)) < 0:
        raise ValueError("a tensor of a negative size")
    return torch.as_strided(storage, size, stride, offset)


def _itself(tensor: Tensor, *_: Any) -> Tensor:
    """In place of torch's _rebuild_parameter."""
    return tensor


MADE: dict[str, Any] = {
    "collections.OrderedDict": collections.OrderedDict,
    "torch._utils._rebuild_tensor_v2": _view,
    "torch._utils._rebuild_parameter": _itself,
    "torch.Size": tuple,
    "torch.device": _PassedOver,
    "_codecs.encode": _PassedOver,  # what bytes are written by, for Python 2
    "builtins.set": set,
    "__builtin__.set": set,
}


class _Unpickler(pickle.Unpickler):
    """`stored(type, key, elements)` gives the flat tensor that is called by a key."""

    def __init__(
        self,
        file: io.BytesIO,
        passed_over: frozenset[str],
        stored: Callable[[torch.dtype, str, int], Tensor] | None = None,
    ) -> None:
        super().__init__(file, encoding="utf-8")
        self.passed_over, self.stored = passed_over, stored

    def find_class(self, module: str, name: str) -> Any:
        if (made := MADE.get(f"{module}.{name}")) is not None:
            return made
        if module in ("torch", "torch.cuda") and name in TYPES:
            return TYPES[name]
        if module == "torch" and isinstance(kind := vars(torch).get(name), torch.dtype):
            return kind
        if {module[:end] for end in _ends(module)} & self.passed_over:
            return _PassedOver
        raise ForeignError(module, name)

    def persistent_load(self, said: Any) -> Tensor:
        what, kind, key, _, elements, *view = said
        if what != "storage" or self.stored is None or not isinstance(kind, torch.dtype):
            raise ValueError(f"{what!r} in place of a tensor")
        storage = self.stored(kind, str(key), elements)
        if view and view[0] is not None:
            _, offset, size = view[0]
            return storage[offset : offset + size]
        return storage


def _ends(module: str) -> list[int]:
    """Where the names of a dotted module and of what it lies in end."""
    return [at for at, letter in enumerate(module) if letter == "."] + [len(module)]


def _read_zip(data: bytes, passed_over: frozenset[str]) -> Any:
    """A file of torch 1.6 or later: data.pkl beside a file for each storage."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        inside = [name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl"]
        if len(inside) != 1:
            raise SepflowError("a zip, but not written by torch.save: no data.pkl in it")
        folder = inside[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
            raise ValueError("written on a machine of another byte order")
        storages: dict[str, Tensor] = {}

        def stored(kind: torch.dtype, key: str, elements: int) -> Tensor:
            if key not in storages:
                content = _record(archive, f"{folder}data/{key}", len(data))
                _check_size(len(content), kind, elements, key)
                storages[key] = _flat(content, kind)
            return storages[key]

        return _Unpickler(io.BytesIO(_record(archive, inside[0], len(data))), passed_over, stored).load()


def _record(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """A file in the zip, of so many bytes at most: torch.save compresses nothing."""
    if archive.getinfo(name).file_size > most:
        raise ValueError(f"{name} unpacks to more than the whole file is")
    return archive.read(name)


def _read_old(data: bytes, passed_over: frozenset[str]) -> Any:
    """A file of before torch 1.6: five pickles, then the storages in the order of the last of them."""
    file, storages = io.BytesIO(data), {}

    def stored(kind: torch.dtype, key: str, elements: int) -> Tensor:
        if key not in storages:
            _check_size(len(data), kind, elements, key, most=True)
            storages[key] = torch.zeros(elements, dtype=kind)
        return storages[key]

    _, protocol, system = (_Unpickler(file, passed_over).load() for _ in range(3))
    if protocol != OLD_PROTOCOL or not system["little_endian"]:
        raise ValueError(f"of protocol {protocol!r}, or written on a machine of another byte order")
    loaded = _Unpickler(file, passed_over, stored).load()
    for key in _Unpickler(file, passed_over).load():
        storage = storages[str(key)]
        announced, content = file.read(8), file.read(len(storage) * storage.element_size())
        if announced != len(storage).to_bytes(8, "little"):
            raise ValueError(f"the storage {key} is not of {len(storage)} numbers, or cut short")
        _check_size(len(content), storage.dtype, len(storage), str(key))
        storage.copy_(_flat(content, storage.dtype))
    return loaded


def _check_size(there: int, kind: torch.dtype, elements: Any, key: str, most: bool = False) -> None:
    """Raise ValueError where a storage of so many elements is not what so many bytes hold, or can hold."""
    if not isinstance(elements, int) or elements < 0:
        raise ValueError(f"a storage of {elements!r} numbers")
    wanted = elements * kind.itemsize
    if there < wanted or (there > wanted and not most):
        raise ValueError(f"{there} bytes where the {elements} numbers of {key} are {wanted}: cut short?")


def _flat(content: bytes, kind: torch.dtype) -> Tensor:
    return torch.frombuffer(bytearray(content), dtype=kind) if content else torch.zeros(0, dtype=kind)
