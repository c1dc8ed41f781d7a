"""HEAD answers as GET does, without the body: the same status and headers, the length among them."""

from typing import Final

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """Ask the application for GET where the client says HEAD, and stop when the headers are there.

    Args:
        app: The application behind.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app: Final = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        with anyio.CancelScope() as work:

            async def send_head(message: Message) -> None:
                await send(message)
                if message["type"] == "http.response.start":
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
                    work.cancel()
                    await anyio.sleep_forever()

            await self.app({**scope, "method": "GET"}, receive, send_head)
