"""The door on a real socket, with times that a test can wait for."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from roadloop.web import door
from roadloop.web.door import DoorServer, connections_within

SOON = 30.0  # seconds within which what must happen happens, on any machine
HEAD = b"GET / HTTP/1.1\r\nhost: x\r\n"
LARGE = 64 * 2**20


async def hello(_: Request) -> Response:
    return PlainTextResponse("hello")


async def echo(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def large(_: Request) -> Response:
    return Response(bytes(LARGE))


async def endless(_: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"begun"
        await asyncio.Event().wait()

    return StreamingResponse(pieces())


@contextmanager
def serving(connections: int) -> Iterator[int]:
    routes = [Route("/", hello), Route("/large", large), Route("/endless", endless)]
    app = Starlette(routes=[*routes, Route("/echo", echo, methods=["POST"])])
    server = DoorServer(app, connections, timeout_graceful_shutdown=1)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> Callable[[door._Wait, float], None]:
    return lambda what, seconds: monkeypatch.setitem(door._SECONDS, what, seconds)


def connect(port: int, sent: bytes = b"") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=SOON)
    client.sendall(sent)
    return client


def closed(client: socket.socket) -> bool:
    """Wait until the other side closes; what came before is thrown away."""
    try:
        while client.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def status(client: socket.socket) -> bytes:
    return client.recv(4096).partition(b" ")[2][:3]


def test_door__the_longest_idle_connections_make_room_for_new_ones() -> None:
    with serving(8) as port, ExitStack() as stack:
        idle = [stack.enter_context(connect(port)) for _ in range(30)]
        for _ in range(3):
            asking = stack.enter_context(connect(port, HEAD + b"\r\n"))
            assert status(asking) == b"200"
        assert all(closed(client) for client in idle[:20])
        youngest = idle[-1]
        youngest.sendall(HEAD + b"\r\n")
        assert status(youngest) == b"200"


def test_door__who_is_served_is_not_closed_for_others() -> None:
    with serving(4) as port, ExitStack() as stack:
        served = [stack.enter_context(connect(port, b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n")) for _ in range(4)]
        for client in served:
            while b"begun" not in client.recv(4096):
                pass
        for _ in range(3):
            refused = stack.enter_context(connect(port))
            said = refused.recv(4096)
            assert said.startswith(b"HTTP/1.1 503")
            assert b"retry-after" in said
            assert closed(refused)
        served[0].close()
        deadline = time.monotonic() + SOON
        while status(stack.enter_context(connect(port, HEAD + b"\r\n"))) != b"200":
            assert time.monotonic() < deadline
        served[1].settimeout(0.05)
        with pytest.raises(TimeoutError):
            served[1].recv(1)


@pytest.mark.parametrize(
    ("what", "sent", "drop"),
    [
        (door._Wait.REQUEST, b"", b""),
        (door._Wait.HEAD, b"GE", b"T"),
        (door._Wait.HEAD, HEAD, b"a"),
        (door._Wait.BODY, b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9000\r\n\r\n", b"a"),
        (door._Wait.BODY, b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    ],
)
def test_door__who_keeps_us_waiting_is_closed(
    hurry: Callable[[door._Wait, float], None], what: door._Wait, sent: bytes, drop: bytes
) -> None:
    hurry(what, 0.5)
    with serving(100) as port, connect(port, sent) as client:
        try:
            for piece in drop * 1000:
                client.sendall(bytes([piece]))
                time.sleep(0.1)  # drop by drop: each comes in time, together they do not
        except OSError:
            return
        assert closed(client)


def test_door__a_slow_body_that_moves_arrives(hurry: Callable[[door._Wait, float], None]) -> None:
    hurry(door._Wait.BODY, 3.0)
    size, piece = 80 * 4096, bytes(4096)
    head = b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % size
    with serving(100) as port, connect(port, head) as client:
        for _ in range(80):
            client.sendall(piece)
            time.sleep(0.05)
        answer = client.recv(4096)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(str(size).encode())


def test_door__an_answer_that_nobody_reads_is_given_up(
    hurry: Callable[[door._Wait, float], None], caplog: pytest.LogCaptureFixture
) -> None:
    hurry(door._Wait.READER, 0.5)
    with serving(100) as port, connect(port, b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n") as client:
        deadline = time.monotonic() + SOON
        got = 0
        while "its answer is not read" not in caplog.text:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        try:
            while piece := client.recv(2**20):
                got += len(piece)
                assert time.monotonic() < deadline
        except ConnectionResetError:
            pass
        assert got < LARGE


def test_door__a_long_head_is_refused() -> None:
    with serving(100) as port, connect(port, b"GET /") as client:
        said = b""
        try:
            while not said:
                client.sendall(b"a" * 1000)
                client.settimeout(0.01)
                with suppress(TimeoutError):
                    said = client.recv(4096)
        except OSError:
            return  # closed before we read what it said
        assert said.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    ("wanted", "files", "expected"), [(1000, 65536, 1000), (1000, 1024, 624), (1000, 256, 64), (100, 1024, 100)]
)
def test_connections_within__leaves_files_for_everything_else(wanted: int, files: int, expected: int) -> None:
    assert connections_within(wanted, files) == expected
