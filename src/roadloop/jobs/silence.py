"""How long each of several has been silent while it could have been heard. Pure: the clock is an argument."""

from collections.abc import Collection
from typing import Any, Final

LATE: Final = 1 / 3  #: of the patience; whoever listens less often hears nobody


class Silence:
    """The account of one listener, who looks round again and again.

    Silence counts from the last sign, and from nothing before the last time that nobody could be heard: while the
    listener itself was late (stopped, suspended, without a processor), or the way to it was blocked.

    Args:
        patience: Seconds of silence that matter.
    """

    def __init__(self, patience: float) -> None:
        self._late: Final = patience * LATE
        self._round: float | None = None
        self._signs: dict[Any, tuple[Any, float]] = {}

    def look(self, now: float) -> None:
        """A round begins; after a round that took too long all silence begins anew."""
        if self._round is not None and now - self._round > self._late:
            self.blocked(now)
        self._round = now

    def blocked(self, now: float, by: Collection[Any] = ()) -> None:
        """Nobody could be heard until now, except those who stand in the way themselves."""
        self._signs = {who: (sign, at if who in by else now) for who, (sign, at) in self._signs.items()}

    def hear(self, who: Any, sign: Any, now: float) -> None:
        """What is seen of one of them; it is a sign of life when it is not what was seen before."""
        known = self._signs.get(who)
        if known is None or known[0] != sign:
            self._signs[who] = (sign, now)

    def keep(self, whom: Collection[Any]) -> None:
        """Forget all others."""
        self._signs = {who: sign for who, sign in self._signs.items() if who in whom}

    def of(self, who: Any, now: float) -> float:
        """Seconds of silence of one of them; 0 before anything was seen of it."""
        _sign, at = self._signs.get(who, (None, now))
        return max(0.0, now - at)

    def suspected(self, now: float) -> list[Any]:
        """Those whose silence begins to matter."""
        return [who for who in self._signs if self.of(who, now) > self._late]
