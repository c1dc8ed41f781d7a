"""Routes of datasets: /create_data, /data_history, /sour_datas, and the pages' own /v1/datasets."""

from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import quote

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from roadloop.datasets import pictures, service, store
from roadloop.datasets.info import SPLITS
from roadloop.datasets.preview import preview
from roadloop.datasets.recipe import CreateData, Division, Repeat
from roadloop.datasets.repeat import repeat
from roadloop.errors import BrokenFileError, ConflictError, Language, NameTakenError, NotFoundError
from roadloop.imaging.header import read_header
from roadloop.jobs.arrange import Fields
from roadloop.jobs.history import JobFields, JobRows, history
from roadloop.jobs.store import jobs
from roadloop.parameters import Choices, History, Parameters
from roadloop.storage.platform import Platform
from roadloop.web.call import Call
from roadloop.web.endpoint import Answer, Endpoints, Success

SplitName = Literal["train", "val", "test"]
_FIRST = 12
_ERRORS: Final = (NotFoundError, ConflictError, BrokenFileError)
_FIELDS: Final[Fields] = {
    "data_name": store.datasets.c.name,
    "data_type": store.datasets.c.data_type,
    **{f"counts.{split}": jobs.c.result["counts"][split].as_integer() for split in SPLITS},
}


class DataRow(JobFields):
    """One dataset."""

    data_name: str
    data_describe: str
    data_type: str = Field(description="all or aug")
    sour_data: str = Field(description="Source sets, joined by commas.")
    train: float = Field(description="Shares as sent.")
    val: float
    test: float
    counts: dict[str, int] | None = Field(description="Pictures by split; null before it is built.")


class DataHistory(JobRows[DataRow]):
    """Reply of /data_history; with task_id `data` is the one object."""


class PreviewPart(BaseModel):
    """One split of a dataset that would be built."""

    pictures: int = Field(description="New ones.")
    tracks: int = Field(description="Of the new pictures.")
    largest: list[dict[str, Any]] = Field(description="The tracks with most pictures: track, pictures.")
    base: int = Field(description="Pictures that an increment's base has in it.")
    looked_at: int = Field(description="Labels that were read for the classes, evenly from the tracks.")
    unusable: int = Field(description="Labels that were looked at and cannot be used.")
    classes: list[dict[str, int]] = Field(description="raw_id, and in how many of these labels: pictures.")


class Preview(BaseModel):
    """What a dataset would hold."""

    parts: dict[str, PreviewPart] = Field(description="train, val, test.")
    left_out: dict[str, int] = Field(
        description="Pictures left out by filter and split (shares below 1, or no list), and bad files known already."
    )
    problems: list[dict[str, str]] = Field(description="The first of these files: file, reason.")
    sources: list[dict[str, Any]] = Field(
        description="Each source set: name, pictures, tracks, chosen (by the filter), new, lists (whether it has official"
        " ones)."
    )
    base: dict[str, Any] | None = Field(description="The dataset that an increment stands on: name, counts by split.")
    fields: dict[str, list[dict[str, Any]]] = Field(
        description="What the filter can tell apart: the most frequent values of each field, and of months: name, pictures."
    )
    classes: list[dict[str, Any]] = Field(description="The class table.")
    warnings: list[str] = Field(description="What is too small, and what else one should know.")
    possible: bool = Field(description="Whether there is anything to build; else the warnings say why.")


class PreviewReply(Success):
    """Reply of the preview."""

    data: Preview


class One(Parameters):
    """Names one dataset."""

    name: str = Field(description="Name of a finished dataset.")


class Picture(One):
    """Names one sample."""

    split: SplitName = Field(description="train, val or test.")
    index: int = Field(ge=0, description="From 0.")


class ListPictures(One):
    """Which pictures of a dataset to list."""

    split: SplitName = Field(description="train, val or test.")
    raw_id: int | None = Field(None, ge=0, le=255, description="Only pictures that show this class.")
    start: int = Field(0, ge=0, le=2**53, description="Index to begin at, from 0.")
    limit: int = Field(24, ge=1, le=200, description="So many at most.")


class ListedPicture(BaseModel):
    """One picture of a dataset."""

    index: int
    name: str
    track: str
    width: int
    height: int
    image_url: str
    label_url: str


class PictureList(Success):
    """Pictures of a split, in their order."""

    data: list[ListedPicture]
    total: int = Field(description="Pictures in all; of a class all that show it.")
    next: int | None = Field(
        description="Index to go on from; null at the end. Where a class is rare an answer may be short of the limit."
    )


class DoubledPicture(ListedPicture):
    """One of several equal pictures."""

    split: SplitName


class DoubleList(Success):
    """Pictures that stand more than once in a dataset, byte for byte; those in several splits first."""

    data: list[list[DoubledPicture]]
    total: int = Field(description="Groups in all; the first 200 are named.")


class ListProblems(One):
    """Which of the files that were left out."""

    page: int = Field(1, ge=1, le=10**6, description="From 1.")
    page_size: int = Field(50, ge=1, le=1000, description="Files a page.")


