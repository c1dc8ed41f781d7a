"""What a selection leaves in its folder: pictures, `selection.csv`, `task_list.json`, contact sheets, `report.json`.

A mining leaves `score-maps.zip` as well (`score_maps`).
Pictures stand directly in the folder, mined and control ones together, so that the folder can be cut into packages
as it is and annotators do not see which arm a picture belongs to; `selection.csv` knows.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from roadloop.errors import BrokenFileError, NotFoundError, Text, many
from roadloop.evaluation.destination import REPORT, OutputRule
from roadloop.imaging.decode import decode_image
from roadloop.imaging.drawing import Tile, UInt8, grid, headed
from roadloop.imaging.encode import encode_color
from roadloop.storage import publish, reading
from roadloop.storage.folders import Folders
from roadloop.storage.sheets import Sheet
from roadloop.tracks.service import TrackPoint

Arm = Literal["random", "mined", "control"]

TABLE: Final = "selection.csv"
TASK_LIST: Final = "task_list.json"
RULE: Final = OutputRule(
    Text("选图任务", "selection"),
    "output_dir",
    (Folders.selections, Folders.images),
    (TABLE, TASK_LIST),
    "roadloop-selection/1",
)
SHOWN: Final = 60  #: pictures on a contact sheet
SHEET_COLUMNS: Final = 6
CELL: Final = (240, 180)  #: width and height of a small copy, pixels
_COLUMNS: Final = (
    "track", "point", "score", "rank", "reason", "reason_en", "arm", "file",
    "city", "adcode", "time", "longitude", "latitude", "datum",
)  # fmt: skip


class Selected(NamedTuple):
    """One line of `selection.csv`.

    Attributes:
        point: The picture.
        file: Its file name in the folder.
        arm: random (sampled), mined, or control (the random arm beside a mined one).
        rank: From 1 within its arm.
        score: Uncertainty 0..1; None where nothing was scored.
        reason: Why it was taken.
    """

    point: TrackPoint
    file: str
    arm: Arm
    rank: int
    score: float | None
    reason: Text


def write_tables(folder: Path, selected: Sequence[Selected], max_pixels: int) -> None:
    """Write everything but the pictures and the report.

    Args:
        folder: Holds the pictures already.
        selected: By arm, then by rank.
        max_pixels: Largest picture that is decoded for the contact sheets.

    Raises:
        DiskFullError: No space is left.
    """
    with publish.disk_errors(folder):
        with (folder / TABLE).open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(_COLUMNS)
            writer.writerows(map(_row, selected))
        publish.write_json(folder / TASK_LIST, task_list(selected))
        for arm in dict.fromkeys(s.arm for s in selected):
            mine = [s for s in selected if s.arm == arm]
            (folder / f"{arm}.txt").write_text("".join(f"{s.file}\n" for s in mine), encoding="utf-8")
            _write_sheet(folder, arm, mine, max_pixels)


def task_list(selected: Iterable[Selected]) -> dict[str, Any]:
    """The selected pictures by track, in text order, each once: what goes to the annotators."""
    tracks: dict[str, dict[str, Selected]] = {}
    for one in selected:
        tracks.setdefault(one.point.track, {}).setdefault(one.point.point, one)
    return {
        "format": "roadloop-task-list/1",
        "tracks": [
            {
                "track": track,
                "city": next(iter(points.values())).point.city,
                "adcode": next(iter(points.values())).point.adcode,
                "points": [{"point": point, "file": points[point].file} for point in sorted(points)],
            }
            for track, points in sorted(tracks.items())
        ],
    }


def read_table(folder: Path, start: int, number: int) -> list[dict[str, Any]]:
    """Some lines of a published selection's table, in its order; memory does not depend on its length.

    Each is a `Selected` as plain values, with `track` and `point` for its picture; `reason` is a `Text`.

    Args:
        folder: The selection's.
        start: How many lines are passed over.
        number: How many lines, at most.

    Raises:
        NotFoundError: The table is gone, or is not as it was written.
    """
    try:
        with reading.open_text(folder / TABLE, errors="replace") as stream:
            return [_read_row(row) for row in islice(csv.DictReader(stream), start, start + number)]
    except (OSError, csv.Error, KeyError, ValueError, TypeError) as error:
        raise _no_table(folder) from error


def open_sheet(folder: Path) -> Iterator[str]:
    """A published selection's table for a spreadsheet, row by row.

    Raises:
        NotFoundError: The table is gone.
    """
    try:
        stream = reading.open_text(folder / TABLE, errors="replace")
    except OSError as error:
        raise _no_table(folder) from error

    def lines() -> Iterator[str]:
        with stream:
            for row in csv.reader(stream):
                out = io.StringIO()
                Sheet(out).add(row)
                yield out.getvalue()

    return lines()


def _no_table(folder: Path) -> NotFoundError:
    text = Text(f"{folder / TABLE} 已不存在或被改动。", f"{folder / TABLE} is gone or was changed.")
    return NotFoundError(text, path=str(folder))


def write_report(folder: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    """Write `report.json` and give it back."""
    report = {"format": RULE.format, **about}
    publish.write_json(folder / REPORT, report)
    return report


def _row(one: Selected) -> tuple[object, ...]:
    point = one.point
    score = "" if one.score is None else f"{one.score:.6f}"
    place = ["" if value is None else f"{value:.7f}" for value in (point.longitude, point.latitude)]
    placed = point.longitude is not None and point.latitude is not None
    return (
        point.track, point.point, score, one.rank, one.reason.zh, one.reason.en, one.arm, one.file,
        point.city, point.adcode, point.time, *place, point.datum if placed else "",
    )  # fmt: skip


def _read_row(row: Mapping[str, str]) -> dict[str, Any]:
    return {
        **{name: row[name] for name in ("track", "point", "file", "arm")},
        **{name: row.get(name) or "" for name in ("time", "longitude", "latitude", "datum")},
        "rank": int(row["rank"]),
        "score": float(row["score"]) if row["score"] else None,
        "reason": Text(row["reason"], row["reason_en"]),
    }


def places(count: int) -> list[int]:
    """Which of so many ranked pictures a contact sheet shows: all, or `SHOWN` evenly spread ones. Indices from 0."""
    if count <= SHOWN:
        return list(range(count))
    return [i * (count - 1) // (SHOWN - 1) for i in range(SHOWN)]


def contact_sheet(tiles: Sequence[Tile], title: Text) -> UInt8:
    """Small copies of pictures below a title, uint8 [H, W, 3], white where nothing is.

    Args:
        tiles: At least one; pictures of any size keep their proportions.
        title: Above them.
    """
    return headed(title, grid(tiles, CELL, SHEET_COLUMNS))


def _write_sheet(folder: Path, arm: str, selected: Sequence[Selected], max_pixels: int) -> None:
    tiles = []
    for k in places(len(selected)):
        one = selected[k]
        try:
            image = decode_image(reading.read_bytes(folder / one.file), max_pixels)
        except BrokenFileError:
            continue  # its header is fine, its pixels are not: it stays in the table
        score = "" if one.score is None else f"  {one.score:.3f}"
        tiles.append(Tile(f"{one.rank}{score}  {one.point.track}", image))
    if tiles:
        shown, of = len(tiles), len(selected)
        title = Text(f"{arm}：{of} 张中的 {shown} 张，按名次", f"{arm}: {shown} of {many(of, 'picture')}, by rank")
        publish.write_bytes(folder / f"contact-sheet-{arm}.png", encode_color(contact_sheet(tiles, title)))
