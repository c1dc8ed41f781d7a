"""Tracks as folders: `tracks/<track>/<point>.jpg` below the workspace and every configured root.

Beside the pictures `track.csv` may say more about them: `point,time,longitude,latitude,datum,city,adcode`; where it
names no datum, the store's counts. Beside the tracks `tasks.csv` (`task,track`) may say which tracks a survey task has.
"""

import csv
import io
import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from roadloop.errors import BrokenFileError, InvalidNameError, NotFoundError, PathOutsideError, Text
from roadloop.imaging.decode import check_image
from roadloop.imaging.endings import odd_picture
from roadloop.settings import Datum
from roadloop.storage import reading
from roadloop.storage.listing import list_folder
from roadloop.storage.paths import LEADS_OUT, check_name, printable
from roadloop.tracks.datum import declared
from roadloop.tracks.records import UNKNOWN, Listing, Problem, TrackPoint

FACTS: Final = "track.csv"
TASKS: Final = "tasks.csv"
MAX_PICTURE: Final = 256 * 2**20  #: bytes of one picture file
MAX_TABLE: Final = 256 * 2**20  #: bytes of a `track.csv` or `tasks.csv`
_ENDINGS: Final = (".jpg", ".jpeg")
_PNG: Final = Text(
    "轨迹中的图片应为 .jpg；请把 PNG 存为 JPEG", "The pictures of a track are .jpg files; save this PNG as JPEG"
)


class FolderStore:
    """Tracks below some folders; where two of them have the same track, the first one counts.

    Args:
        folders: Folders that hold a folder for each track. They need not exist.
        roots: Resolved folders that no symbolic link may leave.
        max_pixels: Largest picture that counts as one.
        datum: Of positions whose `track.csv` names none.
    """

    def __init__(self, folders: Sequence[Path], roots: Sequence[Path], max_pixels: int, datum: Datum = UNKNOWN) -> None:
        self._folders: Final = tuple(folders)
        self._roots: Final = tuple(roots)
        self._max_pixels: Final = max_pixels
        self._datum: Final = datum

    def points(self, track: str) -> Listing:
        """The points of a track, in text order.

        Raises:
            NotFoundError: There is no such track, its folder is a link that leads out, or it cannot be listed.
        """
        folder = self._find(track)
        facts = facts_in(_read_file(folder / FACTS)) if self._inside(folder / FACTS) else {}
        names, problems = self._picture_names(folder)
        return list_points(track, names, facts, self._datum, problems)

    def picture(self, point: TrackPoint) -> bytes:
        """The bytes of a point's picture.

        Raises:
            NotFoundError: It is gone, or cannot be read.
            BrokenFileError: Truncated, no picture, or too large.
            PathOutsideError: A symbolic link leads out of the workspace and its roots.
        """
        folder = self._find(point.track)
        path = folder / point.file
        if not self._inside(path):
            raise PathOutsideError(
                Text(f"图片 {point.stem} 指向工作区之外。", f"The picture {point.stem} leads out of the workspace.")
            )
        try:
            if path.stat().st_size > MAX_PICTURE:
                raise BrokenFileError(
                    Text(f"图片 {point.stem} 过大。", f"The file of picture {point.stem} is too large.")
                )
            data = reading.read_bytes(path)
        except OSError as error:
            what = reading.why(error)
            raise NotFoundError(
                Text(f"读不到图片 {point.stem}：{what.zh}。", f"Cannot read the picture {point.stem}: {what.en}.")
            ) from error
        check_image(data, self._max_pixels)
        return data

    def tracks_of_task(self, task: str) -> list[str]:
        """The tracks of a survey task, as the `tasks.csv` files say.

        Raises:
            NotFoundError: No file names the task.
        """
        found: dict[str, None] = {}
        for folder in filter(lambda place: self._inside(place / TASKS), self._folders):
            found |= dict.fromkeys(tracks_in(_read_file(folder / TASKS), task))
        if not found:
            raise no_task(task)
        return list(found)

    def close(self) -> None:
        """Nothing is open."""

    def _find(self, track: str) -> Path:
        """The folder of a track, whichever way its name is written on the disk.

        Raises:
            NotFoundError: There is none, or it is a link that leads out.
        """
        outside = False
        names = {track: None, unicodedata.normalize("NFD", track): None}
        if not track.isascii():
            names[os.fsdecode(track.encode("gb18030", "replace"))] = None
        for folder in self._folders:
            for name in names:
                path = folder / name
                if path.is_dir():
                    if self._inside(path):
                        return path
                    outside = True
        if outside:
            shown = track[:100]
            raise NotFoundError(
                Text(f"轨迹 {shown}：{LEADS_OUT.zh}。", f"The track {shown} is {LEADS_OUT.en}."), track=shown
            )
        raise no_track(track)

    def _picture_names(self, folder: Path) -> tuple[list[str], list[Problem]]:
        """The picture files of a track in order of their bytes, and pictures that no track can have.

        Raises:
            NotFoundError: It cannot be listed, or has gone.
        """
        try:
            found = list_folder(folder, self._holds)
        except OSError as error:
            raise NotFoundError(
                Text(
                    f"轨迹 {printable(folder.name)} 的目录无法列出：{error.strerror}。",
                    f"The folder of track {printable(folder.name)} cannot be listed: {error.strerror}.",
                )
            ) from error
        problems = [Problem(printable(name), reason) for name, reason in found.left_out]
        return pictures_of(found.files, problems), problems

    def _inside(self, path: Path) -> bool:
        try:
            real = path.resolve()
        except (OSError, RuntimeError):
            return False
        return self._holds(real)

    def _holds(self, real: Path) -> bool:
        return any(real.is_relative_to(root) for root in self._roots)