def routes(platform: Platform) -> APIRouter:
    """All routes of this feature."""
    router = Endpoints(platform, tag="datasets")

    @router.post(
        "/create_data",
        CreateData,
        "work",
        reply={"message": "data已生成", "data": "8a4f0c2e5b7d4e6f9a1b3c5d7e9f1a2b"},
        errors=(NotFoundError, NameTakenError, ConflictError),
    )
    def create_data(call: Call, p: CreateData) -> Answer:
        """Build a dataset from source sets (生成data).

        Answers at once with the task id; /data_history shows the progress.
        """
        return call.write(
            lambda: service.create(platform, p),
            lambda task_id: {"message": "data已生成", "data": task_id},
        )

    @router.post(
        "/v1/datasets/{name}/again",
        Repeat,
        "work",
        reply={"message": "success", "data": "8a4f0c2e5b7d4e6f9a1b3c5d7e9f1a2b"},
        errors=(NotFoundError, NameTakenError, ConflictError, BrokenFileError),
    )
    def repeat_data(call: Call, p: Repeat) -> Answer:
        """Show rare classes more often: an increment in which every training picture that shows one stands once more.

        The copies are the very bytes of the dataset; val and test stay as they are. /data_history shows the progress.
        """
        return call.write(lambda: repeat(platform, p), lambda task_id: {"message": "success", "data": task_id})

    @router.post(
        "/v1/datasets/preview",
        Division,
        "see",
        reply=PreviewReply,
        errors=(NotFoundError, ConflictError, BrokenFileError),
    )
    def preview_data(call: Call, p: Division) -> Answer:
        """What /create_data would make of these values, without building it: pictures, tracks and classes by split.

        The split is the very one that the build makes. No picture is opened; the classes come from some labels.
        """
        return {"data": preview(platform, p, call.language)}

    @router.post("/data_history", History, "see", reply=DataHistory, errors=(NotFoundError,))
    def data_history(call: Call, p: History) -> Answer:
        """List datasets, or show one with its progress (查询已存在data, 生成data进度)."""
        return history(call, p, table=store.datasets, render=_render, fields=_FIELDS)

    @router.get("/sour_datas", Choices, "see", reply={"data": ["20180727"]}, errors=(NotFoundError,))
    def sour_datas(_call: Call, p: Choices) -> Answer:
        """Names of the finished datasets, newest first (获取data文件夹名)."""
        return {"data": service.finished_names(platform, p)}

    _detail_routes(router, platform)
    _list_routes(router, platform)
    return router.api


def _list_routes(router: Endpoints, platform: Platform) -> None:
    errors = _ERRORS

    @router.get("/v1/datasets/{name}/pictures", ListPictures, "see", reply=PictureList, errors=errors)
    def dataset_pictures(_call: Call, p: ListPictures) -> Answer:
        """Pictures of a split of a finished dataset, all or those that show a class."""
        found = pictures.list_pictures(platform, p.name, p.split, p.raw_id, p.start, p.limit)
        data = [{**one, **_urls(p.name, p.split, one["index"])} for one in found.pictures]
        return {"data": data, "total": found.total, "next": found.then}

    @router.get("/v1/datasets/{name}/doubles", One, "see", reply=DoubleList, errors=errors)
    def dataset_doubles(_call: Call, p: One) -> Answer:
        """Pictures of a finished dataset that are byte for byte equal, with their places."""
        found = pictures.doubles(platform, p.name)
        groups = [[{**one, **_urls(p.name, one["split"], one["index"])} for one in g] for g in found["groups"]]
        return {"data": groups, "total": found["total"]}

    @router.get(
        "/v1/datasets/{name}/problems",
        ListProblems,
        "see",
        reply={"data": [{"file": "suzhou/1/a.jpg", "reason": "..."}], "total": 1},
        errors=errors,
    )
    def dataset_problems(call: Call, p: ListProblems) -> Answer:
        """Files that a dataset left out, with the reasons, page by page."""
        skip = (p.page - 1) * p.page_size
        data, total = pictures.problems(platform, p.name, skip, p.page_size, call.language)
        return {"data": data, "total": total}


def _detail_routes(router: Endpoints, platform: Platform) -> None:
    errors = _ERRORS

    @router.get("/v1/datasets/{name}", One, "see", reply={"data": {"name": "20180727"}}, errors=errors)
    def dataset(call: Call, p: One) -> Answer:
        """Everything that a finished dataset says about itself.

        Class table, counts, statistics by class and split, leak report, warnings, the first bad files with their
        reasons, and the first pictures of each split with their URLs.
        """
        found = service.details(platform, p.name, call.language, _FIRST)
        for split, shown in found["pictures"].items():
            for picture in shown:
                picture.update(_urls(found["name"], split, picture["index"]))
        return {"data": found}

    @router.get("/v1/datasets/{name}/{split}/{index}/image", Picture, "see", reply="image/jpeg", errors=errors)
    def dataset_image(_call: Call, p: Picture) -> Answer:
        """A picture of a dataset, as it was in the source set."""
        found = service.sample(platform, p.name, p.split, p.index)
        return Response(bytes(found.image), media_type=f"image/{read_header(found.image).format}")

    @router.get("/v1/datasets/{name}/{split}/{index}/label", Picture, "see", reply="image/png", errors=errors)
    def dataset_label(_call: Call, p: Picture) -> Answer:
        """Its label: a palette PNG whose indices are the raw ids and whose colours are the class table's."""
        return Response(service.label_picture(platform, p.name, p.split, p.index), media_type="image/png")


def _urls(name: str, split: str, index: int) -> dict[str, str]:
    base = f"/v1/datasets/{quote(name, safe='')}/{split}/{index}"
    return {"image_url": f"{base}/image", "label_url": f"{base}/label"}


def _render(row: Mapping[str, Any], _language: Language) -> dict[str, Any]:
    result = row["job"].result or {}
    return {
        "data_name": row["name"],
        "data_describe": row["description"],
        "data_type": row["data_type"],
        "sour_data": row["sour_data"],
        "train": row["train"],
        "val": row["val"],
        "test": row["test"],
        "counts": result.get("counts"),
    }
