"""How sure a model was, by class and picture: the table beside an evaluation's outputs, and how it is read.

`<model>/confidence.csv` has a line for each picture: number, name, track, `confidence` of all predicted pixels, and a column
for each train id, empty where the picture has none of it. Of all pictures together `report.json` has the same.
"""

import csv
from collections.abc import Iterator
from heapq import nsmallest
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import sqlalchemy as sa

from roadloop.errors import NotFoundError, Text
from roadloop.evaluation.report import CONFIDENCE
from roadloop.evaluation.show import Finished, open_finished
from roadloop.evaluation.store import evaluation_models, evaluations
from roadloop.jobs.states import JobState
from roadloop.jobs.store import jobs
from roadloop.storage import reading
from roadloop.storage.platform import Platform
from roadloop.storage.sheets import plain

_FACTS: Final = ("number", "name", "track", "confidence")


class Asked(NamedTuple):
    """Which pictures, and in which order.

    Attributes:
        order: As they are listed, or the least certain first.
        train_id: The class whose confidence counts; None: that of the whole picture.
        skip: So many are left out first.
        limit: How many at most.
    """

    order: Literal["listed", "lowest"] = "listed"
    train_id: int | None = None
    skip: int = 0
    limit: int = 200


def read(finished: Finished, model: int, asked: Asked) -> dict[str, Any]:
    """What an evaluation says of a model's confidence.

    Args:
        finished: The evaluation.
        model: 1..n.
        asked: Which pictures.

    Returns:
        `confidence` of all predicted pixels, `classes` (each with its own; null where it is never predicted), and
        `pictures`: number, name, track, confidence, and `classes`, train id -> confidence.

    Raises:
        NotFoundError: There is no such model, or the evaluation is from before confidence was counted.
    """
    name = finished.model_name(model)
    entry = finished.report["models"][model - 1]
    path = finished.folder / name / CONFIDENCE
    if "confidence" not in entry or not path.is_file():
        raise NotFoundError(
            Text(
                "这次评估由旧版本完成，没有统计置信度；请重新评估。",
                "This evaluation is from a version that did not count confidence; evaluate again.",
            ),
            model=name,
        )
    rows = _rows(path)
    if asked.order == "lowest":
        known = ((value, row) for row in rows if (value := _value(row, asked.train_id)) is not None)
        lowest = nsmallest(asked.skip + asked.limit, known, key=lambda one: one[0])
        pictures = [row for _value, row in lowest[asked.skip :]]
    else:
        pictures = list(islice(rows, asked.skip, asked.skip + asked.limit))
    names = ("train_id", "name_en", "name_zh", "color", "confidence")
    classes = [{name: one[name] for name in names} for one in entry["classes"]]
    return {"confidence": entry["confidence"], "classes": classes, "pictures": pictures}


def newest(platform: Platform, source: str, file: str) -> tuple[Finished, int]:
    """The newest finished evaluation of a model file, or an engine, and the model's number there, 1..n.

    Raises:
        NotFoundError: It was never evaluated.
    """
    models = evaluation_models.c
    query = (
        sa.select(models.task_id, models.place)
        .join(evaluations, evaluations.c.task_id == models.task_id)
        .join(jobs, jobs.c.id == models.task_id)
        .where(models.source == source, models.file == file, jobs.c.state == JobState.SUCCEEDED.value)
        .order_by(evaluations.c.id.desc())
        .limit(1)
    )
    with platform.database.reading() as db:
        row = db.execute(query).first()
    if row is None:
        raise NotFoundError(
            Text(
                f"{source} 的 {file} 还没有完成的评估；请先用 /starteva 评估它。",
                f"No evaluation of {file} of {source} has finished; evaluate it first (/starteva).",
            ),
            source=source,
            file=file,
        )
    return open_finished(platform, row.task_id), row.place + 1


def _value(row: dict[str, Any], train_id: int | None) -> float | None:
    found: float | None = row["confidence"] if train_id is None else row["classes"].get(str(train_id))
    return found


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with reading.open_text(path, errors="surrogateescape") as stream:
        for row in csv.DictReader(stream):
            classes = {name: float(cell) for name, cell in row.items() if name not in _FACTS and cell}
            yield {
                "number": int(row["number"]),
                "name": plain(row["name"]),
                "track": plain(row["track"]),
                "confidence": float(row["confidence"]) if row["confidence"] else None,
                "classes": classes,
            }
