"""What a call for the demo's pictures says, and what the job that draws them carries."""

from typing import Annotated

from pydantic import Field

from roadloop.parameters import Parameters


class DrawPictures(Parameters):
    """Parameters of /v1/demo/pictures."""

    name: str = Field("demo-roads", description="Name of the source set.", examples=["demo-roads"])
    tracks: Annotated[int, Field(ge=1, le=100, description="Drives in each of the two cities.")] = 12
    frames: Annotated[int, Field(ge=1, le=20, description="Pictures of each drive.")] = 6
    seed: Annotated[int, Field(ge=0, lt=2**31, description="Of the world.")] = 0
