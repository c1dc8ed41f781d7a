"""The door of the server: how many connections there are, and how long each may keep the server waiting.

A connection waits for its client in four ways: for a request to begin, for the rest of its head, for its body, and for
the client to read the answer. Each has its time, which moving bytes prolong. When there are too many connections, the
one that has waited longest is closed for the new one; those that the server itself is at work for stay.
"""

import asyncio
import enum
import logging
import resource
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

log: Final = logging.getLogger(__name__)

IDLE_SECONDS: Final = 15.0  #: between two requests, and before the first
HEAD_SECONDS: Final = 10.0  #: from the first byte of a request to the end of its head
STILL_SECONDS: Final = 15.0  #: a body, or the reading of an answer, may stand still for so long
BYTES_A_SECOND: Final = 16 * 1024  #: moving fewer in the long run counts as standing still
HEAD_BYTES: Final = 16 * 1024  #: longest head that comes in pieces
ACCEPTED_A_ROUND: Final = 16  #: connections that are let in at once
#: The kernel keeps so many waiting; who finds no place there tries again after a second.
IN_KERNEL: Final = 2048
#: Files that the server needs besides its connections: database, jobs' pipes, pictures, libraries.
OTHER_FILES: Final = 400
MOST_FILES: Final = 2**16

_buffer: Final = bytearray(16 * 1024)
_FULL: Final = '{"errno": 0, "message": "连接太多，请稍后重试。", "error": "busy", "details": {}}'.encode()
_REFUSAL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 2\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(_FULL), _FULL)
)


def raise_file_limit() -> int:
    """Let this process open as many files as the system allows it; returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):  # some systems promise more than they give
            return soft
        return wanted
    return wanted if soft == resource.RLIM_INFINITY else soft


def connections_within(wanted: int, files: int) -> int:
    """How many connections there may be where a process may open `files` files."""
    return min(wanted, max(files - OTHER_FILES, files // 4))


class DoorServer(uvicorn.Server):
    """uvicorn behind a door.

    Args:
        app: The application.
        connections: How many there may be at once.
        leaving: Called when the server begins to stop, to end what would go on for ever.
        options: More options of `uvicorn.Config`.
    """

    def __init__(self, app: Any, connections: int, leaving: Callable[[], None] = lambda: None, **options: Any) -> None:
        self._door: Final = _Door(connections)
        self._leaving: Final = leaving
        super().__init__(
            uvicorn.Config(
                app,
                http=partial(_Reader, self._door),  # type: ignore[arg-type]  # uvicorn only calls it
                loop="uvloop",
                ws="none",
                log_config=None,
                log_level="warning",
                access_log=False,
                backlog=IN_KERNEL,
                timeout_keep_alive=int(IDLE_SECONDS),
                h11_max_incomplete_event_size=HEAD_BYTES,
                **options,
            )
        )

    def open_connections(self) -> int:
        """How many there are."""
        return len(self.server_state.connections)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, with a long queue in the kernel, and let in several in one round of the loop.

        uvloop takes one connection of a listener in a round, behind whatever else the round brings: who came behind a
        hundred others waited a hundred rounds. So it gets each listener several times.
        """
        await super().startup([listener.dup() for listener in sockets or () for _ in range(ACCEPTED_A_ROUND)])
        for listener in sockets or ():
            listener.listen(IN_KERNEL)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: end the streams first, which others would wait for."""
        self._leaving()
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        """Once a second, close who keeps us waiting for too long."""
        if counter % 10 == 0:
            self._door.close_late(asyncio.get_running_loop().time())
        return await super().on_tick(counter)


class _Wait(enum.Enum):
    """What a connection waits for from its client."""

    REQUEST = "no request"
    HEAD = "the head of its request does not end"
    BODY = "the body of its request comes too slowly"
    READER = "its answer is not read"


_SECONDS: Final = {
    _Wait.REQUEST: IDLE_SECONDS,
    _Wait.HEAD: HEAD_SECONDS,
    _Wait.BODY: STILL_SECONDS,
    _Wait.READER: STILL_SECONDS,
}


class _Door:
    """The connections that wait for their clients; who began first comes first."""

    def __init__(self, connections: int) -> None:
        self.limit: Final = connections
        self.waiting: Final[dict[_Connection, None]] = {}

    def close_late(self, now: float) -> None:
        for connection in [one for one in self.waiting if one.is_late(now)]:
            connection.drop()

    def make_room(self) -> bool:
        """Close who has waited longest; False when nobody waits."""
        longest = next(iter(self.waiting), None)
        if longest is None:
            return False
        log.warning("there are %d connections: closed one (%s)", self.limit, longest.reason)
        longest.drop(said=True)
        return True


class _Reader(asyncio.BufferedProtocol):
    """Reads for a connection, a little at a time; uvloop's own buffer has sixteen times as much room.

    One buffer serves all: the loop fills it and tells of it in one go.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self._to = _Connection(*args, **options)
        self.connection_made = self._to.connection_made  # type: ignore[method-assign, assignment]
        self.connection_lost = self._to.connection_lost  # type: ignore[method-assign]
        self.eof_received = self._to.eof_received  # type: ignore[method-assign]
        self.pause_writing = self._to.pause_writing  # type: ignore[method-assign]
        self.resume_writing = self._to.resume_writing  # type: ignore[method-assign]

    def get_buffer(self, _size: int) -> bytearray:
        """Where the loop puts what it reads."""
        return _buffer

    def buffer_updated(self, size: int) -> None:
        """Hand it on."""
        self._to.data_received(bytes(memoryview(_buffer)[:size]))


