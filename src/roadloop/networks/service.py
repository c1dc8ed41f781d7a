"""What a caller can do with networks. One function, one use case; no torch here."""

from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from roadloop.errors import NameTakenError, NotFoundError, RoadloopError, Text
from roadloop.jobs import queue
from roadloop.jobs.choices import ready
from roadloop.jobs.states import ENDED, JobState
from roadloop.networks.folder import NetworkInfo, check_files, digest, network_folder, read_source, template_folder
from roadloop.networks.recipe import AddNet, CreateNet
from roadloop.networks.store import networks
from roadloop.parameters import Choices
from roadloop.storage.database import Write
from roadloop.storage.paths import check_name, check_new_name, readable, spoken
from roadloop.storage.platform import Platform

_GIVEN_UP = (JobState.FAILED.value, JobState.CANCELLED.value)
NEWEST_ONES = Choices()


@dataclass(frozen=True)
class NetworkFolder:
    """A folder below `networks/`, whoever put it there.

    Attributes:
        name: Its name.
        state: `ready` to train, `checking` just now, `failed` in its check, or `unchecked` so far.
        task_id: The job that created or checked it; None when none did.
        problem: What is wrong with it and what to do, as far as is known.
    """

    name: str
    state: Literal["ready", "checking", "failed", "unchecked"]
    task_id: str | None = None
    problem: Text | None = None


def create(platform: Platform, request: CreateNet) -> Write[str]:
    """Check what starts the job that copies a template under a new name and tries it.

    Args:
        platform: The installation.
        request: What is asked.

    Returns:
        Writes the network's row and its job; answers the task id.

    Raises:
        InvalidNameError: `name` cannot be a folder's name.
        NotFoundError: There is no such template.
        NameTakenError: Another network has the name, or is being created with it.
    """
    name = check_new_name(request.name, "network_name")
    recipe = request.model_copy(update={"name": name})
    template_folder(recipe.template)
    taken = network_folder(platform.workspace, name).exists()

    def write(db: sa.Connection) -> str:
        _free_name(db, name, taken=taken)
        task_id = queue.submit(db, queue.Submission(kind="create_net", payload=recipe.payload(), title=name))
        values = {"name": name, "template": recipe.template, "description": recipe.description}
        db.execute(networks.insert().values(task_id=task_id, live=True, **values))
        return task_id

    return write


def add(platform: Platform, request: AddNet) -> Write[str]:
    """Check what starts the job that checks a folder of `networks/` and lists it; a second time it is checked anew.

    Args:
        platform: The installation.
        request: What is asked; an empty description keeps what it had.

    Returns:
        Writes the network's row and its job; answers the task id.

    Raises:
        InvalidNameError: `name` cannot be a folder's name.
        NotFoundError: There is no such folder, or no `network.py` in it.
        InvalidValueError: A file of it cannot be read; names it.
        NameTakenError: It is being created or checked just now.
    """
    name = check_name(request.name, "network_name")
    recipe = request.model_copy(update={"name": name})
    folder = network_folder(platform.workspace, name)
    if not folder.is_dir():
        raise NotFoundError(
            Text(
                f"{platform.workspace.networks} 中没有名为 {name} 的文件夹；请把含有 network.py 的文件夹放到那里。",
                f"There is no folder {name} in {platform.workspace.networks}; put one with a network.py there.",
            ),
            parameter="network_name",
        )
    check_files(folder)

    def write(db: sa.Connection) -> str:
        row = _live(db, name)
        if row is None:
            check_new_name(name, "network_name")
        else:
            if JobState(row.state) not in ENDED:
                raise _taken(name, row.task_id)
            db.execute(networks.update().where(networks.c.id == row.id).values(live=False))
        task_id = queue.submit(db, queue.Submission(kind="add_net", payload=recipe.payload(), title=name))
        kept = ("", "") if row is None else (row.template, row.description)
        values = {"name": name, "template": kept[0], "description": request.description or kept[1], "live": True}
        db.execute(networks.insert().values(task_id=task_id, **values))
        return task_id

    return write


def list_folders(platform: Platform) -> list[NetworkFolder]:
    """Every folder below `networks/`, by name; nothing of it is run."""
    columns = [networks.c.name, networks.c.task_id, queue.jobs.c.state, queue.jobs.c.reason]
    rows = sa.select(*columns).join(queue.jobs, queue.jobs.c.id == networks.c.task_id).where(networks.c.live)
    names = _folder_names(platform)
    with platform.database.reading() as db:
        some = _parts([readable(name) for name in names])
        known = {row.name: row for part in some for row in db.execute(rows.where(networks.c.name.in_(part)))}
    return [_look(platform, name, known.get(readable(name))) for name in names]


