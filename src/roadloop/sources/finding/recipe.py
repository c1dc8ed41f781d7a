"""What a search for labelled pictures takes, and what the job carries that makes them searchable."""

from typing import Literal

from pydantic import Field

from roadloop.parameters import NEWEST, Parameters


class ReadLabels(Parameters):
    """Names the source set whose labels are read."""

    name: str = Field(description="Name of a source set.")


class FindPictures(Parameters):
    """Which labelled pictures."""

    sources: str = Field("", max_length=4000, description="Source sets, with commas; absent: all.")
    classes: str = Field(
        "",
        max_length=2000,
        description="Names or raw ids of classes, with commas: pictures that show every one of them.",
    )
    package: str = Field("", max_length=200, description="Only pictures of this package; absent: of all.")
    city: str = Field("", max_length=200, description="Only pictures from this city; absent: from all.")
    time: str = Field(
        "", max_length=19, description="How their time begins, such as 2026, 2026-07 or 2026-07-31; absent: any."
    )
    imgoprange: Literal["", "0", "1"] = Field(
        "", description="Only pictures labelled so: `0` half of the picture, `1` all of it."
    )
    page: int = Field(1, ge=1, le=10**9, description="Page, from 1.")
    page_size: int = Field(15, ge=1, le=NEWEST, description="Rows a page.")
