"""A web server on 127.0.0.1 that misbehaves on demand, to fetch from in tests."""

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[["Request"], None]


@dataclass
class Site:
    """What a server holds ({path: answer}), and what it was asked: (path, first byte asked for)."""

    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)
    port: int = 0
    closing: threading.Event = field(default_factory=threading.Event)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"

    def starts(self, name: str) -> list[int]:
        return [start for path, start in self.asked if path == f"/{name}"]

    def put(self, name: str, answer: Answer | bytes) -> str:
        """Serve `name`; returns its url."""
        self.answers[f"/{name}"] = whole(answer) if isinstance(answer, bytes) else answer
        return self.url(name)


class Request(BaseHTTPRequestHandler):
    """A request; `start` and `end` are the bytes asked for."""

    protocol_version = "HTTP/1.1"
    site: Site

    def do_GET(self) -> None:
        found = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        self.start = int(found[1]) if found else 0
        self.end = int(found[2]) + 1 if found and found[2] else None
        self.ranged = bool(found)
        self.site.asked.append((self.path, self.start))
        with contextlib.suppress(ConnectionError):
            self.site.answers.get(self.path, status(404))(self)

    def head(self, code: int, length: int | None, **headers: str) -> None:
        self.send_response(code)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, *_) -> None:
        pass


def whole(data: bytes, pause: float = 0.0, piece: int = 1 << 14, drop: int | None = None) -> Answer:
    """`data` as it should be served; `pause` seconds after each piece; `drop`: cut after so many bytes."""

    def answer(request: Request) -> None:
        if request.start >= len(data):
            return request.head(416, 0, Content_Range=f"bytes */{len(data)}")
        end = min(request.end or len(data), len(data))
        if request.ranged:
            place = f"bytes {request.start}-{end - 1}/{len(data)}"
            request.head(206, end - request.start, Content_Range=place, Accept_Ranges="bytes")
        else:
            request.head(200, len(data), Accept_Ranges="bytes")
        stop = end if drop is None else min(end, request.start + drop)
        for at in range(request.start, stop, piece):
            request.wfile.write(data[at : min(at + piece, stop)])
            if pause and request.site.closing.wait(pause):
                break
        if stop < end:
            request.close_connection = True
        return None

    return answer


def status(code: int, **headers: str) -> Answer:
    """Nothing but a status."""
    return lambda request: request.head(code, 0, **headers)


def lying(data: bytes, length: int) -> Answer:
    """`data` under a wrong Content-Length, deaf to ranges."""

    def answer(request: Request) -> None:
        request.head(200, length)
        request.wfile.write(data)
        request.close_connection = True

    return answer


def stalling(data: bytes, after: int, wait: float = 30.0) -> Answer:
    """The first `after` bytes of `data`, then silence for `wait` seconds, also for the rest."""

    def answer(request: Request) -> None:
        if request.ranged:
            place = f"bytes {request.start}-{len(data) - 1}/{len(data)}"
            request.head(206, len(data) - request.start, Content_Range=place)
        else:
            request.head(200, len(data))
        request.wfile.write(data[request.start : after])
        request.wfile.flush()
        request.site.closing.wait(wait)
        request.close_connection = True

    return answer


@contextlib.contextmanager
def serving() -> Iterator[Site]:
    """A site of one's own; its threads end with the block."""
    site = Site()
    handler = type("Handler", (Request,), {"site": site})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    site.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield site
    finally:
        site.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
