"""A corpus as the rest of sepflow sees it: one flat file of int16 samples and one manifest."""

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sepflow.errors import SepflowError
from sepflow.files import is_file, read_bytes, replacing, write_bytes
from sepflow.files.contracts import CHANNELS, MANIFEST_COLUMNS, channels_of, check_manifest, check_own
from sepflow.files.reading import read_table
from sepflow.files.seals import CHEAP, check_seal, write_seal
from sepflow.results import AUDIO, MANIFEST

SAMPLE = np.dtype("<i2")
UNIT = 1 / 32768
NUMBERS = {"samples": "int64", "offset": "int64", "scale": "float64", "level_db": "float64"}


class OwnTable(NamedTuple):
    """A table of a corpus's own; its columns `ids` name utterances."""

    table: pd.DataFrame
    ids: Sequence[str]


def quantise(samples: np.ndarray) -> tuple[np.ndarray, float]:
    """(int16 codes, scale) with samples = codes * scale to half a step; never clips.

    The scale is 1/32768, so that 16-bit audio comes back bit by bit, unless `samples` (float, full scale 1,
    shape (n,), or (n, channels)) goes beyond what that holds; then the peak becomes the largest code. Several
    channels have one scale, so that the differences of their levels stay.
    """
    codes, scale = np.rint(np.asarray(samples, np.float64) / UNIT), UNIT
    if codes.max(initial=0) > 32767 or codes.min(initial=0) < -32768:
        scale = float(np.abs(samples).max()) / 32767
        codes = np.rint(np.asarray(samples, np.float64) / scale)
    return codes.astype(SAMPLE), scale


