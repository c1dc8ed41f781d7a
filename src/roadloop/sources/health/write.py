"""The folder that an examination leaves: health.json, csv lists, and the plot."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from roadloop.errors import Text
from roadloop.imaging.encode import encode_color
from roadloop.sources.health.examine import MOST_KEPT, Health, most_doubtful, noise_row, summary
from roadloop.sources.health.plot import draw
from roadloop.storage.sheets import Sheet

REPORT: Final = "health.json"
PLOT: Final = "coverage.png"
FILES: Final = (
    REPORT, PLOT, "problems.csv", "coverage.csv", "duplicates.csv", "leaks.csv", "leaking_tracks.csv", "noise.csv",
)  # fmt: skip


def write_health(folder: Path, health: Health, names: dict[int, tuple[str, str]]) -> dict[str, Any]:
    """Write everything into a scratch folder; whoever publishes it seals it.

    Args:
        folder: Empty.
        health: What was found.
        names: Train id -> (Chinese, English name) of the model.

    Returns:
        The contents of health.json.
    """
    value = summary(health, names)
    (folder / REPORT).write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    totals = value["totals"]
    title = Text(
        f"{totals['pictures']} 张图片：各类别出现在多少张中，按城市和月份",
        f"{totals['pictures']} pictures: in how many each class is seen, by city and by month",
    )
    (folder / PLOT).write_bytes(encode_color(draw(value["coverage"], title)))
    rows = [[p.file, *p.reason] for p in health.problems]
    _csv(folder / "problems.csv", ("file", "reason_zh", "reason_en"), rows)
    _coverage(folder / "coverage.csv", value["coverage"])
    columns = ("first", "second", "distance", "same_track")
    _csv(folder / "duplicates.csv", columns, health.doubles[:MOST_KEPT])
    _csv(folder / "leaks.csv", columns, health.leaks[:MOST_KEPT])
    tracks = [[track, s, n] for track, sets in health.leaking_tracks for s, n in sorted(sets.items())]
    _csv(folder / "leaking_tracks.csv", ("track", "set", "pictures"), tracks)
    if health.noise is not None:
        doubtful = [noise_row(health, n, names) for n in most_doubtful(health.noise)[:MOST_KEPT]]
        header = list(doubtful[0]) if doubtful else ["picture"]
        _csv(folder / "noise.csv", header, [list(row.values()) for row in doubtful])
    return value


def _coverage(path: Path, coverage: dict[str, Any]) -> None:
    cities, months = list(coverage["cities"]), list(coverage["months"])
    header = [
        "raw_id", "name_en", "name_zh", "pictures", "pixels",
        *(f"city {n} {city or 'unknown'}" for n, city in enumerate(cities, 1)),
        *(f"month {n} {month or 'unknown'}" for n, month in enumerate(months, 1)),
    ]  # fmt: skip
    rows = [
        [
            row["raw_id"], row["name_en"], row["name_zh"], row["pictures"], row["pixels"],
            *(row["cities"][city] for city in cities),
            *(row["months"][month] for month in months),
        ]
        for row in coverage["classes"]
    ]  # fmt: skip
    _csv(path, header, rows)


def _csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        out = Sheet(stream)
        out.add(header)
        out.add_all(rows)
