"""Sweeps as people use them: open one, look at it, take it one step further. No torch."""

import json
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from roadloop.datasets import service as datasets
from roadloop.errors import ConflictError, InvalidValueError, RoadloopError, Text
from roadloop.storage import publish, reading
from roadloop.storage.database import Write
from roadloop.storage.paths import check_new_name
from roadloop.storage.platform import Platform
from roadloop.sweeps.course import Course, Seen, follow
from roadloop.sweeps.plan import Sweep, Values, described, settings_text
from roadloop.training import create, start
from roadloop.training import service as training
from roadloop.training.forms import CreateTrain, StartTask
from roadloop.training.metrics_log import read_lines
from roadloop.training.recipe import DataConfig

PLAN: Final = "plan.json"


def folder_of(platform: Platform, sweep: Sweep) -> Path:
    """Where a sweep keeps its plan and results."""
    return platform.workspace.sweeps / sweep.name


def begin(platform: Platform, sweep: Sweep) -> bool:
    """Write the plan down and queue every trial, all or none; or find that this was done before.

    Returns:
        Whether the sweep was there already.

    Raises:
        InvalidNameError: The name cannot be one.
        ConflictError: Another sweep has the name.
        NameTakenError: A training task has a trial's name.
        NotFoundError: The network or the dataset is unknown.
        InvalidValueError: The dataset has no validation split, or a trial's recipe is refused; says which.
    """
    sweep = replace(sweep, name=check_new_name(sweep.name, "name"))
    path = folder_of(platform, sweep) / PLAN
    known = _known(path, sweep)
    if not known:
        publish.write_json(path, sweep.to_json())
    try:
        with platform.database.reading() as db:
            if known and _task_ids(db, sweep):
                return True
        _check_data(platform, sweep)
        trials = [_trial(platform, sweep, trial) for trial in range(len(sweep.trials))]
        with platform.database.transaction() as db:
            for queue_trial in trials:
                queue_trial(db)
    except RoadloopError:
        if not known:
            path.unlink()
            path.parent.rmdir()
        raise
    return False


def look(platform: Platform, sweep: Sweep) -> tuple[dict[int, Seen], Course]:
    """What the trials did so far, and where that leaves the sweep.

    Raises:
        ConflictError: A trial's training task is gone.
    """
    jobs = {}
    with platform.database.reading() as db:
        ids = _task_ids(db, sweep)
        for trial in range(len(sweep.trials)):
            if trial not in ids:
                name = sweep.task(trial)
                raise ConflictError(
                    Text(
                        f"训练任务 {name} 不在了；请换一个名称重新开始。",
                        f"The training task {name} is gone; start again under another name.",
                    ),
                    task=name,
                )
            jobs[trial] = training.require(db, ids[trial]).job
    seen = {trial: Seen(job.state, _curve(platform, sweep.task(trial)), job.reason) for trial, job in jobs.items()}
    return seen, follow(sweep, seen)


def take_step(platform: Platform, sweep: Sweep, course: Course) -> None:
    """Stop the trials that have reached their rung, and let the survivors go on."""
    with platform.database.reading() as db:
        ids = _task_ids(db, sweep)
    for trial, action in course.actions.items():
        with suppress(ConflictError):  # it has moved on since; the next look sees it
            step: Write[None] = (
                partial(start.stop, task_id=ids[trial], end_date="")
                if action == "stop"
                else start.resume(platform, ids[trial])
            )
            with platform.database.transaction() as db:
                step(db)


def _known(path: Path, sweep: Sweep) -> bool:
    """Whether this very sweep was written down before.

    Raises:
        ConflictError: Another one was.
    """
    if not path.is_file():
        return False
    if json.loads(reading.read_bytes(path)) != sweep.to_json():
        raise ConflictError(
            Text(
                f"已有名为 {sweep.name} 的搜索，但参数不同（{path}）。请用同样的参数继续，或换一个名称。",
                f"A sweep named {sweep.name} exists with other arguments ({path})."
                " Give the same ones to go on, or choose another name.",
            ),
            name=sweep.name,
        )
    return True


def _check_data(platform: Platform, sweep: Sweep) -> None:
    if not datasets.require(platform, sweep.data).counts["val"]:
        raise InvalidValueError(
            Text(
                f"data {sweep.data} 没有验证集，无法比较试验；请重新生成，并给 val 大于 0 的比例。",
                f"The dataset {sweep.data} has no validation split to compare trials on; build it with a val share"
                " above 0.",
            ),
            parameter="data",
        )


def _trial(platform: Platform, sweep: Sweep, trial: int) -> Write[None]:
    """Check a trial; what comes back writes its training task and queues it."""
    values = {**sweep.fixed, **sweep.trials[trial]}
    data_con: Values = {key: value for key, value in values.items() if key in DataConfig.model_fields}
    train_con: Values = {key: value for key, value in values.items() if key not in data_con}
    new = CreateTrain(
        train_name=sweep.task(trial),
        network=sweep.network,
        data=sweep.data,
        task_desc=f"{described(sweep.name)}{settings_text(sweep.trials[trial])}",
        maps=sweep.maps,
    )
    draft = create.draft(platform, new)
    train_con["num_epoch"] = sweep.rungs[-1]
    request = StartTask(task_id="", train_con=train_con, data_con=data_con, gpus=sweep.gpus[trial % len(sweep.gpus)])
    stored = draft.config["train_con"], draft.config["data_con"]
    begin = start.plan(platform, draft.facts(platform), stored, None, request)

    def write(db: sa.Connection) -> None:
        begin(db, draft.write(db))

    return write


def _task_ids(db: sa.Connection, sweep: Sweep) -> dict[int, str]:
    found = {trial: training.find_id(db, sweep.task(trial)) for trial in range(len(sweep.trials))}
    return {trial: task_id for trial, task_id in found.items() if task_id is not None}


def _curve(platform: Platform, task: str) -> list[float | None]:
    path = platform.workspace.task(task) / "log" / "metrics.jsonl"
    return [line["miou"] for line in read_lines(path) if line["kind"] == "epoch"]