def pictures_of(files: Iterable[str], problems: list[Problem]) -> list[str]:
    """The pictures among the files of a track, in order of their bytes; `problems` learns of those that no track can have."""
    names = []
    for name in files:
        reason = _PNG if name.lower().endswith(".png") else odd_picture(name)
        if reason is not None:
            problems.append(Problem(printable(name), reason))
        if name.lower().endswith(_ENDINGS):
            names.append(name)
    return sorted(names, key=os.fsencode)


def list_points(
    track: str, names: Iterable[str], facts: Mapping[str, Mapping[str, str]], datum: Datum, problems: list[Problem]
) -> Listing:
    """The points of a track's pictures, in text order.

    Args:
        track: Track id.
        names: The pictures' files.
        facts: What `track.csv` says, by point.
        datum: Of positions for which it names none.
        problems: What was left out so far; learns of names that cannot be points, and of twins.
    """
    points: dict[str, TrackPoint] = {}
    for name in names:
        try:
            point = _point_id(name)
        except InvalidNameError as error:
            problems.append(Problem(printable(name), error.text))
            continue
        if point in points:
            problems.append(Problem(name, Text(f"与 {points[point].file} 重名。", f"A twin of {points[point].file}.")))
            continue
        points[point] = _described(TrackPoint(track, point, file=name), facts.get(point, {}), datum, problems)
    return Listing([points[point] for point in sorted(points)], problems)


def no_track(track: str) -> NotFoundError:
    """What is said of a track that is not there."""
    return NotFoundError(Text(f"没有轨迹 {track[:100]}。", f"There is no track {track[:100]}."), track=track[:100])


def no_task(task: str) -> NotFoundError:
    """What is said of a survey task that no table names."""
    return NotFoundError(
        Text(
            f"没有采集任务 {task[:80]}：tracks/{TASKS}（task,track 两列）中没有它，也没有配置轨迹服务。",
            f"There is no survey task {task[:80]}: tracks/{TASKS} (columns task,track) does not name it, and"
            " no track service is configured.",
        ),
        task=task[:80],
    )


def _described(point: TrackPoint, row: Mapping[str, str], datum: Datum, problems: list[Problem]) -> TrackPoint:
    """The point with what `track.csv` says about it."""
    if not row:
        return point
    return point._replace(
        time=(row.get("time") or "").strip()[:40],
        city=(row.get("city") or "").strip()[:100],
        adcode=(row.get("adcode") or "").strip()[:20],
    ).at(
        degrees(row.get("longitude"), 180),
        degrees(row.get("latitude"), 90),
        declared(row.get("datum") or "", datum, FACTS, problems),
    )


def _point_id(name: str) -> str:
    """The point id of a file name; names in GBK bytes are read as such.

    Raises:
        InvalidNameError: It cannot be a name.
    """
    stem = name.rpartition(".")[0]
    try:
        stem.encode()
    except UnicodeEncodeError:
        stem = os.fsencode(stem).decode("gb18030", "replace")
        if "\ufffd" in stem:
            raise InvalidNameError(
                Text("文件名既不是 UTF-8 也不是 GBK 编码。", "The file's name is neither UTF-8 nor GBK.")
            ) from None
    return check_name(stem, "point")


def facts_in(table: bytes) -> dict[str, Mapping[str, str]]:
    """The rows of a `track.csv` by point."""
    facts: dict[str, Mapping[str, str]] = {}
    for row in _rows(table):
        key = next((row[c] for c in ("point", "trackPointId", "name", "file") if row.get(c)), "")
        key = unicodedata.normalize("NFC", key.strip())
        if key.lower().endswith(_ENDINGS):
            key = key.rpartition(".")[0]
        facts[key] = row
    return facts


def tracks_in(table: bytes, task: str) -> Iterator[str]:
    """The tracks that a `tasks.csv` gives a survey task."""
    for row in _rows(table):
        if (row.get("task") or "").strip() == task and (row.get("track") or "").strip():
            yield (row["track"] or "").strip()


def _read_file(path: Path) -> bytes:
    """A table; nothing where it is missing, unreadable or huge."""
    try:
        return reading.read_bytes(path) if path.stat().st_size <= MAX_TABLE else b""
    except OSError:
        return b""


def _rows(data: bytes) -> Iterator[dict[str, str]]:
    """The rows of a CSV file in UTF-8 or GBK, up to one that is no CSV."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("gb18030", "replace")
    with suppress(csv.Error):
        yield from csv.DictReader(io.StringIO(text.replace("\0", ""), newline=""))


def degrees(value: object, limit: float) -> float | None:
    """A coordinate; None where it is missing or impossible."""
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if -limit <= number <= limit else None