class _Connection(H11Protocol):
    """One connection, which knows what it waits for."""

    def __init__(self, door: _Door, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._door = door
        self._wait: _Wait | None = None  # for the client; None: the server is at work
        self._until = 0.0
        self._unread = 0

    @property
    def reason(self) -> str:
        """What it waits for, in words."""
        return "" if self._wait is None else self._wait.value

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Take it in, make room for it, or refuse it."""
        super().connection_made(transport)
        if len(self.connections) > self._door.limit and not self._door.make_room():
            log.warning("there are %d connections, all at work: refused one", self._door.limit)
            transport.write(_REFUSAL)
            transport.close()
            return
        self._wait_for(_Wait.REQUEST)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._work()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of a request."""
        if self._wait is _Wait.REQUEST:
            self._wait_for(_Wait.HEAD)
        super().data_received(data)
        self._look(len(data))

    def on_response_complete(self) -> None:
        """The answer is on its way, and the next request may come."""
        super().on_response_complete()
        self._look(0)

    def pause_writing(self) -> None:
        """The client reads more slowly than we write."""
        super().pause_writing()
        self._unread = self.transport.get_write_buffer_size()
        self._wait_for(_Wait.READER)

    def resume_writing(self) -> None:
        """The client has read on."""
        super().resume_writing()
        self._work()
        self._look(0)

    def is_late(self, now: float) -> bool:
        """Whether its time is over."""
        if self._wait is _Wait.READER:
            left = self.transport.get_write_buffer_size()
            self._prolong(max(self._unread - left, 0), now)
            self._unread = left
        return now > self._until

    def drop(self, *, said: bool = False) -> None:
        """Close it at once, whatever is on its way."""
        if self._wait is not _Wait.REQUEST and not said:
            log.warning("closed a connection: %s", self.reason)
        self.connections.discard(self)
        self._work()
        self.transport.abort()

    def _look(self, came: int) -> None:
        """See what it waits for now, after so many bytes came."""
        if self._wait is _Wait.READER or self.transport.is_closing():
            return
        theirs = self.conn.their_state
        if theirs is h11.SEND_BODY:
            if self._wait is not _Wait.BODY:
                self._wait_for(_Wait.BODY)
            elif not self.cycle.response_complete:  # what comes after the answer is only thrown away
                self._prolong(came, self.loop.time())
        elif theirs is not h11.IDLE:
            self._work()
        elif self._wait not in {_Wait.REQUEST, _Wait.HEAD}:
            self._wait_for(_Wait.REQUEST)

    def _wait_for(self, what: _Wait) -> None:
        self._work()
        self._wait, self._until = what, self.loop.time() + _SECONDS[what]
        self._door.waiting[self] = None

    def _prolong(self, moved: int, now: float) -> None:
        self._until = min(now + STILL_SECONDS, self._until + moved / BYTES_A_SECOND)

    def _work(self) -> None:
        self._wait = None
        self._door.waiting.pop(self, None)
