"""`python -m benchmarks int8`: model files in full and half precision and as 8-bit integers, through ONNX Runtime, in turns."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple, get_args

import numpy as np
import torch

from roadloop.errors import InvalidValueError, Text
from roadloop.evaluation.calibration import Calibration, chosen, open_calibration
from roadloop.evaluation.meaning import labels_of
from roadloop.evaluation.metrics import Counts, count
from roadloop.evaluation.outputs import Loaded, ModelView, load
from roadloop.evaluation.pictures import PictureSource, open_source
from roadloop.imaging.decode import MAX_PIXELS
from roadloop.models.convert import Form, converted
from roadloop.models.engine import EngineModule, network_of
from roadloop.models.engines import Precision
from roadloop.models.files import load_description
from roadloop.models.predict import Predictor
from roadloop.models.prediction import UInt8
from roadloop.networks.trust import Trust
from roadloop.storage.paths import Workspace

PRECISIONS: Final[tuple[Precision, ...]] = get_args(Precision)


class Lesson(NamedTuple):
    """What the files are made and measured with.

    Attributes:
        calibrate: Pictures that ranges are found with, as an evaluation names them.
        check: Labelled pictures.
        pictures: So many of the first, evenly.
        size: Height and width; None: what each model was made for.
    """

    calibrate: str
    check: str
    pictures: int
    size: tuple[int, int] | None


class Line(NamedTuple):
    """One file.

    Attributes:
        model: Its `.params`.
        precision: Of its numbers.
        bytes: Of the file.
        miou: On the labelled pictures, 0..1.
        different: Share of pixels with another label than the file in full precision has.
        seconds: Median of one picture on one thread, prediction alone.
        ratio: Median over the pictures of that against the same picture in full precision.
    """

    model: str
    precision: str
    bytes: int
    miou: float
    different: float
    seconds: float
    ratio: float


def measure(workspace: Workspace, params: Path, lesson: Lesson, trust: Trust) -> list[Line]:
    """Make the three files of a model, and predict every labelled picture with each of them, one after the other.

    The file that begins changes with the picture, so that whoever else is busy meets all of them.

    Raises:
        InvalidValueError: No picture has a label.
    """
    torch.set_num_threads(1)
    record = load_description(params)
    size = lesson.size or record.input.size or record.input.crop
    source = open_source(workspace, lesson.check)
    with TemporaryDirectory(prefix="roadloop-bench-") as folder:
        listed = chosen(open_calibration(workspace, lesson.calibrate), lesson.pictures)
        images = Calibration(listed, record, size, MAX_PIXELS)
        files = [Path(folder) / f"{precision}.onnx" for precision in PRECISIONS]
        for precision, file in zip(PRECISIONS, files, strict=True):
            converted(params, file, Form(precision, size, images), trust)
        predictors = [Predictor(network_of(EngineModule(file), record), torch.device("cpu")) for file in files]
        view = ModelView.of(ModelView.record(record, labels_of(source, [record])))
        totals = [Counts.zero(max(c.train_id for c in view.classes) + 1) for _ in files]
        different, pixels, seconds = np.zeros(len(files), np.int64), 0, []
        for number, (image, truth) in enumerate(_labelled(source, view)):
            ids, taken = _in_turns(predictors, image, number)
            totals = [total + count(one, truth, len(total.void)) for total, one in zip(totals, ids, strict=True)]
            different += [int((one != ids[0]).sum()) for one in ids]
            pixels += truth.size
            seconds.append(taken)
        if not pixels:
            text = Text(f"{lesson.check} 中没有带标注的图片。", f"{lesson.check} holds no labelled picture.")
            raise InvalidValueError(text, parameter="check")
        return [
            Line(
                params.name,
                precision,
                file.stat().st_size,
                float(total.scores().miou),
                float(apart) / pixels,
                median(one[k] for one in seconds),
                median(one[k] / one[0] for one in seconds),
            )
            for k, (precision, file, total, apart) in enumerate(zip(PRECISIONS, files, totals, different, strict=True))
        ]


def _labelled(source: PictureSource, view: ModelView) -> Iterator[tuple[UInt8, UInt8]]:
    for picture in source.pictures():
        loaded = load(source, picture, MAX_PIXELS)
        if isinstance(loaded, Loaded) and loaded.label is not None:
            yield loaded.image, view.truth.train_ids(loaded.label)


def _in_turns(predictors: Sequence[Predictor], image: UInt8, first: int) -> tuple[list[UInt8], list[float]]:
    """The labels of a picture by each file, and the CPU seconds that each took."""
    ids: dict[int, UInt8] = {}
    seconds: dict[int, float] = {}
    for place in range(len(predictors)):
        k = (first + place) % len(predictors)
        began = time.thread_time()
        (ids[k],) = predictors[k]([image])
        seconds[k] = time.thread_time() - began
    return [ids[k] for k in range(len(predictors))], [seconds[k] for k in range(len(predictors))]
