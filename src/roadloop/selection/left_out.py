"""What a selection could not use, line by line into a file as it is found, so that memory stays constant."""

import csv
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from roadloop.errors import Text
from roadloop.tracks.service import TrackPoint

NAME: Final = "left_out.csv"


class LeftOut:
    """The file `left_out.csv` of one attempt. Used by one thread.

    Args:
        folder: Where it is written.
    """

    def __init__(self, folder: Path) -> None:
        self._stream = (folder / NAME).open("w", encoding="utf-8", errors="backslashreplace", newline="")
        self._rows = csv.writer(self._stream, lineterminator="\n")
        self._rows.writerow(("track", "point", "reason", "reason_en"))
        self.counts: Counter[str] = Counter()
        self.first: Text | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def track(self, track: str, reason: Text) -> None:
        """A whole track that cannot be used."""
        self.counts["tracks"] += 1
        self._write(track, "", reason)

    def picture(self, point: TrackPoint, reason: Text) -> None:
        """A picture that cannot be used."""
        self.counts["pictures"] += 1
        self._write(point.track, point.point, reason)

    def add(self, track: str, name: str, reason: Text) -> None:
        """A file of a track that is no point."""
        self.counts["files"] += 1
        self._write(track, name, reason)

    def line(self, number: int, reason: Text) -> None:
        """A line of the list that is no track id."""
        self._write(f"line {number}" if number else "line", "", reason)

    def _write(self, track: str, point: str, reason: Text) -> None:
        self.first = self.first or reason
        self._rows.writerow((track, point, *reason))
