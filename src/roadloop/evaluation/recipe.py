"""What an evaluation is asked for and carries."""

from typing import Annotated, Literal

from pydantic import Field

from roadloop.evaluation.meaning import Labels
from roadloop.lists import NUMBERS
from roadloop.models.files import PARAMS
from roadloop.models.manner import Manner
from roadloop.parameters import JsonObject, Parameters

Scales = Annotated[tuple[Annotated[float, Field(ge=0.25, le=4)], ...], NUMBERS]


class Prediction(Parameters):
    """What is asked of an evaluation and carried as it is."""

    type: Literal["full", "remote", "lane", "union"] = Field(
        "full", description="remote: the bottom half only; lane and union are evaluated as full."
    )
    sour_dir: str = Field(
        description="Pictures: a folder (recursive, labels beside them), or `dataset:<name>/<train, val or test>`.",
        examples=["image_dir"],
    )
    single_gpu: int = Field(1, ge=1, le=256, description="Pictures predicted at once on each GPU (batch size).")
    overwrite: bool = Field(False, description="Replace an earlier evaluation that stands in `dest_dir`.")
    tile: int = Field(
        0,
        ge=0,
        le=16384,
        description="Side in pixels of the overlapping tiles that larger pictures are predicted in; absent or 0: whole."
        " Sides that are multiples of 256 suit every network.",
        examples=[1024],
    )
    flip: bool = Field(False, description="Also predict the mirrored picture, and average the probabilities.")
    scales: Scales = Field(
        (),
        max_length=8,
        description="Sizes of the picture that are predicted and averaged, as factors of its own; absent: its own.",
        examples=[[0.75, 1.0, 1.25]],
    )

    @property
    def remote(self) -> bool:
        """Whether only the bottom half of a picture is predicted."""
        return self.type == "remote"

    @property
    def manner(self) -> Manner:
        """Tiles, mirrored and scaled copies."""
        return Manner(self.tile, self.flip, self.scales)


class StartEvaluation(Prediction):
    """What `/starteva` takes."""

    dicts: JsonObject = Field(
        description="Source -> model files, or engines; a source is a training task, `weights` or `<category>/<version>`.",
        examples=[{"suzhou": ["kd_suzhou_test02_ep-0205.params"]}],
    )
    dest_dir: str = Field(
        "", description="Output folder, new or empty; absent: `evaluations/<task id>`.", examples=["label_dir"]
    )
    gpus: str = Field(
        "",
        max_length=200,
        description="GPU numbers separated by commas (`0,1`; `node2:0,1` on another machine; `any:2`: whichever has two free); absent or cpu: CPU.",
    )
    mapping: JsonObject = Field(
        default_factory=dict,
        description="Only where the labels' class table and the model's give one id different meanings: raw id of the"
        " labels -> raw id of the model, or 255 = ignore.",
        examples=[{"3": "7", "9": "255"}],
    )


class ChosenModel(Parameters):
    """A model file as it was when it was chosen."""

    source: str = Field(description="Training task, `weights`, or `<category>/<version>`.")
    file: str = Field(description="As the request called it.")
    path: str = Field(description="As the workspace stores it.")
    sha256: str

    @property
    def folder(self) -> str:
        """Where its outputs stand in an evaluation's folder; unique, because source and file are."""
        return f"{self.source}/{self.file.removesuffix(PARAMS)}"


class EvaluationRecipe(Prediction):
    """An evaluation with its place, the meaning of its labels and its model files pinned."""

    dest_path: str = Field(description="As the workspace stores it; empty: the evaluation's own folder.")
    labels: Labels = Labels()
    models: tuple[ChosenModel, ...]
