"""How long each of several has been silent while it could have been heard. Pure: the clock is an argument."""

from collections.abc import Collection
from typing import Any, Final

LATE: Final = 1 / 3  #: of the patience; more than that no round counts


class Silence:
    """The account of one listener, who looks round again and again.

    Silence counts from the last sign, in rounds. A round that took long, because the listener was late, counts for no more
    than a third of the patience. After one that took longer than the patience (the listener was stopped, or the machine
    suspended), and whenever the way to it was blocked, silence begins anew.

    Args:
        patience: Seconds of silence that matter.
    """

    def __init__(self, patience: float) -> None:
        self._patience: Final = patience
        self._round: float | None = None
        self._time = 0.0  # seconds in which one could be heard
        self._signs: dict[Any, tuple[Any, float]] = {}

    def look(self, now: float) -> None:
        """A round begins."""
        passed = 0.0 if self._round is None else now - self._round
        self._round = now
        self._time += min(passed, self._patience * LATE)
        if passed > self._patience:
            self.blocked()

    def blocked(self, by: Collection[Any] = ()) -> None:
        """Nobody could be heard until now, except those who stand in the way themselves."""
        self._signs = {who: (sign, at if who in by else self._time) for who, (sign, at) in self._signs.items()}

    def hear(self, who: Any, sign: Any) -> None:
        """What is seen of one of them; it is a sign of life when it is not what was seen before."""
        known = self._signs.get(who)
        if known is None or known[0] != sign:
            self._signs[who] = (sign, self._time)

    def keep(self, whom: Collection[Any]) -> None:
        """Forget all others."""
        self._signs = {who: sign for who, sign in self._signs.items() if who in whom}

    def of(self, who: Any) -> float:
        """Seconds of silence of one of them, as of this round; 0 before anything was seen of it."""
        _sign, at = self._signs.get(who, (None, self._time))
        return self._time - at

    def suspected(self) -> list[Any]:
        """Those whose silence begins to matter."""
        return [who for who in self._signs if self.of(who) > self._patience * LATE]
