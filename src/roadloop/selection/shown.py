"""What people look at of a finished selection: pictures, their place in the track, and what they take out again."""

import threading
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from roadloop.errors import BrokenFileError, ConflictError, Language, NotFoundError, Text
from roadloop.imaging.encode import encode_label
from roadloop.imaging.header import read_header
from roadloop.selection.output import read_table
from roadloop.selection.score_maps import mapped, read_map
from roadloop.selection.service import finished
from roadloop.storage import reading
from roadloop.storage.paths import check_name
from roadloop.storage.platform import Platform
from roadloop.storage.removed import read_removed, write_removed
from roadloop.tracks.service import UNKNOWN, open_folders

ALL: Final = 10**9
MOST_POINTS: Final = 20_000  #: of a track that is shown
_HEAD: Final = 65_536  #: bytes in which a picture says its size
_UPRIGHT: Final = 4  #: EXIF orientations up to here leave rows rows
_ARMS: Final = ("arm", "rank", "score", "reason")

_writing: Final = threading.Lock()


def pictures(
    platform: Platform, task_id: str, page: int, size: int, *, blind: bool, language: Language
) -> dict[str, Any]:
    """Pictures of a selection, page by page, plain values.

    Args:
        platform: The installation.
        task_id: The selection.
        page: From 1.
        size: Rows a page.
        blind: In the order of the tracks, without anything that tells the arms apart.
        language: Of reasons.

    Raises:
        NotFoundError: No selection has that id, or its folder is gone.
        ConflictError: It has not finished.
    """
    folder, report = finished(platform, task_id)
    summary = report.get("summary", {})
    start = (page - 1) * size
    if blind:
        rows = sorted(read_table(folder, 0, ALL), key=lambda row: (row["track"], row["point"]))[start : start + size]
    else:
        rows = read_table(folder, start, size)
    removed, maps = read_removed(folder), frozenset() if blind else mapped(folder)
    for row in rows:
        row.update(dict.fromkeys(_ARMS) if blind else {"reason": row["reason"].pick(language)})
        row.update(removed=row["file"] in removed, mapped=row["file"] in maps, **_size(folder / row["file"]))
    return {
        "data": rows,
        "total": summary.get("pictures", 0) + summary.get("control", 0),
        "removed": len(removed),
        "may_remove": folder.is_relative_to(platform.workspace.images),
    }


def image_file(platform: Platform, task_id: str, file: str) -> Path:
    """A picture of a selection.

    Raises:
        NotFoundError: No selection has that id, or it has no such picture.
        ConflictError: It has not finished.
    """
    folder, _ = finished(platform, task_id)
    path = folder / check_name(file, "file")
    if not file.lower().endswith((".jpg", ".jpeg", ".png")) or not reading.is_there(path):
        raise NotFoundError(
            Text(f"这个选图任务没有图片 {file}。", f"This selection has no picture {file}."), parameter="file"
        )
    return platform.workspace.follow(path)


def score_map(platform: Platform, task_id: str, file: str) -> bytes:
    """Where in a picture of a mining the model is uncertain: a grey PNG as large as the picture, whole percent.

    Raises:
        NotFoundError: No selection has that id, or it has no map of such a picture.
        ConflictError: It has not finished.
    """
    path = image_file(platform, task_id, file)
    size = _size(path)
    found = read_map(finished(platform, task_id)[0], file, (size["height"], size["width"]))
    if found is None:
        raise NotFoundError(
            Text(f"这个选图任务没有图片 {file} 的不确定度图。", f"This selection has no map of the picture {file}."),
            parameter="file",
        )
    return encode_label(found)


def along(platform: Platform, task_id: str, track: str) -> dict[str, Any]:
    """A track's points in their order, with those that a selection took; of a track that stands in no folder only these.

    Raises:
        NotFoundError: No selection has that id, or its folder is gone.
        ConflictError: It has not finished.
    """
    folder, _ = finished(platform, task_id)
    taken = {row["point"]: row for row in read_table(folder, 0, ALL) if row["track"] == track}
    removed = read_removed(folder)
    points: list[dict[str, Any]] = []
    try:
        found = open_folders(platform).points(track).points[:MOST_POINTS]
    except (NotFoundError, BrokenFileError):
        points += [
            {"point": p, **_place(row["longitude"], row["latitude"], row["datum"])} for p, row in sorted(taken.items())
        ]
    else:
        points += [{"point": p.point, **_place(p.longitude, p.latitude, p.datum)} for p in found]
    for point in points:
        file = taken[point["point"]]["file"] if point["point"] in taken else None
        point |= {"file": file, "removed": file in removed}
    return {"track": track, "points": points}


def remove(platform: Platform, task_id: str, files: Collection[str], *, back: bool) -> int:
    """Take pictures out of what /task_divide cuts, or put them back.

    Args:
        platform: The installation.
        task_id: The selection.
        files: File names in its folder.
        back: They are put back.

    Returns:
        How many are out now.

    Raises:
        NotFoundError: No selection has that id, or it has no such picture.
        ConflictError: It has not finished, or stands where nothing is cut.
        DiskFullError: No space is left to say so.
    """
    folder, _ = finished(platform, task_id)
    if not folder.is_relative_to(platform.workspace.images):
        raise ConflictError(
            Text(
                "这个选图任务的输出目录不在 images/ 下，不会被切分；重新选图时把输出目录填为 images/<版本>。",
                "This selection stands outside images/, where nothing is cut; choose images/<version> as its folder.",
            ),
            task_id=task_id,
        )
    unknown = sorted(set(files) - {row["file"] for row in read_table(folder, 0, ALL)})
    if unknown:
        raise NotFoundError(
            Text(f"这个选图任务没有图片 {unknown[:5]}。", f"This selection has no pictures {unknown[:5]}."),
            parameter="files",
        )
    with _writing:
        out = read_removed(folder)
        out = out - set(files) if back else out | set(files)
        write_removed(folder, out)
    return len(out)


def _size(path: Path) -> dict[str, int]:
    """Width and height of a picture; 0 where its header cannot be read."""
    try:
        header = read_header(reading.read_head(path, _HEAD))
    except (OSError, BrokenFileError):
        return {"width": 0, "height": 0}
    turned = header.orientation > _UPRIGHT
    return {
        "width": header.height if turned else header.width,
        "height": header.width if turned else header.height,
    }


def _place(longitude: float | str | None, latitude: float | str | None, datum: str) -> dict[str, Any]:
    """A position whose datum is declared; null otherwise."""
    if datum in ("", UNKNOWN) or longitude in (None, "") or latitude in (None, ""):
        return {"longitude": None, "latitude": None, "datum": None}
    return {"longitude": float(longitude or 0), "latitude": float(latitude or 0), "datum": datum}
