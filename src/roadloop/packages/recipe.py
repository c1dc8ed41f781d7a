"""What the two jobs of packages are asked for and carry."""

from typing import Final

from pydantic import Field

from roadloop.labels.carried import CarriedTable
from roadloop.packages.cut import PackageType
from roadloop.packages.returned import ResultType
from roadloop.parameters import Parameters

MAX_STEP: Final = 100_000


class Division(Parameters):
    """What is asked of a division and carried as it is."""

    version: str = Field(description="Folder under images/.", examples=["20180801"])
    step: int = Field(ge=1, le=MAX_STEP, description="Most pictures in a package.", examples=[5])
    types: PackageType = Field(
        "full", description="full: whole pictures. remote: the bottom half with a white border of 50 pixels."
    )
    rejected: bool = Field(
        False, description="Send the pictures of this version out again whose labels /process_label rejected."
    )
    again: bool = Field(False, description="Also cut pictures that are in packages of this type already.")
    overlap: str = Field(
        "", max_length=20, description="So many pictures (20) or such a share (5%) are given to two packages."
    )
    gold: str = Field(
        "", max_length=20, description="So many pictures, or such a share, with known labels are hidden among them."
    )
    gold_set: str = Field("", description="The source set that they are drawn from.")
    seed: int = Field(0, ge=0, lt=2**63, description="Draws overlap and gold.")


class Divide(Division):
    """Parameters of /task_divide."""

    pre_model: str = Field(
        "",
        max_length=400,
        description="Model file that draws a first label: `<task>/<file>.params`, or a file of weights/.",
    )
    roadelement: str = Field(
        "", description="Class table to paint with; absent: that of gold_set, else of pre_model, else hd-road."
    )
    gpus: str = Field(
        "",
        max_length=200,
        description="GPU numbers for pre_model (`0,1`; `node2:0,1` on another machine; `any:1`); absent or cpu: CPU.",
    )


class PreModel(Parameters):
    """The model file that draws first labels, as it was when it was chosen."""

    name: str
    path: str = Field(description="As the workspace stores it.")
    sha256: str


class DivideRecipe(Division):
    """A division with its model and its class table pinned."""

    pre_model: PreModel | None
    table: CarriedTable


class ProcessLabel(Parameters):
    """Parameters of /process_label."""

    version: str = Field(description="Folder under released/.", examples=["20180801"])
    types: ResultType = Field(
        description="remote: half pictures. lane: the bottom half of full pictures. union: full pictures.",
        examples=["remote"],
    )
    new: bool = Field(False, description="Leave out pictures that an earlier call published.")


class ProcessRecipe(ProcessLabel):
    """A publication of labels with the name that its source set gets."""

    name: str
