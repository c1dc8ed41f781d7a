"""The tables of a finished evaluation: JSON for programs, CSV and PNG for people, one folder for each model.

```
report.json             what was evaluated, and the scores of every model
pictures.csv            the pictures in the order of /show, with each model's image_miou
bad_pictures.csv        what was left out, and why, in both languages
<source>/<model file without ending>/
    id/  color/         one PNG for each picture (written while predicting)
    confidence/         the same: how probable each pixel's class is, in whole percent; 255 where nothing was predicted
    cells.npy           pixels by picture, true and predicted class
    confidence.csv      for each picture how sure the model was, on the whole and of each class
    matching.csv        how the classes of the labels and the model's belong together
    classes.csv  confusion.csv  confusion.png  pictures.csv (worst first)  tracks.csv  worst/*.jpg
```
A number that cannot be said (an absent class, a picture without labels) is null in JSON and empty in CSV.
"""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from roadloop.errors import NotFoundError, Text
from roadloop.evaluation.cells import CELLS, write_cells
from roadloop.evaluation.certainty import Certainty
from roadloop.evaluation.destination import EVALUATION, REPORT
from roadloop.evaluation.ledger import Ledger
from roadloop.evaluation.metrics import Counts, Scores, Shares, mean
from roadloop.evaluation.pictures import LabelKind
from roadloop.evaluation.render import confusion_plot
from roadloop.imaging.drawing import both
from roadloop.imaging.encode import encode_color
from roadloop.labels.label_map import TrainClass
from roadloop.storage import publish, reading
from roadloop.storage.sheets import Sheet, plain

PICTURES: Final = "pictures.csv"
CONFIDENCE: Final = "confidence.csv"
_PICTURE_COLUMNS: Final = ("number", "name", "file", "track", "width", "height", "label", "kind")


@dataclass(frozen=True)
class ModelCard:
    """What a report says about a model.

    Attributes:
        source: Training task, `weights`, or a release `<category>/<version>`.
        file: Name of its `.params`.
        folder: Where its outputs stand in the evaluation's folder.
        params_sha256: Of the `.params`.
        epoch: 1-based; 0 when the file does not say.
        classes: The classes that it predicts.
        matching: How the classes of the labels and its own belong together; `ModelView.lines`.
    """

    source: str
    file: str
    folder: str
    params_sha256: str
    epoch: int
    classes: Sequence[TrainClass]
    matching: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class PictureRow:
    """One line of `pictures.csv`: what `/show` needs to find a picture again.

    Attributes:
        name: Names the outputs: `<model folder>/id/<name>.png`.
        file: How the picture source finds the original.
        mious: Each model's image_miou, None without labelled pixels.
        label: How the picture source finds the label; None in evaluations from before it was kept.
        kind: Of the label; empty where there is none.
    """

    number: int
    name: str
    file: str
    track: str
    width: int
    height: int
    mious: tuple[float | None, ...]
    label: str | None = None
    kind: LabelKind = ""


def write_reports(folder: Path, ledger: Ledger, cards: Sequence[ModelCard], about: dict[str, Any]) -> dict[str, Any]:
    """Write all tables of an evaluation.

    Args:
        folder: The scratch folder that holds the outputs.
        ledger: What was found.
        cards: The models, in the order of the ledger.
        about: What else `report.json` says: task id, type, sources.

    Returns:
        The content of `report.json`.
    """
    total = _write_pictures(folder / PICTURES, ledger, len(cards))
    bad = _write_csv(
        folder / "bad_pictures.csv",
        ("name", "reason_zh", "reason_en"),
        ((b.name, *b.reason) for b in ledger.bad()),
    )
    models = [_write_model(folder / card.folder, ledger, k, card) for k, card in enumerate(cards)]
    unlabelled, first = ledger.unlabelled()
    report = {
        "format": EVALUATION.format,
        **about,
        "total_img": total,
        "bad_lines": bad,
        "unlabelled": unlabelled,
        "first_unlabelled": first,
        "sizes": dict(islice(ledger.sizes().items(), 20)),
        "models": models,
    }
    publish.write_json(folder / REPORT, report)
    return report


def read_pictures(path: Path, number: int) -> PictureRow | None:
    """One line of `pictures.csv`; None when there are fewer."""
    row = next(islice(_rows(path), number - 1, None), None)
    return None if row is None else _picture_row(row)


def picture_rows(path: Path) -> Iterator[PictureRow]:
    """The lines of `pictures.csv`, one after the other."""
    return map(_picture_row, _rows(path))


