"""What the training loop tells the world, and asks it. A `TaskContext` is one such reporter."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from roadloop.errors import Text

Move = tuple[Path, Path]


class Reporter(Protocol):
    """One attempt's way to say how it goes and to make things visible; see `TaskContext`."""

    def log(self, line: str) -> None:
        """Write one line to the job's log."""

    def progress(self, done: float, total: float, note: Text | None = None) -> None:
        """Say how far the work is."""

    def warn(self, text: Text) -> None:
        """Add a warning to the job."""

    def should_stop(self) -> bool:
        """Whether somebody asked for the end."""
        ...

    def reach(self, point: str) -> None:
        """A named fail point, for the reliability tests."""

    def scratch(self, target: Path) -> Path:
        """A path beside `target` that belongs to this attempt alone."""
        ...

    def publish(self, moves: Sequence[Move], memo: Mapping[str, Any] | None = None) -> None:
        """Give finished scratch files their names, if this attempt still owns the job."""


class Silent:
    """The reporter of every rank but the first: the first one speaks for all."""

    def log(self, line: str) -> None:
        """Say nothing."""

    def progress(self, done: float, total: float, note: Text | None = None) -> None:
        """Say nothing."""

    def warn(self, text: Text) -> None:
        """Say nothing."""

    def should_stop(self) -> bool:
        """Only the first rank listens; it tells the others."""
        return False

    def reach(self, point: str) -> None:
        """Only the first rank reaches anything."""

    def scratch(self, target: Path) -> Path:
        """Never called: only the first rank writes."""
        raise AssertionError(target)

    def publish(self, moves: Sequence[Move], memo: Mapping[str, Any] | None = None) -> None:
        """Never called: only the first rank writes."""
        raise AssertionError(moves, memo)
