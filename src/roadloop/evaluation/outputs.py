"""The outputs of one evaluation's models, picture by picture: decode, compare, encode, write. No torch here.

Everything stands in the attempt's scratch folder and becomes visible with the whole folder.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from roadloop.errors import ObjectStoreError, RoadloopError
from roadloop.evaluation.certainty import Certainty
from roadloop.evaluation.ledger import BadPicture, Done, Ledger, Result
from roadloop.evaluation.meaning import UNKNOWN, Labels
from roadloop.evaluation.metrics import IGNORE, Counts, count
from roadloop.evaluation.pictures import Picture, PictureSource
from roadloop.evaluation.quality import Quality, measure
from roadloop.evaluation.render import colorize, errors, overlay, palette, sheet
from roadloop.evaluation.report import ModelCard
from roadloop.evaluation.truth import TruthReader, decode_truth
from roadloop.imaging.decode import UInt8, decode_image, decode_label
from roadloop.imaging.drawing import Tile
from roadloop.imaging.encode import encode_jpeg, encode_label, encode_palette
from roadloop.labels.label_map import LabelMap, TrainClass
from roadloop.labels.matching import Matching, match_tables
from roadloop.labels.table import from_rows
from roadloop.models.files import ModelFile
from roadloop.models.prediction import CERTAIN, Prediction
from roadloop.parameters import stored
from roadloop.storage import publish, reading

ID: Final = "id"
COLOR: Final = "color"
CONFIDENCE: Final = "confidence"
KINDS: Final = (ID, COLOR, CONFIDENCE)  #: of PNGs, one for each picture
MODEL_FILE: Final = "model.json"
_PERCENT: Final = np.rint(np.arange(CERTAIN + 1) * (100 / CERTAIN)).astype(np.uint8)
WORST: Final = 12  #: pictures with a comparison sheet, for each model


@dataclass(frozen=True)
class ModelView:
    """How one model's numbers are read: its classes, their colours, and its way to read labels.

    Attributes:
        classes: What it predicts, ascending by train id.
        palette: uint8[256, 3], train id -> colour.
        truth: Reads labels into its train ids; classes that it does not predict are ignored.
        matching: How the classes of the labels and its own belong together.
        label_map: Its raw id -> train id.
    """

    classes: tuple[TrainClass, ...]
    palette: UInt8
    truth: TruthReader
    matching: Matching
    label_map: LabelMap

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "ModelView":
        """The view of a description's `classes`, `class_table`, `label_map` and of `labels` (plain JSON values)."""
        classes = tuple(
            TrainClass(c["train_id"], c["name_en"], c["name_zh"], (c["color"][0], c["color"][1], c["color"][2]))
            for c in sorted(record["classes"], key=lambda c: int(c["train_id"]))
        )
        own = from_rows("classes", record["class_table"])
        labels = stored(Labels, record.get("labels", {}))
        table = labels.table or own
        matching = match_tables(own, table, labels.mapping)
        label_map = LabelMap.from_json(record["label_map"])
        truth = TruthReader(table, label_map.lut()[matching.lut()], [c.train_id for c in classes])
        return cls(classes, palette({c.train_id: c.color for c in classes}), truth, matching, label_map)

    @staticmethod
    def record(model: ModelFile, labels: Labels = UNKNOWN) -> dict[str, Any]:
        """What `of` needs of a description, and of the labels; kept with the outputs, so that they stay readable."""
        kept = model.model_dump(mode="json", include={"classes", "class_table", "label_map"})
        return {**kept, "labels": labels.payload()}

    def lines(self) -> list[dict[str, Any]]:
        """The matching as plain values, each line with the train id of the model's class."""
        ids = {raw: entry.train_id for raw, entry in self.label_map.entries.items()}
        return [line | {"train_id": ids.get(line["model_id"])} for line in self.matching.to_json()]


@dataclass(frozen=True)
class Model:
    """One model of an evaluation: what the report says about it, and how its numbers are read."""

    card: ModelCard
    view: ModelView


@dataclass(frozen=True)
class Loaded:
    """A decoded picture with its label, if it has one: raw ids [H, W] or colours [H, W, 3]."""

    picture: Picture
    image: UInt8
    label: UInt8 | None
    bad: tuple[BadPicture, ...]


def load(source: PictureSource, picture: Picture, max_pixels: int) -> Loaded | BadPicture:
    """Read and decode one picture; what is wrong becomes a line, never an exception.

    Raises:
        ObjectStoreError: It lies in a store that refuses all that is asked, or does not answer.
    """
    try:
        raw = source.read(picture)
        image = decode_image(raw.image, max_pixels)
    except ObjectStoreError:
        raise
    except RoadloopError as error:
        return BadPicture(picture.number, picture.name, error.text)
    if not raw.kind:
        return Loaded(picture, image, None, ())
    try:
        label = decode_truth(raw.label, raw.kind, (image.shape[0], image.shape[1]), max_pixels)
    except RoadloopError as error:
        return Loaded(picture, image, None, (BadPicture(picture.number, picture.name, error.text),))
    return Loaded(picture, image, label, ())


