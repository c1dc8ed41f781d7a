"""What the two jobs of annotators are asked for and carry."""

from typing import Final

from pydantic import Field

from roadloop.labels.label_studio import Shape
from roadloop.parameters import Parameters

MAX_ID: Final = 2**62


class Download(Parameters):
    """Parameters of /linedown."""

    start: int = Field(
        alias="taskid_start",
        ge=0,
        le=MAX_ID,
        description="First annotation task; a package number for folders.",
        examples=[11],
    )
    end: int = Field(alias="taskid_end", ge=0, le=MAX_ID, description="Last annotation task, included.", examples=[20])
    dest: str = Field(description="Version under released/ that gets the labels.", examples=["20180801"])
    unpainted: int | None = Field(
        None, ge=0, le=255, description="Label Studio: raw id of pixels that nobody painted; absent: unknown."
    )


class Push(Parameters):
    """Names a package, and says how it is pushed."""

    version: str = Field(description="Folder under packages/.")
    number: int = Field(alias="n", ge=1, le=10**9, description="Package number.")
    shape: Shape = Field(
        "brush", description="Label Studio: what pre-annotations are pushed as; polygons lose some pixels."
    )
    person: str = Field(
        "",
        description="Name of who takes it; kept beside its progress, where it was not given to an account."
        " Pushing again with another name changes it.",
        examples=["张三"],
    )
