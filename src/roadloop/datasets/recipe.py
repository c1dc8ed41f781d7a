"""What decides a dataset: one /create_data call as it is sent, and resolved, which is what stays in the dataset."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from roadloop.lists import NUMBERS
from roadloop.parameters import JsonObject, Parameters

RawIds = Annotated[tuple[Annotated[int, Field(ge=0, le=255)], ...], NUMBERS]


class Division(Parameters):
    """Which pictures, and how they are divided: what a preview needs, and most of /create_data."""

    sour_data: str = Field(
        description="A source set, or several with commas.", examples=["lane-all-20180710"], max_length=4000
    )
    data_type: Literal["all", "aug"] = Field("all", description="all: everything. aug: an increment of base_data.")
    train: float | None = Field(None, ge=0, allow_inf_nan=False, description="Share of train.", examples=[0.85])
    val: float | None = Field(None, ge=0, allow_inf_nan=False, description="Share of val.", examples=[0.1])
    test: float | None = Field(None, ge=0, allow_inf_nan=False, description="Share of test.", examples=[0.1])
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

    @property
    def shares(self) -> dict[str, float]:
        """The shares that were sent, by split; none at all means 0.8, 0.1, 0.1."""
        sent = {"train": self.train, "val": self.val, "test": self.test}
        return {split: share for split, share in sent.items() if share is not None}

    @property
    def lists(self) -> bool:
        """Whether the sets' official lists are used."""
        return not self.l_value


class CreateData(Division):
    """Parameters of /create_data."""

    data_name: str = Field(description="Name of the new dataset; unique.", examples=["20180801"])
    thread: int = Field(4, ge=1, description="Worker processes, capped at the cores.", examples=[24])
    data_desc: str = Field("", max_length=4000, description="Description.", examples=["苏州数据"])
    max_bad: float = Field(0.05, ge=0, le=1, description="A larger share of bad files fails the job.")


class Repeat(Parameters):
    """What `POST /v1/datasets/{name}/again` takes."""

    name: str = Field(description="Name of a finished dataset.")
    raw_ids: RawIds = Field(
        min_length=1, max_length=256, description="Classes; a picture that shows one of them counts.", examples=[[7]]
    )
    data_name: str = Field(
        "",
        description="Name of the increment; absent: the dataset's with `-again-` and the classes, and a number if taken.",
    )
    data_desc: str = Field("", max_length=4000, description="Description.")
    thread: int = Field(4, ge=1, description="Worker processes, capped at the cores.")


class DatasetRecipe(BaseModel):
    """Everything that the same bytes need, and where to put them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="Name of the dataset.")
    sources: tuple[str, ...] = Field(description="Source sets, in order; the first one's names stay short.")
    data_type: Literal["all", "aug"] = Field("all", description="Everything, or an increment of base_data.")
    base_data: str = Field("", description="The dataset that an increment starts from.")
    shares: dict[str, float] = Field(description="Shares as sent, by split.")
    lists: bool = Field(False, description="Use the sets' official lists instead of splitting.")
    split_by: Literal["track", "picture"] = Field("track", description="What is never torn apart.")
    seed: int = Field(0, description="Draws the split.")
    filter: dict[str, tuple[str, ...] | dict[str, str]] = Field({}, description="Which pictures; see sources.choice.")
    max_bad: float = Field(0.05, description="Larger shares of bad files fail the job.")
    again: tuple[int, ...] = Field(
        (),
        exclude_if=lambda ids: not ids,
        description="Nothing new: the base's train pictures of these classes, once more.",
    )


class DatasetJob(Parameters):
    """What the job of /create_data carries."""

    recipe: DatasetRecipe
    thread: int = Field(description="Worker processes.")
