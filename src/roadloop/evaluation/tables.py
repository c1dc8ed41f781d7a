"""Reading the tables of a finished evaluation again: confusion matrix, tracks, worst pictures. No torch here."""

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from roadloop.errors import NotFoundError, Text
from roadloop.evaluation.report import PICTURES
from roadloop.storage import reading
from roadloop.storage.sheets import plain


def read_tables(folder: Path, model: str, worst: int) -> dict[str, Any]:
    """What a finished evaluation says about one model, beyond its scores.

    Args:
        folder: The evaluation's outputs.
        model: Where this model's outputs stand in it.
        worst: How many pictures, those with the lowest image_miou first.

    Returns:
        `confusion` (rows truth, columns prediction, pixels), `void` (pixels predicted where the truth is ignored),
        `tracks` and `worst`, each a list of rows.

    Raises:
        NotFoundError: The pictures had no labels, so there is nothing to compare with.
    """
    if not (folder / model / "confusion.csv").is_file():
        raise NotFoundError(
            Text(
                "这次评估的图片没有标注，没有混淆矩阵。",
                "The pictures of this evaluation have no labels, so there is no confusion matrix.",
            ),
            model=model,
        )
    rows = [[int(cell) for cell in row[1:]] for row in islice(_read(folder / model / "confusion.csv"), 1, None)]
    return {
        "confusion": rows[:-1],
        "void": rows[-1],
        "tracks": [_track(row) for row in islice(_read(folder / model / "tracks.csv"), 1, None)],
        "worst": _worst(folder, model, worst),
    }


def _track(row: list[str]) -> dict[str, Any]:
    track, pictures, pixels, miou, _miou_void_fp, accuracy, _class_accuracy = row
    return {
        "track": track,
        "pictures": int(pictures),
        "labelled_pixels": int(pixels),
        "miou": _number(miou),
        "pixel_accuracy": _number(accuracy),
    }


def _worst(folder: Path, model: str, limit: int) -> list[dict[str, Any]]:
    found = {row[0]: row for row in islice(_read(folder / model / PICTURES), 1, limit + 1)}
    numbers: dict[str, int] = {}
    for row in islice(_read(folder / PICTURES), 1, None):
        if row[1] in found:
            numbers[row[1]] = int(row[0])
            if len(numbers) == len(found):
                break
    return [
        {
            "number": numbers[name],
            "name": name,
            "track": track,
            "image_miou": _number(miou),
            "pixel_accuracy": _number(accuracy),
        }
        for name, track, miou, accuracy in found.values()
    ]


def _read(path: Path) -> Iterator[list[str]]:
    with reading.open_text(path, errors="surrogateescape") as stream:
        yield from ([plain(cell) for cell in row] for row in csv.reader(stream))


def _number(text: str) -> float | None:
    return float(text) if text else None
