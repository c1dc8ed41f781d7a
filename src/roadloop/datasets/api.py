"""Routes of datasets: /create_data, /data_history, /sour_datas, and the pages' own /v1/datasets."""

from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import quote

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from roadloop.datasets import service, store
from roadloop.datasets.info import SPLITS
from roadloop.datasets.recipe import CreateData
from roadloop.errors import BrokenFileError, ConflictError, Language, NameTakenError, NotFoundError
from roadloop.imaging.header import read_header
from roadloop.jobs.arrange import Fields
from roadloop.jobs.history import JobFields, JobRows, history
from roadloop.jobs.store import jobs
from roadloop.parameters import Choices, History, Parameters
from roadloop.storage.platform import Platform
from roadloop.web.call import Call
from roadloop.web.endpoint import Answer, Endpoints

SplitName = Literal["train", "val", "test"]
_FIRST = 12
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


class One(Parameters):
    """Names one dataset."""

    name: str = Field(description="Name of a finished dataset.")


class Picture(One):
    """Names one sample."""

    split: SplitName = Field(description="train, val or test.")
    index: int = Field(ge=0, description="From 0.")


def routes(platform: Platform) -> APIRouter:
    """All routes of this feature."""
    router = Endpoints(platform, tag="datasets")

    @router.post(
        "/create_data",
        CreateData,
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

    @router.post("/data_history", History, reply=DataHistory, errors=(NotFoundError,))
    def data_history(call: Call, p: History) -> Answer:
        """List datasets, or show one with its progress (查询已存在data, 生成data进度)."""
        return history(call, p, table=store.datasets, render=_render, fields=_FIELDS)

    @router.get("/sour_datas", Choices, reply={"data": ["20180727"]}, errors=(NotFoundError,))
    def sour_datas(_call: Call, p: Choices) -> Answer:
        """Names of the finished datasets, newest first (获取data文件夹名)."""
        return {"data": service.finished_names(platform, p)}

    _detail_routes(router, platform)
    return router.api


def _detail_routes(router: Endpoints, platform: Platform) -> None:
    errors = (NotFoundError, ConflictError, BrokenFileError)

    @router.get("/v1/datasets/{name}", One, reply={"data": {"name": "20180727"}}, errors=errors)
    def dataset(call: Call, p: One) -> Answer:
        """Everything that a finished dataset says about itself.

        Class table, counts, statistics by class and split, leak report, warnings, the first bad files with their
        reasons, and the first pictures of each split with their URLs.
        """
        found = service.details(platform, p.name, call.language, _FIRST)
        for split, pictures in found["pictures"].items():
            for picture in pictures:
                picture.update(_urls(found["name"], split, picture["index"]))
        return {"data": found}

    @router.get("/v1/datasets/{name}/{split}/{index}/image", Picture, reply="image/jpeg", errors=errors)
    def dataset_image(_call: Call, p: Picture) -> Answer:
        """A picture of a dataset, as it was in the source set."""
        found = service.sample(platform, p.name, p.split, p.index)
        return Response(bytes(found.image), media_type=f"image/{read_header(found.image).format}")

    @router.get("/v1/datasets/{name}/{split}/{index}/label", Picture, reply="image/png", errors=errors)
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
