"""What a caller can do with source-set health: order an examination, read the newest. No torch here."""

import json
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from roadloop.errors import InvalidValueError, NotFoundError, Text
from roadloop.jobs import queue
from roadloop.jobs.nodes import check_gpus
from roadloop.jobs.queue import Submission
from roadloop.lists import read_names
from roadloop.models.files import load_description
from roadloop.models.service import find_weights
from roadloop.networks.trust import trust_of
from roadloop.sources import store
from roadloop.sources.health.meaning import match_model
from roadloop.sources.health.recipe import CheckHealth, Examination, HealthRecipe
from roadloop.sources.health.write import FILES, REPORT
from roadloop.sources.service import list_sets, open_set
from roadloop.storage import reading
from roadloop.storage.database import Write
from roadloop.storage.paths import Workspace
from roadloop.storage.platform import Platform

NONE: Final = "none"


def create(platform: Platform, request: CheckHealth) -> Write[str]:
    """Check a request.

    Returns:
        Writes the examination's row and its job; answers the task id.

    Raises:
        NotFoundError: The set, one of the others, or the model file is not there.
        InvalidValueError: The set is compared with itself, or a GPU is not there.
        BrokenFileError: The model file's description cannot be used.
        UntrustedCodeError: The model's network carries code that nobody has approved here.
        LabelMapError: The set's class table and the model's give one id different meanings.
    """
    source = open_set(platform.workspace, request.name, "name")
    against = choose_against(platform.workspace, source.name, request.against)
    if request.model:
        path = find_weights(platform, request.model)
        record = load_description(path)
        trust_of(platform).require(record.network.source, path)
        match_model(record, source.table)
    recipe = HealthRecipe(**request.part(Examination) | {"name": source.name}, against=against)
    gpus = check_gpus(platform, request.gpus) if request.model else ""

    def write(db: sa.Connection) -> str:
        task_id = queue.submit(db, Submission(kind="health", payload=recipe.payload(), title=source.name, gpus=gpus))
        store.insert(db, store.health, {"task_id": task_id, "name": source.name, "model": request.model})
        return task_id

    return write


def choose_against(workspace: Workspace, name: str, text: str) -> tuple[str, ...]:
    """The sets that `against` names: a comma list, all others when empty, none for `none`.

    Raises:
        NotFoundError: One is not there.
        InvalidValueError: It is the set itself.
    """
    if not text:
        return tuple(other for other in list_sets(workspace) if other != name)
    names = () if text == NONE else tuple(open_set(workspace, other, "against").name for other in read_names(text))
    for other in names:
        if other == name:
            raise InvalidValueError(
                Text(f"against 不应包含 {name} 自己", f"against must not name {name} itself"), parameter="against"
            )
    return names


def folder_of(workspace: Workspace, task_id: str) -> Path:
    """Where an examination's results stand."""
    return workspace.health / task_id


def newest(platform: Platform, name: str) -> dict[str, Any]:
    """The newest finished examination of a set: `health.json` with `task_id` and `files` (names).

    Raises:
        NotFoundError: No such set, or it has not been examined.
    """
    source = open_set(platform.workspace, name, "name")
    with platform.database.reading() as db:
        task_id = store.newest_health(db, source.name)
    if task_id is None:
        raise NotFoundError(
            Text(
                f"源数据 {name} 还没有体检结果；请先 POST 同一路径，并等待任务完成",
                f"{name} has not been examined yet; POST to the same path and wait for the job",
            ),
            name=name,
        )
    folder = folder_of(platform.workspace, task_id)
    value: dict[str, Any] = json.loads(reading.read_bytes(find_file(platform, task_id, REPORT)))
    return {"task_id": task_id, **value, "files": [file for file in FILES if (folder / file).is_file()]}


def find_file(platform: Platform, task_id: str, file: str) -> Path:
    """A file of a finished examination.

    Raises:
        NotFoundError: No such examination or file.
    """
    with platform.database.reading() as db:
        known = store.is_task(db, store.health, task_id)
    path = folder_of(platform.workspace, task_id) / file
    if not known or file not in FILES or not path.is_file():
        names = ", ".join(FILES)
        raise NotFoundError(
            Text(f"没有这个体检文件；可用：{names}", f"There is no such file of an examination; there are: {names}"),
            task_id=task_id[:80],
        )
    return path
