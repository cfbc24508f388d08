"""A tar as a stream of members that says when it ends too early."""

import tarfile
from collections.abc import Callable, Iterator
from typing import IO, Any

BLOCK = 512
PIECE = 1 << 16


class _Watched:
    """A stream that remembers the last two pieces read of it, and where they began."""

    def __init__(self, stream: IO[bytes]):
        self.stream, self.at, self.start, self.last = stream, 0, 0, b""
        self.before = b""

    def read(self, size: int) -> bytes:
        piece = self.stream.read(size)
        self.before, self.last = self.last, piece
        self.start = self.at - len(self.before)
        self.at += len(piece)
        return piece

    def block(self, offset: int) -> bytes:
        """The 512 bytes at `offset`, as far as they are remembered."""
        return (self.before + self.last)[max(0, offset - self.start) :][:BLOCK]


def members_of_tar(stream: IO[bytes], member: Callable[..., Any]) -> Iterator[Any]:
    """`member(name, kind, size, target, source)` of each entry of an uncompressed tar, in its order.

    Raises tarfile.ReadError where it does not end as a tar ends. (tarfile takes a header that is damaged or
    missing for the end, once a first one was read.) Reads to the stream's end: only there lies its checksum.
    """
    with stream:
        watched = _Watched(stream)
        with tarfile.open(fileobj=watched, mode="r|", bufsize=PIECE) as tar:
            while info := tar.next():
                source = tar.extractfile(info) if info.isreg() else None
                yield member(info.name, _kind(info), info.size, info.linkname, source)
                tar.members.clear()  # or they would all be kept
            if watched.block(tar.offset) != bytes(BLOCK):
                raise tarfile.ReadError(f"no end of the tar at byte {tar.offset}")
        while watched.read(PIECE):
            pass


def _kind(info: tarfile.TarInfo) -> str:
    kinds = {
        "file": info.isreg(),
        "directory": info.isdir(),
        "symlink": info.issym(),
        "hardlink": info.islnk(),
        "fifo": info.isfifo(),
    }
    return next((kind for kind, fits in kinds.items() if fits), "device")