def level_db(samples: np.ndarray, scale: float = 1.0) -> float:
    """RMS of samples * scale, of all channels, in dB re full scale (a constant 1 is 0 dB); -inf of zeros."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) * scale**2 if len(samples) else 0.0
    # Rounded: the last bits of a logarithm differ from machine to machine, and the file must not.
    return round(10 * math.log10(power), 6) if power > 0 else -math.inf


def write_corpus(
    out: Path,
    utterances: Iterable[tuple[dict[str, Any], np.ndarray, float]],
    own: Mapping[str, OwnTable] | None = None,
) -> None:
    """Write `audio.i16`, a seal, then `manifest.csv`, from a stream of (labels, int16 codes, scale).

    Before the seal, tables of the corpus's `own`, NAME.csv: one that stands there as it is to be, stays.

    Codes are of shape [n], or all of [n, channels]: so they lie in the file, and so the manifest says it.
    `labels` holds id, speaker, sex, split, text, path and any further columns, all strings. Only labels
    are kept in memory. Raises SepflowError where the manifest breaks its contract or the disk is full;
    what the stream raises passes through. In both cases nothing is written.
    """
    rows, offset, content, several = [], 0, hashlib.sha256(), False
    with replacing(out / AUDIO) as temporary:
        with temporary.open("wb") as audio:
            for labels, codes, scale in utterances:
                data = codes.astype(SAMPLE, copy=False).tobytes()
                audio.write(data)
                content.update(data)
                place = {"samples": len(codes), "offset": offset, "scale": scale}
                place |= {CHANNELS: codes.shape[1]} if codes.ndim > 1 else {}
                several |= codes.ndim > 1
                rows.append(labels | place | {"level_db": level_db(codes, scale)})
                offset += len(codes)
        manifest = _in_columns(rows, several)
        check_manifest(manifest, str(out / MANIFEST))
        tables = {f"{name}.csv": _text(out, name, one, manifest["id"]) for name, one in (own or {}).items()}
        # An old manifest must not vouch for new samples, should we die between the two files.
        (out / MANIFEST).unlink(missing_ok=True)
    text = manifest.to_csv(index=False, lineterminator="\n").encode()
    digests = {MANIFEST: hashlib.sha256(text).hexdigest(), AUDIO: content.hexdigest()}
    for file, table in tables.items():
        if not is_file(out / file) or read_bytes(out / file) != table:
            write_bytes(out / file, table)
        digests[file] = hashlib.sha256(table).hexdigest()
    write_seal(out, digests, count=len(rows))
    write_bytes(out / MANIFEST, text)


def write_own(out: Path, name: str, own: OwnTable, utterances: Iterable[str]) -> None:
    """Write a table of its own, NAME.csv, of a corpus that will have these `utterances` (ids) at most.

    Raises SepflowError where it breaks its contract.
    """
    write_bytes(out / f"{name}.csv", _text(out, name, own, utterances))


def _text(out: Path, name: str, own: OwnTable, utterances: Iterable[str]) -> bytes:
    check_own(own.table, own.ids, utterances, str(out / f"{name}.csv"))
    return own.table.to_csv(index=False, lineterminator="\n").encode()


def _in_columns(rows: list[dict[str, Any]], several: bool) -> pd.DataFrame:
    columns = list(MANIFEST_COLUMNS)
    if several:
        columns.insert(columns.index("samples") + 1, CHANNELS)
    extra = list(dict.fromkeys(key for row in rows for key in row if key not in columns))
    return pd.DataFrame(rows, columns=[*columns, *extra])


def read_manifest(directory: Path, name: str | None = None) -> pd.DataFrame:
    """The manifest of the corpus in `directory`, checked, indexed by id; all but NUMBERS are strings.

    With the `name` of the corpus that it must be, it is held against its seal.
    Raises SepflowError where there is none, where it does not read, or where it breaks its contract.
    """
    path = Path(directory) / MANIFEST
    way_out = "Build this corpus first." if not path.exists() else "Remove the corpus and build it again."
    if name and path.exists():
        check_seal(path.parent, name, [MANIFEST])
    # A speaker may be called NA.
    numbers = defaultdict(lambda: str, NUMBERS)
    manifest = read_table(path, (), way_out, dtype=numbers, keep_default_na=False)
    check_manifest(manifest, str(path))
    return manifest.set_index("id")


def read_own(directory: Path, table: str, ids: Sequence[str], name: str | None = None) -> pd.DataFrame:
    """A `table` of its own of the corpus in `directory`, checked: `ids` are its columns that name utterances.

    All cells are strings. With the `name` of the corpus that it must be, it is held against its seal. Raises
    SepflowError where there is none, where it does not read, or where it breaks its contract.
    """
    path = Path(directory) / f"{table}.csv"
    utterances = read_manifest(path.parent, name).index
    if name:
        check_seal(path.parent, name, [path.name])
    rows = read_table(path, (), "Remove the corpus and build it again.", dtype=str, keep_default_na=False)
    check_own(rows, ids, utterances, str(path))
    return rows


class PackedCorpus:
    """The utterances of a built corpus, read by id. `manifest` is a DataFrame indexed by id.

    All have as many `channels` (1: mono). Lengths and places are in samples of a channel.

    Opening maps the file into memory; forked workers share the map, pickling sends the directory alone.
    With the `name` of the corpus that it must be, its files are held against their seal, the audio where it
    has at most `effort` bytes. Raises SepflowError where `audio.i16` is not what the manifest says.
    """

    def __init__(self, directory: str | Path, name: str | None = None, effort: float = CHEAP) -> None:
        self.directory = Path(directory)
        self.manifest = read_manifest(self.directory, name)
        columns = (self.manifest[name].tolist() for name in ("offset", "samples", "scale"))
        self.channels = channels_of(self.manifest)
        self._places = dict(zip(self.manifest.index, zip(*columns, strict=True), strict=True))
        self._codes = self._map()
        if name:  # after the sizes, which say more of a file that is cut
            seal = check_seal(self.directory, name, [MANIFEST, AUDIO], effort)
            if own := sorted({*seal["files"]} - {MANIFEST, AUDIO}):
                check_seal(self.directory, name, own)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.directory,)

    def __len__(self) -> int:
        return len(self._places)

    def samples(self, utterance_id: str) -> int:
        """The length of an utterance in samples."""
        return self._places[utterance_id][1]

    def read(
        self, utterance_id: str, start: int = 0, length: int | None = None, gain: float = 1.0
    ) -> np.ndarray:
        """Samples of one utterance times `gain`, float32: `length` from `start`, or all the rest.

        Their shape is (length,), of a corpus of several channels (channels, length).

        Raises SepflowError for an unknown id and for samples that lie outside of the utterance.
        """
        try:
            offset, samples, scale = self._places[utterance_id]
        except KeyError:
            raise SepflowError(f"{self.directory / MANIFEST}: no utterance {utterance_id!r}.") from None
        stop = samples if length is None else start + length
        if not 0 <= start <= stop <= samples:
            raise SepflowError(
                f"{self.directory}: samples {start} to {stop} of {utterance_id!r}, which has {samples}. "
                "Draw the window from its manifest."
            )
        codes = self._codes[offset + start : offset + stop]
        # Two products, not one with scale * gain: the simulators of the field round in this order.
        return np.multiply(codes.T, np.float32(scale), dtype=np.float32, order="C") * np.float32(gain)

    def _map(self) -> np.ndarray:
        path = self.directory / AUDIO
        counts = self.manifest["samples"].to_numpy()
        expected = int(counts.sum()) * self.channels * SAMPLE.itemsize
        actual = path.stat().st_size if path.exists() else 0
        contiguous = np.array_equal(self.manifest["offset"].to_numpy(), np.cumsum(counts) - counts)
        if actual != expected or not contiguous:
            raise SepflowError(
                f"{path}: {actual} bytes where {MANIFEST} tells of {expected}"
                f"{'' if contiguous else ', and its offsets do not follow from its samples'}: the two do not "
                "belong together, or a copy was cut short. Remove the corpus and build it again."
            )
        # A plain view: slicing a memmap itself costs several times as much.
        codes = np.memmap(path, SAMPLE, mode="r").view(np.ndarray)
        return codes if self.channels == 1 else codes.reshape(-1, self.channels)
