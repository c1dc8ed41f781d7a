"""What a caller can do with networks. One function, one use case; no torch here."""

import sqlalchemy as sa

from roadloop.errors import NameTakenError, NotFoundError, Text
from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.networks.folder import NetworkInfo, digest, read_defaults, read_source, template_folder
from roadloop.networks.store import networks
from roadloop.storage.paths import check_new_name
from roadloop.storage.platform import Platform

__all__ = ["create", "description", "list_networks", "read_defaults", "require"]

_GIVEN_UP = (JobState.FAILED.value, JobState.CANCELLED.value)


def create(db: sa.Connection, platform: Platform, name: str, template: str, description: str = "") -> str:
    """Start the job that copies a template under a new name and tries it.

    Args:
        db: The transaction that the job and the network's row share.
        platform: The installation.
        name: The new network's name.
        template: One of `folder.list_templates()`.
        description: Free text.

    Returns:
        The job's task id.

    Raises:
        InvalidNameError: `name` cannot be a folder's name.
        NotFoundError: There is no such template.
        NameTakenError: Another network has the name, or is being created with it.
    """
    name = check_new_name(name, "network_name")
    template_folder(template)
    _free_name(db, platform, name)
    task_id = queue.submit(
        db, queue.Submission(kind="create_net", payload={"name": name, "template": template}, title=name)
    )
    db.execute(
        networks.insert().values(task_id=task_id, name=name, template=template, description=description, live=True)
    )
    return task_id


def list_networks(platform: Platform) -> list[str]:
    """Names of the networks that were built and run, newest first."""
    rows = (
        sa.select(networks.c.name)
        .join(queue.jobs, queue.jobs.c.id == networks.c.task_id)
        .where(networks.c.live, queue.jobs.c.state == JobState.SUCCEEDED.value)
        .order_by(networks.c.id.desc())
    )
    with platform.database.reading() as db:
        return [name for name in db.scalars(rows) if (platform.workspace.networks / name).is_dir()]


def require(platform: Platform, name: str) -> NetworkInfo:
    """The finished network of that name, its digest taken now.

    Raises:
        NotFoundError: There is none, it is not finished, or its `network.py` is gone.
        InvalidValueError: Its `network.py` is not text.
    """
    known = list_networks(platform)
    if name not in known:
        names = "、".join(known[:20]) or "-"
        raise NotFoundError(
            Text(
                f"没有名为 {name[:120]!r} 的可用 network；可选：{names}。请先用 /create_net 创建，并等待完成。",
                f"No finished network is named {name[:120]!r}; there are: {names}."
                " Create one with /create_net and wait until it is completed.",
            ),
            parameter="network",
        )
    folder = platform.workspace.networks / name
    return NetworkInfo(name, folder, digest(read_source(folder)))


def description(db: sa.Connection, name: str) -> str:
    """The free text that a network was created with; empty when there is no such network."""
    text = db.scalar(sa.select(networks.c.description).where(networks.c.live, networks.c.name == name))
    return text or ""


def _free_name(db: sa.Connection, platform: Platform, name: str) -> None:
    """Take the name over from a failed or cancelled creation; refuse any other use of it."""
    row = db.execute(
        sa.select(networks.c.id, networks.c.task_id, queue.jobs.c.state)
        .join(queue.jobs, queue.jobs.c.id == networks.c.task_id)
        .where(networks.c.live, networks.c.name == name)
    ).first()
    if row is not None and row.state in _GIVEN_UP:
        db.execute(networks.update().where(networks.c.id == row.id).values(live=False))
        row = None
    if row is not None or (platform.workspace.networks / name).exists():
        raise NameTakenError(
            Text(
                f"已有名为 {name} 的 network；请换一个名称。",
                f"A network named {name} exists; choose another name.",
            ),
            **({"task_id": row.task_id} if row is not None else {}),
        )
