"""Room for decoded pictures in a process that serves many people at once: large ones are decoded one after another."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from roadloop.errors import BusyError, Text

WAIT_SECONDS: Final = 30.0


class Room:
    """Pixels that may be decoded at once.

    Args:
        pixels: How many; a picture with more has the room to itself.
    """

    def __init__(self, pixels: int) -> None:
        self._pixels: Final = pixels
        self._taken = 0
        self._changed: Final = threading.Condition()
        self._turn: Final = threading.Lock()  # whoever came first is let in first

    @contextmanager
    def take(self, pixels: int) -> Iterator[None]:
        """Hold room for so many pixels until the block ends.

        Raises:
            BusyError: There was none for half a minute.
        """
        until = time.monotonic() + WAIT_SECONDS
        if not self._turn.acquire(timeout=WAIT_SECONDS):
            raise _busy()
        try:
            with self._changed:
                if not self._changed.wait_for(lambda: self._fits(pixels), max(0.0, until - time.monotonic())):
                    raise _busy()
                self._taken += pixels
        finally:
            self._turn.release()
        try:
            yield
        finally:
            with self._changed:
                self._taken -= pixels
                self._changed.notify_all()

    def _fits(self, pixels: int) -> bool:
        return not self._taken or self._taken + pixels <= self._pixels


#: Of this process. A view of a picture costs about ten bytes a pixel while it is made.
room: Final = Room(32_000_000)


def _busy() -> BusyError:
    return BusyError(
        Text(
            "同时查看的大图太多，服务内存不足；请稍后重试。",
            "Too many large pictures are looked at at once for the server's memory; try again in a moment.",
        )
    )
