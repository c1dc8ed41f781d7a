"""Looking at a finished evaluation: its pictures, what each model made of them, and the truth. No torch here."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import sqlalchemy as sa

from roadloop.errors import ConflictError, NotFoundError, Text
from roadloop.evaluation.destination import EVALUATION
from roadloop.evaluation.outputs import ID, KINDS, MODEL_FILE, ModelView, output_path
from roadloop.evaluation.pictures import Picture, PictureSource, Raw, open_source
from roadloop.evaluation.render import errors, overlay
from roadloop.evaluation.report import PICTURES, PictureRow, read_pictures
from roadloop.evaluation.store import evaluations
from roadloop.evaluation.truth import decode_truth
from roadloop.imaging.decode import UInt8, decode_image, decode_label
from roadloop.imaging.encode import encode_jpeg, encode_label, encode_palette
from roadloop.imaging.header import read_header
from roadloop.imaging.room import room
from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.storage import reading
from roadloop.storage.platform import Platform

Kind = Literal["image", "truth", "truth_id", "id", "color", "confidence", "overlay", "errors"]

BAND: Final = 256  #: rows that are drawn at once
JPEG: Final = "image/jpeg"
PNG: Final = "image/png"


@dataclass(frozen=True)
class Finished:
    """A finished evaluation whose outputs are still in place."""

    folder: Path
    report: dict[str, Any]
    source: PictureSource
    max_pixels: int

    @property
    def total(self) -> int:
        """Number of pictures."""
        return int(self.report["total_img"])

    @property
    def models(self) -> list[str]:
        """Names of the models, in the order of the request."""
        return [model["name"] for model in self.report["models"]]

    def picture(self, number: int) -> "Shown":
        """One picture.

        Raises:
            NotFoundError: Outside 1..total; says the range.
        """
        row = read_pictures(self.folder / PICTURES, number) if 1 <= number <= self.total else None
        if row is None:
            raise NotFoundError(
                Text(
                    f"没有第 {number} 张图片；有效范围是 1 到 {self.total}。",
                    f"There is no picture {number}; they run from 1 to {self.total}.",
                ),
                first=1,
                last=self.total,
            )
        return Shown(self, row)

    def view(self, model: int) -> ModelView:
        """How model 1..n's numbers are read.

        Raises:
            NotFoundError: There is no such model.
        """
        path = self.folder / self.model_name(model) / MODEL_FILE
        return ModelView.of(json.loads(_read(path)))

    def output(self, model: int, kind: str, name: str) -> bytes:
        """The PNG that model 1..n made of a picture.

        Raises:
            NotFoundError: There is no such model, or the file is gone.
        """
        return _read(output_path(self.folder, self.model_name(model), kind, name))

    def model_name(self, model: int) -> str:
        """The name of model 1..n, which is also its folder.

        Raises:
            NotFoundError: There is no such model.
        """
        if not 1 <= model <= len(self.models):
            raise NotFoundError(
                Text(
                    f"没有第 {model} 个模型；这次评估有 {len(self.models)} 个。",
                    f"There is no model {model}; this evaluation has {len(self.models)}.",
                ),
                first=1,
                last=len(self.models),
            )
        return self.models[model - 1]


@dataclass(frozen=True)
class Shown:
    """One picture of a finished evaluation."""

    evaluation: Finished
    row: PictureRow

    @cached_property
    def _raw(self) -> Raw:
        return self.evaluation.source.read(self._picture)

    @property
    def _picture(self) -> Picture:
        """As the source lists it; where the table does not name the label, the source is asked again."""
        row = self.row
        if row.label is None:
            found = (p for p in self.evaluation.source.pictures() if p.file == row.file)
            return next(found, Picture(row.number, row.name, row.file, row.track))
        return Picture(row.number, row.name, row.file, row.track, row.label, row.kind)

    @property
    def labelled(self) -> bool:
        """Whether a label stands beside it."""
        return bool(self._raw.kind)

    def render(self, kind: Kind, model: int = 1) -> tuple[bytes, str]:
        """One view of the picture.

        Args:
            kind: image (JPEG), truth, truth_id, id, color, confidence (PNG), overlay, errors (JPEG).
            model: 1..n; its palette, its label map, its prediction.

        Returns:
            The bytes and their media type.

        Raises:
            NotFoundError: No such model, a file is gone or was not written when this was evaluated, or truth and errors
                without a label.
            BrokenFileError: The picture or its label was damaged since.
        """
        if kind == "image":
            return self._jpeg(), JPEG
        if kind in KINDS:
            return self.evaluation.output(model, kind, self.row.name), PNG
        view = self.evaluation.view(model)
        with room.take(self._pixels):
            if kind == "truth":
                return encode_palette(self._truth(view), view.palette), PNG
            if kind == "truth_id":
                return encode_label(self._truth(view)), PNG
            image = np.require(decode_image(self._raw.image, self.evaluation.max_pixels), requirements="W")
            ids = decode_label(self.evaluation.output(model, ID, self.row.name), self.evaluation.max_pixels)
            truth = self._truth(view) if kind == "errors" else ids
            for begin in range(0, len(image), BAND):  # so that there is never a second picture beside it
                band = slice(begin, begin + BAND)
                if kind == "overlay":
                    image[band] = overlay(image[band], ids[band], view.palette)
                else:
                    image[band] = errors(image[band], ids[band], truth[band])
            return encode_jpeg(image), JPEG

    @property
    def _pixels(self) -> int:
        header = read_header(self._raw.image)
        return header.width * header.height

    def _jpeg(self) -> bytes:
        """The picture as JPEG: its own bytes where they need no turning."""
        header = read_header(self._raw.image)
        if header.format == "jpeg" and header.plain and header.orientation == 1:
            return self._raw.image
        with room.take(self._pixels):
            return encode_jpeg(decode_image(self._raw.image, self.evaluation.max_pixels))

    def _truth(self, view: ModelView) -> UInt8:
        if not self.labelled:
            raise NotFoundError(
                Text(f"图片 {self.row.name} 没有标注。", f"The picture {self.row.name} has no label."),
                name=self.row.name,
            )
        size = (self.row.height, self.row.width)
        label = decode_truth(self._raw.label, self._raw.kind, size, self.evaluation.max_pixels)
        ids = view.truth.train_ids(label)
        if self.evaluation.report["type"] == "remote":
            ids[: len(ids) // 2] = 255
        return ids


def open_finished(platform: Platform, task_id: str) -> Finished:
    """A finished evaluation.

    Raises:
        NotFoundError: No evaluation has that id, or its outputs are gone or replaced.
        ConflictError: It has not finished; says how far it is.
    """
    with platform.database.reading() as db:
        job = queue.get(db, task_id)
        row = db.execute(sa.select(evaluations).where(evaluations.c.task_id == task_id)).first()
    if row is None:
        raise NotFoundError(
            Text(f"task_id {task_id[:80]!r} 不是评估任务。", f"The task {task_id[:80]!r} is no evaluation."),
            task_id=task_id[:80],
        )
    if job.state is not JobState.SUCCEEDED:
        raise _unfinished(job)
    folder = platform.workspace.find_path(row.dest_path)
    report = EVALUATION.read_report(folder)
    if report is None or report["task_id"] != task_id:
        raise NotFoundError(
            Text(
                f"评估结果目录 {row.dest_dir} 已被移走或被另一次评估替换；请重新评估。",
                f"The output folder {row.dest_dir} was moved, or replaced by another evaluation; evaluate again.",
            ),
            dest_dir=row.dest_dir,
        )
    source = open_source(platform.workspace, row.sour_dir)
    return Finished(folder, report, source, platform.settings.max_picture_mpix * 1_000_000)


def _unfinished(job: queue.Job) -> ConflictError:
    if job.state in {JobState.FAILED, JobState.CANCELLED}:
        why = job.reason or Text("已停止。", "It was stopped.")
        text = Text(f"评估没有完成：{why.zh}", f"The evaluation did not finish: {why.en}")
    else:
        share = f"{100 * job.progress:.0f} %"
        text = Text(
            f"评估尚未完成（{share}）；进度见 /eva_rate。", f"The evaluation has not finished ({share}); see /eva_rate."
        )
    return ConflictError(text, task_id=job.id, state=job.state.value)


def _read(path: Path) -> bytes:
    try:
        return reading.read_bytes(path)
    except OSError as error:
        raise NotFoundError(
            Text(f"评估结果 {path.name} 不见了。", f"The output {path.name} is gone."), path=str(path)
        ) from error
