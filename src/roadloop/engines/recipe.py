"""What a conversion is asked for and carries."""

from pydantic import Field

from roadloop.models.engines import Precision
from roadloop.parameters import Parameters


class Conversion(Parameters):
    """What is asked of a conversion and carried as it is."""

    precision: Precision = Field(
        "fp16",
        description="fp32: as trained. fp16: half the size. int8: a quarter, ranges found with calibration pictures.",
    )
    calibration_pictures: int = Field(
        64, ge=1, le=2000, description="int8: so many of the calibration pictures, evenly from all of them."
    )
    tensorrt: bool = Field(
        False,
        description="Also build a TensorRT plan of the file for this machine's GPU; refused where trtexec is not installed.",
    )


class Convert(Conversion):
    """What `POST /v1/engines` takes."""

    source: str = Field(
        max_length=300,
        description="Training task, `weights`, or a release `<category>/<version>`.",
        examples=["suzhou"],
    )
    file: str = Field(max_length=300, description="The model's `.params`.", examples=["kd_suzhou_ep-0205.params"])
    size: str = Field(
        "",
        max_length=20,
        description="WIDTHxHEIGHT that the file takes; absent: that of the pictures that the model was made for.",
        examples=["480x360"],
    )
    calibration: str = Field(
        "",
        max_length=1000,
        description="int8: a picture folder, `dataset:<name>/<split>`, or a text file with a path in each line; absent: the"
        " training pictures of the model's task.",
        examples=["dataset:suzhou/train"],
    )
    check: str = Field(
        "",
        max_length=1000,
        description="Pictures on which the file is compared with the trained network: a folder, or"
        " `dataset:<name>/<split>`; absent: the val split of the model's task, where it is here.",
        examples=["dataset:suzhou/val"],
    )


class ConversionRecipe(Conversion):
    """A conversion with its place, its model file and its pictures pinned."""

    source: str = Field(description="Training task, `weights`, or `<category>/<version>`.")
    model: str = Field(description="The `.params`, as the source names it.")
    path: str = Field(description="Of the `.params`, as the workspace stores it.")
    sha256: str = Field(description="Of the `.params`.")
    file: str = Field(description="What the engine is called.")
    folder: str = Field(description="Where it stands, relative to the workspace.")
    size: tuple[int, int] = Field(description="Height and width.")
    calibration: str = Field("", description="Pictures for the ranges, as evaluations name them; empty: none.")
    check: str = Field("", description="Pictures of the comparison; empty: none.")
