"""Work of a crowd, spread over rounds of the loop, so that none is long and who asks for health comes between."""

import asyncio
from collections import deque
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

HEALTH: Final = "/v1/health"
#: Requests that begin in one round of the loop; one takes about a millisecond until it waits for something.
BEGINNINGS_A_ROUND: Final = 4


class Rounds:
    """Lets so many through in each round of the loop, those who wait longest first.

    Args:
        most: How many.
    """

    def __init__(self, most: int) -> None:
        self._most: Final = most
        self._left = most
        self._waiting: Final[deque[asyncio.Future[None]]] = deque()

    async def turn(self) -> None:
        """Wait until a round has room for one more."""
        loop = asyncio.get_running_loop()
        if self._left == self._most and not self._waiting:
            loop.call_soon(self._begin, loop)
        if self._left and not self._waiting:
            self._left -= 1
            return
        mine: asyncio.Future[None] = loop.create_future()
        self._waiting.append(mine)
        await mine

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._left = self._most
        while self._left and self._waiting:
            next_one = self._waiting.popleft()
            if not next_one.done():  # whoever waited has gone
                next_one.set_result(None)
                self._left -= 1
        if self._left < self._most:
            loop.call_soon(self._begin, loop)


class Turns:
    """Lets the requests of a crowd begin in turn; who asks for health does not wait behind it.

    Args:
        app: The application behind.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app: Final = app
        self._rounds: Final = Rounds(BEGINNINGS_A_ROUND)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] == "http" and scope["path"] != HEALTH:
            await self._rounds.turn()
        await self.app(scope, receive, send)
