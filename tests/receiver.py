"""A receiver of notices: a real HTTP server that keeps what came, answers as it is told, and counts who is there at once."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple

SOON: Final = 60.0  # seconds within which what must happen happens, on any machine


class Came(NamedTuple):
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Its body."""
        return json.loads(self.body)


class Receiver(ThreadingHTTPServer):
    """Listens on loopback.

    Attributes:
        came: What came, in order.
        answers: What is answered, first to last; then 200 `{"errcode": 0}` for ever. None: the connection is cut.
        seconds: An answer takes so long.
        most: How many requests were there at once, at most.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.came: list[Came] = []
        self.answers: list[tuple[int, bytes] | None] = []
        self.seconds = 0.0
        self.most = self._there = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """Its address, with a key in it as robots have."""
        return f"http://127.0.0.1:{self.server_address[1]}/hook?key=planted-key"

    def take(self, one: Came) -> tuple[int, bytes] | None:
        """Keep a request, and say what is answered."""
        with self.lock:
            self.came.append(one)
            self._there += 1
            self.most = max(self.most, self._there)
            answer = self.answers.pop(0) if self.answers else (200, b'{"errcode": 0}')
        time.sleep(self.seconds)
        with self.lock:
            self._there -= 1
        return answer

    def told(self) -> list[tuple[str, str]]:
        """Of JSON messages: title and state of all that came, in order."""
        return [(change["title"], change["state"]) for one in list(self.came) for change in one.json["data"]]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        """Take it."""
        body = self.rfile.read(int(self.headers["content-length"]))
        answer = self.server.take(Came(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        if answer is None:
            self.connection.close()
            return
        self.send_response(answer[0])
        self.send_header("content-length", str(len(answer[1])))
        self.end_headers()
        self.wfile.write(answer[1])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that listens."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        thread.join()
        receiver.server_close()


def until(true: Callable[[], bool]) -> None:
    """Wait for something that must come."""
    deadline = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