def unchecked(platform: Platform) -> list[str]:
    """Names of the folders below `networks/` that nobody has had checked; no file of them is opened."""
    names = sorted({readable(name) for name in _folder_names(platform)})
    query = sa.select(networks.c.name).where(networks.c.live)
    with platform.database.reading() as db:
        known = {name for part in _parts(names) for name in db.scalars(query.where(networks.c.name.in_(part)))}
    return [name for name in names if name not in known]


def _folder_names(platform: Platform) -> list[str]:
    return sorted(
        spoken(path.name)
        for path in platform.workspace.networks.iterdir()
        if path.is_dir() and not path.name.startswith(".")
    )


def _parts(names: list[str]) -> list[list[str]]:
    """As many names at a time as a database takes in one question."""
    return [names[i : i + 500] for i in range(0, len(names), 500)]


def _look(platform: Platform, name: str, row: sa.Row[Any] | None) -> NetworkFolder:
    problem = None
    try:
        check_name(name, "network_name")
        check_files(network_folder(platform.workspace, name))
    except RoadloopError as error:
        problem = error.text
    if row is None:
        return NetworkFolder(name, "unchecked", None, problem)
    if row.state == JobState.SUCCEEDED.value:
        return NetworkFolder(name, "ready", row.task_id, problem)
    if row.state in _GIVEN_UP:
        return NetworkFolder(name, "failed", row.task_id, problem or (Text(*row.reason) if row.reason else None))
    return NetworkFolder(name, "checking", row.task_id, problem)


def list_networks(platform: Platform, choices: Choices = NEWEST_ONES) -> list[str]:
    """Names of the networks that were built and run, newest first.

    Raises:
        NotFoundError: No network is named as `choices.after` says.
    """
    with platform.database.reading() as db:
        names = ready(db, networks, choices)
    return [name for name in names if network_folder(platform.workspace, name).is_dir()]


def require(platform: Platform, name: str) -> NetworkInfo:
    """The finished network of that name, its digest taken now.

    Raises:
        NotFoundError: There is none, it is not finished, or its `network.py` is gone.
        InvalidValueError: Its `network.py` is not text.
    """
    name = readable(name)
    with platform.database.reading() as db:
        row = _live(db, name)
    folder = network_folder(platform.workspace, name)
    if row is None or row.state != JobState.SUCCEEDED.value or not folder.is_dir():
        names = "、".join(list_networks(platform, Choices(page_size=20))) or "-"
        raise NotFoundError(
            Text(
                f"没有名为 {name[:120]!r} 的可用 network；可选：{names}。请先用 /create_net 创建，或用 roadloop networks add 检查"
                "自己的文件夹，并等待完成。",
                f"No finished network is named {name[:120]!r}; there are: {names}. Create one with /create_net, or check a"
                " folder of your own with roadloop networks add, and wait until it is completed.",
            ),
            parameter="network",
        )
    return NetworkInfo(name, folder, digest(read_source(folder)))


def description(db: sa.Connection, name: str) -> str:
    """The free text that a network was created with; empty when there is no such network."""
    text = db.scalar(sa.select(networks.c.description).where(networks.c.live, networks.c.name == name))
    return text or ""


def cost(platform: Platform, name: str) -> dict[str, Any]:
    """What the check of a network found: `parameters`, `multiply_adds`; empty where there is none."""
    with platform.database.reading() as db:
        row = _live(db, readable(name))
        result = db.scalar(sa.select(queue.jobs.c.result).where(queue.jobs.c.id == row.task_id)) if row else None
    return result or {}


def _free_name(db: sa.Connection, name: str, *, taken: bool) -> None:
    """Take the name over from a failed or cancelled creation; refuse any other use of it, also by a folder alone."""
    row = _live(db, name)
    if row is not None and row.state in _GIVEN_UP:
        db.execute(networks.update().where(networks.c.id == row.id).values(live=False))
        row = None
    if row is not None or taken:
        raise _taken(name, row.task_id if row is not None else None)


def _live(db: sa.Connection, name: str) -> sa.Row[Any] | None:
    """The row that holds a name, with the state of its job."""
    columns = (*networks.c["id", "task_id", "template", "description"], queue.jobs.c.state)
    rows = sa.select(*columns).join(queue.jobs, queue.jobs.c.id == networks.c.task_id)
    return db.execute(rows.where(networks.c.live, networks.c.name == name)).first()


def _taken(name: str, task_id: str | None) -> NameTakenError:
    return NameTakenError(
        Text(
            f"已有名为 {name} 的 network；请换一个名称。",
            f"A network named {name} exists; choose another name.",
        ),
        **({"task_id": task_id} if task_id is not None else {}),
    )
