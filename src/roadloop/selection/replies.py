"""Shapes of the answers about selections, for the description of the interface."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from roadloop.jobs.history import JobFields
from roadloop.web.endpoint import Success


class SelectionRow(JobFields):
    """One selection."""

    task_type: str = Field(description="sam: sampled. sele: mined.")
    output_dir: str
    gpus: str
    sele_ratio: str = Field(description="As sent.")
    weights_dir: str
    track_file: str
    task_file: str
    isshuffle: bool
    points: int = Field(description="Track points that were listed; 0: pictures were chosen otherwise.")
    summary: dict[str, Any] | None = Field(description="Pictures taken, lines read and so on; null before the end.")


class SelectionList(Success):
    """Selections, newest first; one object with a task id."""

    data: list[SelectionRow] | SelectionRow
    total: int = 0


class PictureRow(BaseModel):
    """One picture that a selection took."""

    track: str
    point: str
    file: str = Field(description="Its name in the output folder.")
    arm: str | None = Field(description="random, mined or control; null with blind.")
    rank: int | None = Field(description="From 1 within its arm; null with blind.")
    score: float | None = Field(description="Uncertainty 0..1; null where nothing was scored.")
    reason: str | None = Field(description="Why it was taken; null with blind.")
    time: str
    longitude: str
    latitude: str
    datum: str
    width: int = Field(description="0 when its header cannot be read.")
    height: int
    removed: bool = Field(description="Somebody has taken it out; /task_divide passes it over.")
    image_url: str
    map_url: str | None = Field(
        description="Where the model is uncertain, pixel by pixel; null where it has no map, and with blind."
    )


class PictureList(Success):
    """Pictures that a selection took, by arm, then by rank."""

    data: list[PictureRow]
    total: int
    removed: int = Field(description="How many are taken out.")
    may_remove: bool = Field(description="Whether it stands in images/, from where packages are cut.")


class TrackRow(BaseModel):
    """One track that stands in a folder."""

    track: str
    pictures: int


class TrackList(Success):
    """Tracks in text order."""

    data: list[TrackRow]
    total: int


class PointRow(BaseModel):
    """One point of a track."""

    point: str
    longitude: float | None = Field(description="null where there is no position, or its datum is not known.")
    latitude: float | None
    datum: str | None
    file: str | None = Field(description="The picture that was taken there.")
    removed: bool


class TrackView(BaseModel):
    """A track with what was taken of it."""

    track: str
    points: list[PointRow]


class AlongReply(Success):
    """Where pictures stand in their track."""

    data: TrackView


class RemovedReply(Success):
    """What is taken out now."""

    removed: int


class Span(BaseModel):
    """Several runs of one arm."""

    mean: float
    lowest: float
    highest: float
    runs: int


class Measure(BaseModel):
    """One measure of both arms."""

    measure: str = Field(description="aimed, miou, or iou:<train id>.")
    name: str
    mined: Span
    control: Span
    difference: float = Field(description="Mean of the mined arm minus mean of the control arm.")
    verdict: Literal["paid", "not_paid", "unclear"]


class Comparison(Success):
    """Whether mining paid."""

    verdict: Literal["paid", "not_paid", "unclear"]
    sentence: str
    scored_on: str
    caution: str | None
    measures: list[Measure]
    runs: dict[str, list[dict[str, Any]]]
