"""A tar as a stream of members that says when it ends too early, or never, or swells in memory."""

import tarfile
from collections.abc import Callable, Iterator
from typing import IO, Any

from sepflow.errors import SepflowError

BLOCK = 512
PIECE = 1 << 16
MOST_HEADER = 1 << 20  # bytes of long names and attributes before a member, which lie in memory
_EXTENSIONS = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)


class TooLargeError(SepflowError):
    """More came out of an archive than may."""


class _Watched:
    """A stream of `most` bytes that remembers the last two pieces read of it, and where they began."""

    def __init__(self, stream: IO[bytes], most: int):
        self.stream, self.most, self.at, self.start, self.last = stream, most, 0, 0, b""
        self.before = b""

    def read(self, size: int) -> bytes:
        piece = self.stream.read(size)
        self.before, self.last = self.last, piece
        self.start = self.at - len(self.before)
        self.at += len(piece)
        if self.at > self.most:
            raise TooLargeError(f"more than {self.most} bytes, far beyond what the archive should unpack to")
        return piece

    def block(self, offset: int) -> bytes:
        """The 512 bytes at `offset`, as far as they are remembered."""
        return (self.before + self.last)[max(0, offset - self.start) :][:BLOCK]


def members_of_tar(stream: IO[bytes], member: Callable[..., Any], most: int) -> Iterator[Any]:
    """`member(name, kind, size, target, source)` of each entry of an uncompressed tar, in its order.

    Raises TooLargeError where the tar has more than `most` bytes, or a header more than MOST_HEADER.

    Raises tarfile.ReadError where it does not end as a tar ends. (tarfile takes a header that is damaged or
    missing for the end, once a first one was read.) Reads to the stream's end: only there lies its checksum.
    """
    with stream:
        watched = _Watched(stream, most)
        with tarfile.open(fileobj=watched, mode="r|", bufsize=PIECE, tarinfo=_bounded_headers()) as tar:
            while info := tar.next():
                _check_header(sum(map(len, tar.pax_headers.values())))  # those for all members to come
                source = tar.extractfile(info) if info.isreg() else None
                yield member(info.name, _kind(info), info.size, info.linkname, source)
                tar.members.clear()  # or they would all be kept
            if watched.block(tar.offset) != bytes(BLOCK):
                raise tarfile.ReadError(f"no end of the tar at byte {tar.offset}")
        while watched.read(PIECE):
            pass


def _bounded_headers() -> type[tarfile.TarInfo]:
    """The headers of one tar, as a class: tarfile reads a header whole, whatever size it declares."""

    class Header(tarfile.TarInfo):
        pending = 0  # bytes of extensions before the next member

        @classmethod
        def frombuf(cls, buf: bytes, encoding: str, errors: str) -> tarfile.TarInfo:
            info = super().frombuf(buf, encoding, errors)
            cls.pending = cls.pending + info.size if info.type in _EXTENSIONS else 0
            _check_header(cls.pending)
            return info

    return Header


def _check_header(size: int) -> None:
    if size > MOST_HEADER:
        raise TooLargeError(f"{size} bytes of names and attributes in a header, {MOST_HEADER} are the most")


def _kind(info: tarfile.TarInfo) -> str:
    kinds = {
        "file": info.isreg(),
        "directory": info.isdir(),
        "symlink": info.issym(),
        "hardlink": info.islnk(),
        "fifo": info.isfifo(),
    }
    return next((kind for kind, fits in kinds.items() if fits), "device")
