"""Training tasks as things that can be deleted, and what of this feature refers to others."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.jobs.states import ENDED, JobState
from roadloop.jobs.store import ACTIVE, jobs
from roadloop.jobs.trash import Reference, Thing
from roadloop.storage.paths import Workspace
from roadloop.training.store import find_name, training_configs, training_tasks


def find(db: sa.Connection, workspace: Workspace, name: str) -> Thing | None:
    """The training task of that name, with all its models and checkpoints."""
    task_id = find_name(db, name)
    if task_id is None:
        return None
    return Thing(
        kind="task",
        name=name,
        key=name,
        title=name,
        rows=(
            (training_tasks, training_tasks.c.task_id == task_id),
            (training_configs, training_configs.c.task_id == task_id),
        ),
        places=(workspace.task(name),),
        tasks=(task_id,),
    )


def references(db: sa.Connection, thing: Thing) -> Iterator[Reference]:
    """Tasks that were trained on a dataset, that go on from a task, or begin with its weights; and a model's own task."""
    t = training_tasks.c
    tasks = sa.select(t.name, t.task_id).join(jobs, jobs.c.id == t.task_id)
    if thing.kind == "dataset":
        yield from _of(db, tasks.where(t.data == thing.key), "用它训练", "trains, or was trained, on it")
    if thing.kind == "task":
        based = tasks.where(t.base_task.in_(thing.tasks), t.task_id.not_in(thing.tasks))
        yield from _of(db, based, "以它为基础任务", "names it as its base task")
    if thing.kind in {"task", "model"}:
        start = training_configs.c.train_con["model"].as_string()
        waiting = tasks.join(training_configs, training_configs.c.task_id == t.task_id).where(
            jobs.c.state.not_in(ENDED), thing.names(start), t.task_id.not_in(thing.tasks)
        )
        yield from _of(db, waiting, "以它为初始权重", "begins with its weights")
    if thing.kind == "model":
        task, _, file = thing.key.rpartition("/")
        own = tasks.where(t.name == task)
        yield from _of(db, own.where(ACTIVE), "正在训练，还会写入它", "is being trained, and writes it")
        best = jobs.c.memo["best"]["file"].as_string()
        ended = own.where(jobs.c.state == JobState.SUCCEEDED.value, best == file)
        yield from _of(
            db, ended, "以它为最佳模型（可删除整个任务）", "has it as its best model (the whole task can be deleted)"
        )


def _of(db: sa.Connection, query: sa.Select[Any], zh: str, en: str) -> Iterator[Reference]:
    for name, task_id in db.execute(query.order_by(training_tasks.c.id)):
        yield Reference(Text(f"训练任务 {name} {zh}", f"the training task {name} {en}"), f"/training/{task_id}")
