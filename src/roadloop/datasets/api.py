"""Routes of datasets: /create_data, /data_history, /sour_datas, and the pages' own /v1/datasets."""

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from roadloop.datasets import service, store
from roadloop.datasets.info import SPLITS
from roadloop.errors import BrokenFileError, ConflictError, Language, NameTakenError, NotFoundError
from roadloop.jobs.history import JobFields, history
from roadloop.parameters import Choices, History, JsonObject, Parameters
from roadloop.storage.platform import Platform
from roadloop.web.call import Call
from roadloop.web.endpoint import Answer, Endpoints, Success

SplitName = Literal["train", "val", "test"]
_FIRST = 12


class CreateData(Parameters):
    """Parameters of /create_data."""

    data_name: str = Field(description="Name of the new dataset; unique.", examples=["20180801"])
    sour_data: str = Field(
        description="A source set, or several with commas.", examples=["lane-all-20180710"], max_length=4000
    )
    data_type: Literal["all", "aug"] = Field("all", description="all: everything. aug: an increment of base_data.")
    thread: int = Field(4, ge=1, description="Worker processes, capped at the cores.", examples=[24])
    train: float | None = Field(None, ge=0, allow_inf_nan=False, description="Share of train.", examples=[0.85])
    val: float | None = Field(None, ge=0, allow_inf_nan=False, description="Share of val.", examples=[0.1])
    test: float | None = Field(None, ge=0, allow_inf_nan=False, description="Share of test.", examples=[0.1])
    data_desc: str = Field("", max_length=4000, description="Description.", examples=["苏州数据"])
    l_value: bool = Field(True, description="1: make a new split. 0: use the source sets' official lists.")
    split_by: Literal["track", "picture"] = Field("track", description="What is never torn apart.")
    seed: int = Field(0, ge=0, lt=2**63, description="Draws the split; the same call gives the same bytes.")
    base_data: str = Field("", description="For aug: the dataset to start from; default: the newest that fits.")
    filter: JsonObject = Field(
        {},
        description="Only pictures whose manifest says so: field (city, author, source, annotype, datakind, imgoprange,"
        " track, package, picture (its name without ending), set, time) -> value or list; time also {from, to}.",
        examples=[{"city": ["苏州"]}],
    )
    max_bad: float = Field(0.05, ge=0, le=1, description="A larger share of bad files fails the job.")

    def request(self) -> service.Request:
        """What the service is asked for."""
        sent = {name: getattr(self, name) for name in SPLITS}
        return service.Request(
            data_name=self.data_name,
            sour_data=self.sour_data,
            data_type=self.data_type,
            shares={name: share for name, share in sent.items() if share is not None},
            lists=not self.l_value,
            split_by=self.split_by,
            seed=self.seed,
            filter=self.filter,
            max_bad=self.max_bad,
            base_data=self.base_data,
            thread=self.thread,
            data_desc=self.data_desc,
        )


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


class DataHistory(Success):
    """Reply of /data_history; with task_id `data` is the one object."""

    data: list[DataRow] | DataRow
    total: int | None = None


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
            lambda: service.create(platform, p.request()),
            lambda task_id: {"message": "data已生成", "data": task_id},
        )

    @router.post("/data_history", History, reply=DataHistory, errors=(NotFoundError,))
    def data_history(call: Call, p: History) -> Answer:
        """List datasets, or show one with its progress (查询已存在data, 生成data进度)."""
        return history(call, p, table=store.datasets, render=_render)

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
        return Response(found.image, media_type=f"image/{found.image_format}")

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
