"""HTTP routes of networks: templates, creation, history, names."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from roadloop.errors import Language, NameTakenError, NotFoundError
from roadloop.jobs.arrange import Fields
from roadloop.jobs.history import JobFields, JobRows, history
from roadloop.jobs.store import jobs
from roadloop.networks import service
from roadloop.networks.folder import ALIASES, about, list_templates, template_folder
from roadloop.networks.recipe import AddNet, CreateNet
from roadloop.networks.store import networks
from roadloop.parameters import Choices, History, NoParameters
from roadloop.storage.platform import Platform
from roadloop.web.call import Call
from roadloop.web.endpoint import Answer, Endpoints

_FIELDS: Final[Fields] = {
    "net_name": networks.c.name,
    "src_net": networks.c.template,
    "parameters": jobs.c.result["parameters"].as_integer(),
    "multiply_adds": jobs.c.result["multiply_adds"].as_integer(),
}


class FolderRow(BaseModel):
    """One folder in `networks/`."""

    net_name: str
    state: Literal["ready", "checking", "failed", "unchecked"] = Field(
        description="ready = can be trained; unchecked = lies there, and nobody has had it checked yet."
    )
    task_id: str | None = Field(description="The job that created or checked it; null when none did.")
    problem: str | None = Field(description="What is wrong with it and what to do; null when nothing is known.")


class FolderRows(BaseModel):
    """The folders in `networks/`, by name."""

    errno: int = 1
    data: list[FolderRow]


class NetworkRow(JobFields):
    """One network and how its creation went."""

    net_name: str
    net_describe: str
    src_net: str = Field(description="The template it was copied from; empty for a folder of the team's own.")
    parameters: int | None = Field(description="Numbers it learns, with 3 classes; null until it is completed.")
    multiply_adds: int | None = Field(description="For one picture of 480 x 360; null until it is completed.")


class NetworkRows(JobRows[NetworkRow]):
    """Networks, newest first; with `task_id`, `data` is the one row."""


def routes(platform: Platform) -> APIRouter:
    """The router of this feature."""
    router = Endpoints(platform, tag="networks")

    @router.get(
        "/src_network",
        NoParameters,
        "see",
        reply={
            "message": "query success",
            "data": ["enet", "fast-scnn", "kd-seg.template"],
            "about": [{"name": "enet", "title": "ENet", "parameters": 360932, "multiply_adds": 1820000000}],
        },
    )
    def src_network(call: Call, _p: NoParameters) -> Answer:
        """List the network templates (选择network源文件夹).

        `about` says what each costs, its licence and its paper, and how many pictures a CPU core trains in a second.
        """
        said = [_about(name, call.language) for name in list_templates() if name not in ALIASES]
        return {"message": "query success", "data": list_templates(), "about": said}

    @router.post(
        "/create_net",
        CreateNet,
        "work",
        reply={"message": "创建成功", "data": "0123456789abcdef0123456789abcdef"},
        errors=(NotFoundError, NameTakenError),
    )
    def create_net(call: Call, p: CreateNet) -> Answer:
        """Copy a template under a name of your own (创建network).

        A job builds the network and runs it on a small input; when it is completed, the folder `networks/<name>/` is
        yours to edit.
        """
        return call.write(
            lambda: service.create(platform, p),
            lambda task_id: {"message": "创建成功", "data": task_id},
        )

    @router.get(
        "/network", Choices, "see", reply={"message": "query success", "data": ["c_network"]}, errors=(NotFoundError,)
    )
    def network(_call: Call, p: Choices) -> Answer:
        """List the finished networks, newest first (获取network文件夹名)."""
        return {"message": "query success", "data": service.list_networks(platform, p)}

    @router.get("/v1/networks", NoParameters, "see", reply=FolderRows)
    def network_folders(call: Call, _p: NoParameters) -> Answer:
        """List every folder in `networks/`, also those that nobody has had checked.

        Nothing of them is run: what is wrong with one shows where its files tell it, or its check has found it.
        """
        found = service.list_folders(platform)
        return {
            "data": [
                {
                    "net_name": one.name,
                    "state": one.state,
                    "task_id": one.task_id,
                    "problem": one.problem.pick(call.language) if one.problem else None,
                }
                for one in found
            ]
        }

    @router.post(
        "/v1/networks",
        AddNet,
        "rule",
        reply={"message": "success", "data": "0123456789abcdef0123456789abcdef"},
        errors=(NotFoundError, NameTakenError),
    )
    def add_net(call: Call, p: AddNet) -> Answer:
        """Check a folder that was put into `networks/`, and list it as a network when it can be trained.

        A job builds it and runs it on a small input, in a process with limits. The same call checks it anew.
        """
        return call.write(
            lambda: service.add(platform, p),
            lambda task_id: {"message": "success", "data": task_id},
        )

    @router.get("/network_history", History, "see", reply=NetworkRows, errors=(NotFoundError,))
    def network_history(call: Call, p: History) -> Answer:
        """List the networks and how their creation went (查询已存在network)."""
        return history(call, p, table=networks, render=_row, fields=_FIELDS)

    return router.api


def _about(name: str, language: Language) -> dict[str, Any]:
    """What a template says of itself, for a card."""
    said = about(template_folder(name))
    cost, training = said.get("cost", {}), said.get("training", {})
    adds, pace = cost.get("multiply_adds"), training.get("multiply_adds_per_core_second")
    return {
        "name": name,
        "title": said.get("title", name),
        "words": said.get("words", {}).get(language, ""),
        "licence": said.get("licence"),
        "paper": said.get("paper"),
        "parameters": cost.get("parameters"),
        "multiply_adds": adds,
        "size": cost.get("size"),
        "images_per_core_second": round(pace / adds, 4) if adds and pace else None,
    }


def _row(row: Mapping[str, Any], _language: Language) -> dict[str, Any]:
    cost = row["job"].result or {}
    return {
        "net_name": row["name"],
        "net_describe": row["description"],
        "src_net": row["template"],
        "parameters": cost.get("parameters"),
        "multiply_adds": cost.get("multiply_adds"),
    }