def _picture_row(row: Mapping[str, str]) -> PictureRow:
    mious = tuple(float(value) if value else None for name, value in row.items() if name.startswith("image_miou"))
    kind: LabelKind = "id" if row.get("kind") == "id" else "color" if row.get("kind") == "color" else ""
    size = int(row["width"]), int(row["height"])
    return PictureRow(int(row["number"]), row["name"], row["file"], row["track"], *size, mious, row.get("label"), kind)


def read_tables(folder: Path, model: str, worst: int) -> dict[str, Any]:
    """What a finished evaluation says about one model, beyond its scores.

    Args:
        folder: The evaluation's outputs.
        model: Where this model's outputs stand in it.
        worst: How many pictures, those with the lowest image_miou first.

    Returns:
        `confusion` (rows truth, columns prediction, pixels), `void` (pixels predicted where the truth is ignored),
        `missed` (pixels of each class that were predicted as none), `tracks` and `worst`, each a list of rows.

    Raises:
        NotFoundError: The pictures had no labels, so there is nothing to compare with.
    """
    place = folder / model
    if not (place / "confusion.csv").is_file():
        raise NotFoundError(
            Text(
                "这次评估的图片没有标注，没有混淆矩阵。",
                "The pictures of this evaluation have no labels, so there is no confusion matrix.",
            ),
            model=model,
        )
    *rows, last = ([int(cell or 0) for cell in list(row.values())[1:]] for row in _rows(place / "confusion.csv"))
    classes = len(rows)  # after whose columns may stand that of "none of them"
    tracks = [
        {
            "track": row["track"],
            "pictures": int(row["pictures"]),
            "labelled_pixels": int(row["labelled_pixels"]),
            "miou": _share(row["miou"]),
            "pixel_accuracy": _share(row["pixel_accuracy"]),
        }
        for row in _rows(place / "tracks.csv")
    ]
    return {
        "confusion": [row[:classes] for row in rows],
        "void": last[:classes],
        "missed": [sum(row[classes:]) for row in rows],
        "tracks": tracks,
        "worst": _worst(folder, model, worst),
    }


def figures(found: Scores) -> dict[str, float | None]:
    """The scores of a whole matrix, ready for JSON."""
    return {
        "miou": number(found.miou),
        "miou_void_fp": number(found.miou_void_fp),
        "pixel_accuracy": number(found.pixel_accuracy),
        "class_accuracy": number(found.class_accuracy),
    }


def class_rows(classes: Sequence[TrainClass], found: Scores, boundary_iou: Shares) -> list[dict[str, Any]]:
    """One dictionary for each class: its names, colour, IoU, precision, recall, pixels and boundary IoU."""
    return [
        {
            **_plain(c),
            "iou": number(float(found.iou[i])),
            "precision": number(float(found.precision[i])),
            "recall": number(float(found.recall[i])),
            "truth_pixels": int(found.truth_pixels[i]),
            "predicted_pixels": int(found.predicted_pixels[i]),
            "boundary_iou": number(float(boundary_iou[i])),
        }
        for i, c in enumerate(classes)
    ]


def number(value: float | None) -> float | None:
    """A share with six decimals; None for nan, as for None."""
    return None if value is None or math.isnan(value) else round(value, 6)


def _write_model(folder: Path, ledger: Ledger, model: int, card: ModelCard) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    total, pictures = Counts.zero(len(card.classes)), 0
    rows = []
    for track, count, counts in ledger.by_track(model):
        total, pictures = total + counts, pictures + count
        found = counts.scores()
        rows.append((track, count, counts.labelled, *figures(found).values()))
    entry: dict[str, Any] = {
        "name": card.folder,
        "source": card.source,
        "file": card.file,
        "epoch": card.epoch,
        "params_sha256": card.params_sha256,
        "labelled_pictures": pictures,
    }
    sure = _write_confidence(folder / CONFIDENCE, ledger, model, card.classes)
    entry["confidence"] = number(sure.whole)
    by_class = [{"confidence": number(float(value))} for value in sure.by_class]
    if not pictures:
        return entry | {"classes": [_plain(c) | own for c, own in zip(card.classes, by_class, strict=True)]}
    found, quality = total.scores(), ledger.quality(model)
    rows_of = class_rows(card.classes, found, quality.boundary_iou)
    classes = [row | own for row, own in zip(rows_of, by_class, strict=True)]
    columns = [name for name in classes[0] if name != "color"]
    _write_csv(folder / "tracks.csv", ("track", "pictures", "labelled_pixels", *figures(found)), rows)
    _write_csv(folder / "classes.csv", columns, ([row[name] for name in columns] for row in classes))
    _write_confusion(folder, total, card.classes)
    train_ids = [c.train_id for c in card.classes]
    write_cells(folder / CELLS, ledger.counted(model), ledger.count_cells(model), train_ids)
    _write_csv(
        folder / PICTURES,
        ("name", "track", "image_miou", "pixel_accuracy"),
        ((p.name, p.track, number(miou), number(accuracy)) for p, miou, accuracy in ledger.worst_first(model)),
    )
    _write_csv(folder / "matching.csv", list(card.matching[0]), (list(line.values()) for line in card.matching))
    return {
        **entry,
        **figures(found),
        "image_miou": number(ledger.image_miou(model)),
        "boundary_miou": number(mean(quality.boundary_iou)),
        "ece": number(quality.ece),
        "tracks": len(rows),
        "matching": list(card.matching),
        "classes": classes,
    }