class Outputs:
    """Writes what the models made of a picture into a folder, and says what it is worth.

    Args:
        folder: The scratch folder.
        models: In the order of the predictions.
        remote: Only the bottom half was predicted, so only it is counted.
    """

    def __init__(self, folder: Path, models: Sequence[Model], *, remote: bool) -> None:
        self.folder: Final = folder
        self._models: Final = models
        self._remote: Final = remote

    def finish(self, loaded: Loaded, predictions: Sequence[Prediction]) -> tuple[Done, list[Result], list[BadPicture]]:
        """Write one picture's PNGs and count its pixels.

        Args:
            loaded: The picture.
            predictions: Of each model.

        Raises:
            DiskFullError: No space left.
        """
        picture, bad = loaded.picture, list(loaded.bad)
        height, width = loaded.image.shape[:2]
        results = []
        for model, prediction in zip(self._models, predictions, strict=True):
            counts, quality, problem = self._count(model.view, loaded, prediction)
            bad += [] if problem is None or problem in bad else [problem]
            digests = self._write(model, picture.name, prediction)
            found = counts.scores() if counts is not None and counts.labelled else None
            miou, accuracy = (found.miou, found.pixel_accuracy) if found else (None, None)
            certainty = Certainty.count(prediction, [c.train_id for c in model.view.classes])
            results.append(Result(counts, miou, accuracy, digests, quality, certainty))
        file, label = (name.encode(errors="surrogateescape") for name in (picture.file, picture.label))
        done = Done(picture.number, picture.name, file, picture.track, width, height, label, picture.kind)
        return done, results, bad

    def _count(
        self, view: ModelView, loaded: Loaded, prediction: Prediction
    ) -> tuple[Counts | None, Quality | None, BadPicture | None]:
        if loaded.label is None:
            return None, None, None
        try:
            truth = view.truth.train_ids(loaded.label)
        except RoadloopError as error:
            return None, None, BadPicture(loaded.picture.number, loaded.picture.name, error.text)
        ids, certainty = prediction
        top = ids.shape[0] // 2 if self._remote else 0
        used = [c.train_id for c in view.classes]
        counts = count(ids[top:], truth[top:], used[-1] + 1)
        quality = measure(ids[top:], truth[top:], used[-1] + 1, None if certainty is None else certainty[top:])
        return counts.of_classes(used), quality.of_classes(used), None

    def _write(self, model: Model, name: str, prediction: Prediction) -> tuple[str, ...]:
        ids, confidence = prediction.ids, encode_label(percent(prediction))
        pngs = {ID: encode_label(ids), COLOR: encode_palette(ids, model.view.palette), CONFIDENCE: confidence}
        for kind, data in pngs.items():
            path = output_path(self.folder, model.card.folder, kind, name)
            with publish.disk_errors(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        return tuple(hashlib.sha256(data).hexdigest() for data in pngs.values())

    def take_over(self, older: Path, source: PictureSource, ledger: Ledger) -> int:
        """Move the finished pictures of a killed attempt here, after verifying every file.

        Args:
            older: The killed attempt's folder.
            source: Only pictures that it still lists, at the same place, count.
            ledger: Gets their results.

        Returns:
            How many pictures need not be predicted again.
        """
        taken = 0
        with Ledger(older / ledger.path.name, ledger.classes) as found:
            for picture in source.pictures():
                done = found.find(picture.number)
                if done is None or done.picture != picture:
                    continue
                results = found.results(picture.number)
                moves = []
                if any(len(result.digests) != len(KINDS) for result in results):
                    continue  # of a version that wrote fewer
                for model, result in zip(self._models, results, strict=True):
                    for kind, digest in zip(KINDS, result.digests, strict=True):
                        old, new = (output_path(f, model.card.folder, kind, done.name) for f in (older, self.folder))
                        moves.append((old, new, digest))
                if not all(old.is_file() and publish.sha256_file(old) == digest for old, _new, digest in moves):
                    continue
                for old, new, _digest in moves:
                    new.parent.mkdir(parents=True, exist_ok=True)
                    old.rename(new)
                ledger.add(done, results, found.bad_of(picture.number))
                taken += 1
        return taken

    def write_worst(self, source: PictureSource, ledger: Ledger, max_pixels: int) -> None:
        """Write comparison sheets of each model's worst pictures: picture, truth, prediction, errors."""
        for k, model in enumerate(self._models):
            for place, (done, miou, _) in enumerate(ledger.worst_first(k, WORST), start=1):
                if miou is None:
                    break
                loaded = load(source, done.picture, max_pixels)
                if isinstance(loaded, BadPicture) or loaded.label is None:
                    continue
                id_path = output_path(self.folder, model.card.folder, ID, done.name)
                ids = decode_label(reading.read_bytes(id_path), max_pixels)
                truth = model.view.truth.train_ids(loaded.label)
                tiles = [
                    Tile("图片 picture", loaded.image),
                    Tile("标注 truth", overlay(loaded.image, truth, model.view.palette)),
                    Tile("预测 prediction", colorize(ids, model.view.palette)),
                    Tile("错误 errors", errors(loaded.image, ids, truth)),
                ]
                last = done.name.rpartition("/")[2]
                path = self.folder / model.card.folder / "worst" / f"{place:02d}-{last[:60]}.jpg"
                publish.write_bytes(path, encode_jpeg(sheet(tiles)))


def percent(prediction: Prediction) -> UInt8:
    """How probable the class of each pixel is: uint8 [H, W], whole percent; 255 where nothing was predicted."""
    assert prediction.certainty is not None
    shares: UInt8 = _PERCENT[prediction.certainty]
    shares[prediction.ids == IGNORE] = IGNORE
    return shares


def output_path(folder: Path, model_folder: str, kind: str, name: str) -> Path:
    """Where one output of one picture stands in an evaluation's folder."""
    return folder / model_folder / kind / f"{name}.png"
