"""Bodies on their way: of requests, as long as they are not answered, and of large answers.

All of one direction together have a budget of memory, so that many half-sent requests, or many answers that nobody
reads, cost no more than that.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from roadloop.errors import BusyError, MalformedRequestError, Text, TooLargeError
from roadloop.web.rounds import Rounds

FREE_BYTES: Final = 64 * 1024  #: a body up to this size, of which there is one a connection, needs no budget
REQUESTS_BYTES: Final = 64 * 2**20
ANSWERS_BYTES: Final = 512 * 2**20
PIECE_BYTES: Final = 256 * 1024  #: of a large answer, written as the client reads
#: So many large bodies get their next piece in one round of the loop. Every question waits some rounds for its answer.
PIECES_A_ROUND: Final = 1


@dataclass
class Budget:
    """Bytes that all bodies of one direction may hold together."""

    size: int
    held: int = 0


class Claim:
    """One body's part of a budget, given back when the block ends."""

    def __init__(self, budget: Budget) -> None:
        self._budget: Final = budget
        self._bytes = 0

    def grow(self, size: int) -> None:
        """The body has so many bytes now.

        Raises:
            BusyError: Together with the others that is too much. One body alone never is.
        """
        if size <= FREE_BYTES:
            return
        others = self._budget.held - self._bytes
        if others and others + size > self._budget.size:
            raise BusyError(
                Text(
                    "同时传输的内容太多，服务内存不足；没有改动任何东西，请稍后重试。",
                    "Too much is being sent at once for the server's memory. Nothing was changed; try again in a moment.",
                )
            )
        self._budget.held, self._bytes = others + size, size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._budget.held -= self._bytes
        self._bytes = 0


_pieces: Final = Rounds(PIECES_A_ROUND)
requests: Final = Budget(REQUESTS_BYTES)
answers: Final = Budget(ANSWERS_BYTES)


async def read_body(request: Request, longest: int, claim: Claim) -> bytes:
    """The body of a request.

    Args:
        request: Nothing of it has been read.
        longest: Bytes.
        claim: Grows with it.

    Raises:
        TooLargeError: It is longer; where the request says so itself, nothing is read.
        BusyError: There is no room for it now.
        MalformedRequestError: The client broke off.
    """
    _check_declared(request, longest)
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > longest:
                raise _too_large(longest)
            claim.grow(size)
            chunks.append(chunk)
            if size > FREE_BYTES:
                await _pieces.turn()  # before the next piece is read
    except ClientDisconnect as error:
        raise _broken_off() from error
    return b"".join(chunks)


async def read_pieces(request: Request, longest: int, claim: Claim) -> AsyncIterator[bytes]:
    """The body of a request in pieces of some 256 KiB, for those who keep none of it in memory.

    Args:
        request: Nothing of it has been read.
        longest: Bytes.
        claim: One piece's worth.

    Raises:
        TooLargeError: It is longer; where the request says so itself, nothing is read.
        BusyError: There is no room for it now.
        MalformedRequestError: The client broke off; what had come was handed on.
    """
    _check_declared(request, longest)
    claim.grow(PIECE_BYTES)
    held, size, broken = bytearray(), 0, None
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > longest:
                raise _too_large(longest)
            held += chunk
            if len(held) >= PIECE_BYTES:
                yield bytes(held)
                held.clear()
            await _pieces.turn()
    except ClientDisconnect as error:
        broken = error
    if held:
        yield bytes(held)
    if broken is not None:
        raise _broken_off() from broken


def _check_declared(request: Request, longest: int) -> None:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and len(declared) < 20 and int(declared) > longest:
        raise _too_large(longest)


def _broken_off() -> MalformedRequestError:
    return MalformedRequestError(
        Text(
            "无法读取请求：请求在发送途中中断。",
            "The request cannot be read: the request broke off while it was sent.",
        )
    )


class LargeAnswer(Response):
    """A finished answer that is sent piece by piece, as the client reads.

    Args:
        answer: What is sent.
    """

    def __init__(self, answer: Response) -> None:
        super().__init__(status_code=answer.status_code)
        self.body = answer.body
        self.raw_headers = answer.raw_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as ASGI has it
        """Send it.

        Raises:
            BusyError: So much is on its way already that there is no room.
        """
        with Claim(answers) as claim:
            claim.grow(len(self.body))
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            for begin in range(0, len(self.body), PIECE_BYTES):
                piece = bytes(self.body[begin : begin + PIECE_BYTES])
                more = begin + PIECE_BYTES < len(self.body)
                await send({"type": "http.response.body", "body": piece, "more_body": more})


def _too_large(longest: int) -> TooLargeError:
    return TooLargeError(
        Text(
            f"请求超过 {longest // 2**20} MiB 的上限。大文件请放到工作区目录里再用路径引用。",
            f"The request is larger than {longest // 2**20} MiB. Put big files into the workspace and name their path.",
        )
    )