def _plain(c: TrainClass) -> dict[str, Any]:
    return {"train_id": c.train_id, "name_en": c.name_en, "name_zh": c.name_zh, "color": list(c.color)}


def _write_confusion(folder: Path, total: Counts, classes: Sequence[TrainClass]) -> None:
    head = ["truth \\ prediction", *(f"{c.train_id} {c.name_en}" for c in classes)]
    body = [[head[i + 1], *row] for i, row in enumerate(total.matrix.tolist())] + [
        ["255 ignored", *total.void.tolist()]
    ]
    if total.missed.any():
        head.append("255 none of them")
        body = [[*row, missed] for row, missed in zip(body, [*total.missed.tolist(), ""], strict=True)]
    _write_csv(folder / "confusion.csv", head, body)
    plot = confusion_plot(total.matrix, [f"{c.train_id} {both(c.name_zh, c.name_en)}" for c in classes])
    publish.write_bytes(folder / "confusion.png", encode_color(plot))


def _write_confidence(path: Path, ledger: Ledger, model: int, classes: Sequence[TrainClass]) -> Certainty:
    """Write how sure a model was, picture by picture; returns the same for all of them."""
    total = Certainty.zero(len(classes))

    def rows() -> Iterator[Sequence[Any]]:
        nonlocal total
        for place, picture, one in ledger.certainties(model):
            total += one
            yield place, picture.name, picture.track, number(one.whole), *(number(float(v)) for v in one.by_class)

    _write_csv(path, ("number", "name", "track", "confidence", *(str(c.train_id) for c in classes)), rows())
    return total


def _write_pictures(path: Path, ledger: Ledger, models: int) -> int:
    def rows() -> Iterable[Sequence[Any]]:
        for place, p in enumerate(ledger.pictures(), start=1):
            mious = [number(miou) for miou in ledger.mious(p.number)]
            file, label = p.picture.file, p.picture.label
            yield place, p.name, file, p.track, p.width, p.height, label, p.kind, *mious

    head = (*_PICTURE_COLUMNS, *(f"image_miou_{k + 1}" for k in range(models)))
    return _write_csv(path, head, rows())


def _write_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Write a table row by row; returns the number of rows."""
    count = 0
    with (
        publish.publishing_file(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="") as stream,
    ):
        writer = Sheet(stream)
        writer.add(head)
        for row in rows:
            writer.add(row)
            count += 1
    return count


def _worst(folder: Path, model: str, limit: int) -> list[dict[str, Any]]:
    found = {row["name"]: row for row in islice(_rows(folder / model / PICTURES), limit)}
    numbers: dict[str, int] = {}
    for row in _rows(folder / PICTURES):
        if row["name"] in found:
            numbers[row["name"]] = int(row["number"])
            if len(numbers) == len(found):
                break
    return [
        {
            "number": numbers[name],
            "name": name,
            "track": row["track"],
            "image_miou": _share(row["image_miou"]),
            "pixel_accuracy": _share(row["pixel_accuracy"]),
        }
        for name, row in found.items()
    ]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a table, as they were before they were written for a spreadsheet."""
    with reading.open_text(path, errors="surrogateescape") as stream:
        yield from ({name: plain(cell) for name, cell in row.items()} for row in csv.DictReader(stream))


def _share(text: str) -> float | None:
    return float(text) if text else None
