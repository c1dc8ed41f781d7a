"""What the training endpoints answer about settings, as the API description shows it."""

from typing import Literal

from pydantic import BaseModel, Field

from roadloop.training.recipe import DataConfig, TrainConfig
from roadloop.training.settings_form import SettingField
from roadloop.web.endpoint import Success


class Configurations(BaseModel):
    """Both configurations, complete."""

    train_con: TrainConfig
    data_con: DataConfig


class SettingGroup(BaseModel):
    """Keys that stand together."""

    name: str
    title: str = Field(description="For people.")


class SettingError(BaseModel):
    """Why a value cannot be taken."""

    where: Literal["train_con", "data_con", ""] = Field(description="The object that holds it; empty: neither.")
    key: str
    message: str = Field(description="What is wrong and the cure.")


class SettingsOutlook(BaseModel):
    """What the settings lead to; null where nobody knows."""

    pictures: int = Field(description="Training pictures.")
    steps_per_epoch: int
    total_steps: int
    at_once: int = Field(description="Pictures that a device has in memory at once.")
    memory_mib: int | None = Field(description="Of each device, MiB, estimated.")
    images_per_second: float | None = Field(description="Estimated, all devices together.")
    seconds: float | None = Field(description="Of the whole training, estimated.")
    basis: str | None = Field(description="What the estimate comes from.")
    memory_basis: str = Field(description="What that of the memory is made of and leaves out, or why there is none.")


class SettingsLook(BaseModel):
    """Settings with edits, as a form shows them."""

    open: bool = Field(description="Whether they may be changed: the task has not been started.")
    groups: list[SettingGroup]
    fields: list[SettingField] = Field(description="Every key, group by group.")
    saved: Configurations = Field(description="As stored, complete.")
    train_con: TrainConfig = Field(description="With the edits that can be read, complete.")
    data_con: DataConfig = Field(description="With the edits that can be read, complete.")
    errors: list[SettingError] = Field(description="Why they could not start.")
    warnings: list[str] = Field(description="What somebody should know; none of it forbids the start.")
    beside: dict[str, str] = Field(description="Key -> its consequence, to stand next to it.")
    outlook: SettingsOutlook


class SettingsReply(Success):
    """What looking at settings answers."""

    data: SettingsLook
