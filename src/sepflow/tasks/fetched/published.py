"""The weights in a published file, under the names that they have here."""

import hashlib
import io
import zipfile
from collections.abc import Iterable
from typing import Any

from torch import Tensor

from sepflow.errors import SepflowError, unknown_name
from sepflow.files.weights import ForeignError, read_weights
from sepflow.tasks.fetched.settings import Settings

SWELLS = 30  # a member may unpack to so many times the size of its zip


def check_sum(data: bytes, checksum: str | None) -> None:
    """Raise SepflowError where these bytes are not those that were published."""
    algorithm, _, wanted = (checksum or "").partition(":")
    came = hashlib.new(algorithm, data, usedforsecurity=False).hexdigest() if wanted else ""
    if came != wanted:
        raise SepflowError(f"has the {algorithm} {came}, and {wanted} was published")


def read_published(data: bytes, settings: Settings, beside: Iterable[str]) -> dict[str, Tensor]:
    """The weights by their names here, of a file with these bytes.

    `beside` are the modules of what else it has. Raises SepflowError where it is not as `settings` say.
    """
    where = ""
    if settings.member:
        data, where = _member(data, settings.member), f"{settings.member}: "
    try:
        content = read_weights(data, beside)
    except ForeignError as error:
        raise SepflowError(
            f"{where}{error}. If its publisher is known to put such things beside the weights, add "
            f"{error.module.split('.')[0]} to `beside` in config/networks/{settings.network}.yaml"
        ) from None
    except SepflowError as error:
        raise SepflowError(f"{where}{error}") from None
    return _renamed(_state(content, settings.state), settings)


def _member(data: bytes, name: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if name not in archive.namelist():
                raise SepflowError(unknown_name("member", name, archive.namelist()))
            if archive.getinfo(name).file_size > SWELLS * len(data):
                raise SepflowError(f"{name}: unpacks to far more than its zip could hold in good faith")
            return archive.read(name)
    except SepflowError:
        raise
    except Exception as error:  # of a broken zip: anything
        raise SepflowError(f"no whole zip ({str(error) or repr(error)})") from None


def _state(content: Any, keys: Iterable[str]) -> dict[str, Any]:
    """What the keys lead to."""
    for key in keys:
        if not isinstance(content, dict) or key not in content:
            there = [str(x) for x in content] if isinstance(content, dict) else [type(content).__name__]
            raise SepflowError(f"state: {unknown_name('key', key, there[:20])}")
        content = content[key]
    if not isinstance(content, dict):
        raise SepflowError(f"a {type(content).__name__} in place of weights by names")
    return content


def _renamed(state: dict[str, Any], settings: Settings) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = {}
    for published, weight in state.items():
        if str(published).startswith(tuple(settings.left_out)):
            continue
        if not isinstance(weight, Tensor):
            kind = type(weight).__name__
            raise SepflowError(f"{published}: a {kind} in place of a weight. Are the keys of `state` right?")
        start = max((x for x in settings.renamed if published.startswith(x)), key=len, default="")
        name = settings.renamed.get(start, "") + published.removeprefix(start)
        if name in weights:
            raise SepflowError(f"{published}: renamed to {name}, which another is called already")
        weights[name] = weight
    return weights
