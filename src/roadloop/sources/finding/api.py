"""Routes that find labelled pictures."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from roadloop.errors import BrokenFileError, NotFoundError
from roadloop.parameters import NoParameters
from roadloop.sources.finding import service
from roadloop.sources.finding.recipe import FindPictures, ReadLabels
from roadloop.storage.platform import Platform
from roadloop.web.call import Call
from roadloop.web.endpoint import Answer, Endpoints, Success


class ShownClass(BaseModel):
    """A class that a picture shows."""

    raw_id: int
    name_en: str
    name_zh: str
    color: list[int]


class FoundRow(BaseModel):
    """One labelled picture."""

    source: str = Field(description="The source set.")
    package: str
    name: str = Field(description="Its name without ending.")
    track: str
    point: str
    city: str
    time: str
    author: str
    imgoprange: str = Field(description="0 half of the picture, 1 all of it; empty: unknown.")
    width: int = Field(description="Of its label, pixels.")
    height: int
    classes: list[ShownClass]
    image_url: str
    label_url: str


class FoundList(Success):
    """Labelled pictures in order of set, package and name."""

    data: list[FoundRow]
    total: int
    unread: list[str] = Field(description="Source sets whose labels were not read yet; nothing of them is found.")
    old: list[str] = Field(description="Source sets that have changed since their labels were read.")


class Counted(BaseModel):
    """A value with how many pictures have it."""

    name: str
    pictures: int


class CountedClass(Counted):
    """A class with how many pictures show it."""

    color: list[int]


class ReadSet(BaseModel):
    """A source set, and whether its labels were read."""

    name: str
    state: Literal["read", "old", "unread"] = Field(description="old: it has changed since. unread: not at all.")
    pictures: int | None
    unreadable: int | None = Field(description="Labels that cannot be used.")


class Choices(BaseModel):
    """What can be asked for."""

    sources: list[ReadSet]
    classes: list[CountedClass]
    cities: list[Counted]
    months: list[Counted]
    ranges: list[Counted]


class ChoicesReply(Success):
    """What can be asked for, the most frequent first."""

    data: Choices


def routes(platform: Platform) -> APIRouter:
    """All routes of this part."""
    router = Endpoints(platform, tag="source sets")

    @router.get("/v1/labelled-pictures", FindPictures, "see", reply=FoundList, errors=(NotFoundError, BrokenFileError))
    def labelled_pictures(_call: Call, p: FindPictures) -> Answer:
        """Find labelled pictures by class, city, time and range, over all source sets, page by page.

        Answers from indexes that `/v1/sources/{name}/index` makes; pictures are looked at only there.
        """
        return service.find(platform, p)

    @router.get("/v1/labelled-pictures/choices", NoParameters, "see", reply=ChoicesReply)
    def labelled_picture_choices(call: Call, _p: NoParameters) -> Answer:
        """The classes, cities, months and ranges that labelled pictures have, each with how many, and which sets were read."""
        return {"data": service.choices(platform, call.language)}

    @router.post(
        "/v1/sources/{name}/index",
        ReadLabels,
        "work",
        reply={"message": "success", "data": "8a4f0c2e5b7d4e6f9a1b3c5d7e9f1a2b"},
        errors=(NotFoundError,),
    )
    def source_index(call: Call, p: ReadLabels) -> Answer:
        """Read the labels of a source set, so that its pictures can be found by class. Answers with the task id.

        Labels that are as they were the last time are not read again.
        """
        return call.write(
            lambda: service.order(platform, p),
            lambda task_id: {"message": "success", "data": task_id},
        )

    return router.api
