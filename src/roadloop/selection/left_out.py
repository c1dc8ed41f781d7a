"""What a selection could not use, line by line into a file as it is found, so that memory stays constant."""

from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from roadloop.errors import Text
from roadloop.storage.sheets import Sheet
from roadloop.tracks.service import TrackPoint

NAME: Final = "left_out.csv"
_KINDS: Final = {"tracks": Text("轨迹", "tracks"), "pictures": Text("图片", "pictures"), "files": Text("文件", "files")}


class LeftOut:
    """The file `left_out.csv` of one attempt. Used by one thread.

    Args:
        folder: Where it is written.
    """

    def __init__(self, folder: Path) -> None:
        self._stream = (folder / NAME).open("w", encoding="utf-8", errors="backslashreplace", newline="")
        self._rows = Sheet(self._stream)
        self._rows.add(("track", "point", "reason", "reason_en"))
        self.counts: Counter[str] = Counter()
        self.firsts: dict[str, Text] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def track(self, track: str, reason: Text) -> None:
        """A whole track that cannot be used."""
        self._count("tracks", track, reason)
        self._write(track, "", reason)

    def picture(self, point: TrackPoint, reason: Text) -> None:
        """A picture that cannot be used."""
        self._count("pictures", point.stem, reason)
        self._write(point.track, point.point, reason)

    def add(self, track: str, name: str, reason: Text) -> None:
        """A file of a track that is no point."""
        self._count("files", f"{track}/{name}" if name else track, reason)
        self._write(track, name, reason)

    def line(self, number: int, reason: Text) -> None:
        """A line of the list that is no track id."""
        self._write(f"line {number}" if number else "line", "", reason)

    def summary(self) -> Text | None:
        """How much of what cannot be used, with the first of each kind and why; None when there is nothing."""
        said = [(kind, count, self.firsts[kind]) for kind, count in self.counts.items()]
        if not said:
            return None
        return Text(
            "；".join(f"{_KINDS[kind].zh} {count} 个不能使用，如 {first.zh}" for kind, count, first in said),
            "; ".join(f"{count} {_KINDS[kind].en} cannot be used, such as {first.en}" for kind, count, first in said),
        )

    def _count(self, kind: str, name: str, reason: Text) -> None:
        self.counts[kind] += 1
        shown = name.encode("utf-8", "backslashreplace").decode()
        self.firsts.setdefault(kind, Text(f"{shown}：{reason.zh}", f"{shown}: {reason.en}"))

    def _write(self, track: str, point: str, reason: Text) -> None:
        self._rows.add((track, point, *reason))
