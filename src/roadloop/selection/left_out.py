"""What a selection could not use, line by line into a file as it is found, so that memory stays constant."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from roadloop.errors import DiskFullError, JobError, RoadloopError, Text, many
from roadloop.storage.sheets import Sheet
from roadloop.tracks.service import TrackPoint

NAME: Final = "left_out.csv"
_KINDS: Final = {
    "tracks": Text("轨迹", "track"),
    "pictures": Text("图片", "picture"),
    "files": Text("文件", "file"),
    "points": Text("轨迹点", "track point"),
}

A = TypeVar("A")
B = TypeVar("B")


def tried(function: Callable[[A], B]) -> Callable[[A], tuple[A, B | RoadloopError]]:
    """The function whose answer is an item with what `function` makes of it, or with why the item cannot be used.

    Raises:
        JobError: When called: no other item could be used, either.
        DiskFullError: When called: no space is left.
    """

    def answer(item: A) -> tuple[A, B | RoadloopError]:
        try:
            return item, function(item)
        except (JobError, DiskFullError):
            raise
        except RoadloopError as error:
            return item, error

    return answer


class LeftOut:
    """The file `left_out.csv` of one attempt. Used by one thread, which closes it.

    Args:
        folder: Where it is written.
    """

    def __init__(self, folder: Path) -> None:
        self._stream = (folder / NAME).open("w", encoding="utf-8", errors="backslashreplace", newline="")
        self._rows = Sheet(self._stream)
        self._rows.add(("track", "point", "reason", "reason_en"))
        self.counts: Counter[str] = Counter()
        self.firsts: dict[str, Text] = {}

    def close(self) -> None:
        """No more is written."""
        self._stream.close()

    def track(self, track: str, reason: Text) -> None:
        """A whole track that cannot be used."""
        self._add("tracks", track, (track, ""), reason)

    def picture(self, point: TrackPoint, reason: Text) -> None:
        """A picture that cannot be used."""
        self._add("pictures", point.stem, (point.track, point.point), reason)

    def point(self, name: str, reason: Text) -> None:
        """A track point that was listed and is not there, or is not one alone."""
        self._add("points", name, ("", name), reason)

    def file(self, track: str, name: str, reason: Text) -> None:
        """A file of a track that is no point."""
        self._add("files", f"{track}/{name}" if name else track, (track, name), reason)

    def line(self, number: int, reason: Text) -> None:
        """A line of the list that is no track id; it counts with the list."""
        self._rows.add((f"line {number}" if number else "line", "", *reason))

    def summary(self) -> Text | None:
        """How much of what cannot be used, with the first of each kind and why; None when there is nothing."""
        said = [(kind, count, self.firsts[kind]) for kind, count in self.counts.items()]
        if not said:
            return None
        return Text(
            "；".join(f"{_KINDS[kind].zh} {count} 个不能使用，如 {first.zh}" for kind, count, first in said),
            "; ".join(
                f"{many(count, _KINDS[kind].en)} cannot be used, such as {first.en}" for kind, count, first in said
            ),
        )

    def _add(self, kind: str, name: str, place: tuple[str, str], reason: Text) -> None:
        self.counts[kind] += 1
        shown = name.encode("utf-8", "backslashreplace").decode()
        self.firsts.setdefault(kind, Text(f"{shown}：{reason.zh}", f"{shown}: {reason.en}"))
        self._rows.add((*place, *reason))
