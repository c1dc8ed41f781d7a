"""Rows of training tasks. No decisions here."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.jobs.claims import Claim, succeeded
from roadloop.jobs.queue import Job, get
from roadloop.jobs.store import ACTIVE, jobs
from roadloop.networks.folder import CHECKPOINT
from roadloop.storage.database import metadata
from roadloop.storage.paths import Workspace

training_tasks: Final = sa.Table(
    "training_tasks",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("task_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),  # train_name; the folder's name
    sa.Column("network", sa.Text, nullable=False),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("base_task", sa.Text, nullable=False),  # task id, or ""
    sa.Column("task_desc", sa.Text, nullable=False),
    sa.Column("net_desc", sa.Text, nullable=False),
    sa.Column("data_desc", sa.Text, nullable=False),
    sa.Column("shown", sa.JSON, nullable=False),  # the values of a history row that follow from the configuration
    sa.Column("start_date", sa.Text, nullable=False),  # as the client sent it
    sa.Column("end_date", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)

#: Apart from the rows above, because lists do not need them.
training_configs: Final = sa.Table(
    "training_configs",
    metadata,
    sa.Column("task_id", sa.String(32), sa.ForeignKey("jobs.id"), primary_key=True),
    sa.Column("label_map", sa.JSON, nullable=False),
    sa.Column("train_con", sa.JSON, nullable=False),
    sa.Column("data_con", sa.JSON, nullable=False),
    sa.Column("recipe", sa.JSON),  # resolved by /starttask, never changed afterwards
    sa.Column("source", sa.Text),  # the network's network.py as it was then
)


def find(db: sa.Connection, task_id: str) -> tuple[sa.Row[Any], Job] | None:
    """A task's row with its configuration, and its job."""
    row = db.execute(
        sa.select(training_tasks, training_configs)
        .join(training_configs, training_configs.c.task_id == training_tasks.c.task_id)
        .where(training_tasks.c.task_id == task_id)
    ).first()
    return None if row is None else (row, get(db, task_id))


def at_work(db: sa.Connection, described: str) -> list[tuple[str, str]]:
    """Names and task ids of tasks that wait or run and whose description begins so."""
    t = training_tasks.c
    query = sa.select(t.name, t.task_id).join(jobs, jobs.c.id == t.task_id)
    query = query.where(ACTIVE, t.task_desc.startswith(described, autoescape=True)).order_by(t.name)
    return [(row.name, row.task_id) for row in db.execute(query)]


def find_name(db: sa.Connection, name: str) -> str | None:
    """The task id that holds a name."""
    return db.scalar(sa.select(training_tasks.c.task_id).where(training_tasks.c.name == name))


def insert(db: sa.Connection, task: dict[str, Any], config: dict[str, Any]) -> None:
    """Add a task and its configuration."""
    db.execute(training_tasks.insert().values(**task))
    db.execute(training_configs.insert().values(task_id=task["task_id"], **config))


def update_task(db: sa.Connection, task_id: str, **values: Any) -> None:
    """Change a task's row."""
    db.execute(training_tasks.update().where(training_tasks.c.task_id == task_id).values(**values))


def update_config(db: sa.Connection, task_id: str, **values: Any) -> None:
    """Change a task's configuration."""
    db.execute(training_configs.update().where(training_configs.c.task_id == task_id).values(**values))


def give_up_name(db: sa.Connection, task_id: str) -> None:
    """Let another task have this one's name; it is listed with its id behind the name."""
    name = f"{db.scalar(sa.select(training_tasks.c.name).where(training_tasks.c.task_id == task_id))} ({task_id[:8]})"
    update_task(db, task_id, name=name)


def claims(db: sa.Connection, _workspace: Workspace) -> Iterator[Claim]:
    """The folders of the trained tasks, and where networks begin from."""
    finished = {row.task_id for row in succeeded(db, training_tasks)}
    for row in db.execute(sa.select(training_tasks).order_by(training_tasks.c.id)):
        yield Claim(
            _owner(row.name),
            f"tasks/{row.name}",
            needed=row.task_id in finished,
            tasks=(row.task_id,),
            free=partial(give_up_name, task_id=row.task_id),
        )
    recipes = sa.select(training_tasks.c.name, training_configs.c.recipe).join(
        training_configs, training_configs.c.task_id == training_tasks.c.task_id
    )
    for name, recipe in db.execute(recipes):
        begin = (recipe or {}).get("train", {}).get("network_settings", {}).get(CHECKPOINT)
        if begin:
            yield Claim(_owner(name), str(begin), needed=False)


def _owner(name: str) -> Text:
    return Text(f"训练任务 {name}", f"The training task {name}")
