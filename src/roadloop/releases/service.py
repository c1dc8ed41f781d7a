"""What a caller can do with releases. One function, one use case; no torch here."""

import time
from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from roadloop.datasets import service as datasets
from roadloop.errors import (
    BusyError,
    ConflictError,
    InvalidValueError,
    JobError,
    NameTakenError,
    NotFoundError,
    Text,
)
from roadloop.evaluation import service as evaluation
from roadloop.evaluation.pictures import DATASET
from roadloop.jobs import queue
from roadloop.jobs.choices import state_of
from roadloop.jobs.history import format_time
from roadloop.jobs.states import JobState
from roadloop.models.files import load_description
from roadloop.networks.trust import trust_of
from roadloop.parameters import NEWEST
from roadloop.releases import adcodes
from roadloop.releases.recipe import Publication, Release, ReleaseRecipe
from roadloop.releases.request import check_request, choose_pair, warnings_of
from roadloop.releases.store import releases
from roadloop.storage.database import Write
from roadloop.storage.platform import Platform
from roadloop.training import service as training

_GIVEN_UP: Final = (JobState.FAILED.value, JobState.CANCELLED.value)


def submit(platform: Platform, request: Release) -> Write[str]:
    """Check what queues the job that builds a release's bundle.

    A call that repeats one whose answer never came (same values, not yet answered) gets that one's job.

    Args:
        platform: The installation.
        request: What is asked.

    Returns:
        Writes the release's row and its job; answers the task id.

    Raises:
        InvalidNameError: version or env cannot be a folder's name.
        NotFoundError: The source or the file does not exist, or the evaluation is not one of this file.
        BrokenFileError: The pair is not a valid model file.
        ConflictError: The evaluation has not succeeded.
        UntrustedCodeError: Its network carries code that nobody has approved here.
        InvalidValueError: A value cannot be right; parity is asked for, and the model is of no training task; or the evaluation had no labels.
        NameTakenError: This category, version, env and adcode is published; carries its task id.
    """
    request = check_request(request, platform.settings.release_categories)
    model = evaluation.find_model(platform, *choose_pair(request.dicts))
    description = load_description(model.path)
    trust_of(platform).require(description.network.source, model.path)
    digest = description.params_sha256
    if request.evaluation:
        with platform.database.reading() as db:
            evaluation.scores_of(db, request.evaluation, digest, "evaluation")
    values = {
        "category": request.category,
        "version": request.version,
        "env": request.env,
        "adcode": request.adcode,
        "description": request.desc,
        "time": request.time or format_time(time.time()),
        "source": model.source,
        "file": model.file,
        "params_sha256": digest,
    }
    recipe = ReleaseRecipe(
        **request.part(Publication) | {"time": values["time"]},
        source=model.source,
        file=model.file,
        folder=request.folder,
        path=platform.workspace.store_path(model.path),
        sha256=digest,
        pictures=None if request.parity is None else _val_split(platform, description.task),
    )
    there = (platform.workspace.models / request.folder).exists()

    def write(db: sa.Connection) -> str:
        repeated = _free_place(db, request, values, there=there)
        if repeated is not None:
            return repeated
        warnings = warnings_of(request.adcode)
        task_id = queue.submit(db, queue.Submission("release", recipe.payload(), recipe.folder, warnings=warnings))
        db.execute(releases.insert().values(task_id=task_id, live=True, answered=False, **values))
        return task_id

    return write


def result(platform: Platform, task_id: str) -> dict[str, Any] | None:
    """The record of a release that is published; None while its job is at work. From then on its place is taken.

    Args:
        platform: The installation.
        task_id: The job of `submit`.

    Raises:
        JobError: The job failed; its reason.
        ConflictError: It was stopped.
    """
    with platform.database.reading() as db:
        job = queue.get(db, task_id)
    if job.state is JobState.FAILED:
        raise JobError(job.reason or Text("发布失败。", "The release failed."), task_id=job.id)
    if job.state is JobState.CANCELLED:
        raise ConflictError(Text("这次发布已被停止。", "This release was stopped."), task_id=job.id)
    if job.state is not JobState.SUCCEEDED:
        return None
    with platform.database.transaction() as db:
        db.execute(releases.update().where(releases.c.task_id == task_id).values(answered=True))
        row = db.execute(sa.select(releases).where(releases.c.task_id == task_id)).mappings().one()
    return record(dict(row), job.result)


def still_at_work(task_id: str) -> BusyError:
    """What is said when a release is not published yet; calling again goes on waiting."""
    return BusyError(
        Text(
            f"发布任务 {task_id} 还在进行；稍后用同一请求重试即可得到结果，进度见 /v1/releases。",
            f"The release job {task_id} is still at work; repeat the same request to get the result,"
            " or watch /v1/releases.",
        ),
        task_id=task_id,
    )


def published(platform: Platform, category: str, before: int = 0) -> list[dict[str, Any]]:
    """The records of a category's newest 1,000 releases, or of those older than release number `before`."""
    rows = (
        sa.select(releases, queue.jobs.c.result)
        .join_from(releases, queue.jobs, queue.jobs.c.id == releases.c.task_id)
        .where(releases.c.category == category, releases.c.live)
        .where(state_of(releases.c.task_id) == JobState.SUCCEEDED.value)
        .order_by(releases.c.id.desc())
        .limit(NEWEST)
    )
    if before:
        rows = rows.where(releases.c.id < before)
    with platform.database.reading() as db:
        found = db.execute(rows).mappings().all()
    return [record(dict(row), row["result"]) for row in found]


def category_of(categories: tuple[str, ...], page: int) -> str:
    """The category that a page of `/release_tab` shows.

    Raises:
        NotFoundError: There is no such page; says how many there are.
    """
    if not 1 <= page <= len(categories):
        raise NotFoundError(
            Text(
                f"没有第 {page} 页；共 {len(categories)} 页：{'、'.join(categories)}。",
                f"There is no page {page}; there are {len(categories)}: {', '.join(categories)}.",
            ),
            first=1,
            last=len(categories),
        )
    return categories[page - 1]


def record(row: Mapping[str, Any], result: Mapping[str, Any] | None) -> dict[str, Any]:
    """A release as programs see it; `files` and `metrics` are null until it is published."""
    result = result or {}
    return {
        "id": row["id"],
        "task_id": row["task_id"],
        "type": row["category"],
        "version": row["version"],
        "env": row["env"],
        "adcode": row["adcode"],
        "place": adcodes.full_name(row["adcode"]),
        "desc": row["description"],
        "time": row["time"],
        "source": row["source"],
        "model": row["file"],
        "params_sha256": row["params_sha256"],
        "folder": result.get("folder"),
        "files": result.get("files"),
        "metrics": _listed(result.get("metrics")),
    }


def _listed(metrics: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The scores without the tensors' names of imported weights, which fill pages; the bundle's files keep them."""
    if metrics is None:
        return None
    return {**metrics, "training": {k: v for k, v in metrics["training"].items() if k != "mapping"}}


def _val_split(platform: Platform, name: str) -> str:
    """The pictures that a training task was validated on, as evaluations name them."""
    with platform.database.reading() as db:
        task_id = training.find_id(db, name)
        data = "" if task_id is None else str(training.require(db, task_id).row.data)
    if task_id is None:
        raise InvalidValueError(
            Text(
                f"模型的训练任务 {name} 不在这里，没有验证集可用于 parity；请不填 parity，或用 roadloop export --check 比较。",
                f"The model's training task {name} is not here, so there is no val split for parity; leave parity out, or"
                " compare with roadloop export --check.",
            ),
            parameter="parity",
        )
    return f"{DATASET}{datasets.require(platform, data).name}/val"


def _free_place(db: sa.Connection, request: Release, values: Mapping[str, Any], *, there: bool) -> str | None:
    """Make sure that nothing holds the place; the task id of an unanswered call with the same values.

    Args:
        db: The transaction of the new row.
        request: What is asked.
        values: The new row.
        there: Whether the bundle's folder stood there before.
    """
    row = db.execute(
        sa.select(releases, queue.jobs.c.state, queue.jobs.c.payload)
        .join(queue.jobs, queue.jobs.c.id == releases.c.task_id)
        .where(
            releases.c.live,
            *(releases.c[name] == values[name] for name in ("category", "version", "env", "adcode")),
        )
    ).first()
    if row is not None and row.state in _GIVEN_UP:
        db.execute(releases.update().where(releases.c.id == row.id).values(live=False))
        row = None
    if row is None and not there:
        return None
    if row is not None and not row.answered and _same(row, request, values):
        return str(row.task_id)
    raise NameTakenError(
        Text(
            f"{request.folder} 已发布；同一类型、版本、环境与 adcode 只能发布一次，请换一个版本号。",
            f"{request.folder} is published; type, version, env and adcode together are unique: use a new version.",
        ),
        **({"task_id": row.task_id} if row is not None else {}),
    )


def _same(row: sa.Row[Any], request: Release, values: Mapping[str, Any]) -> bool:
    """Whether a row was asked for in the same way; a time that the server filled in does not count."""
    asked = all(row.payload.get(name) == getattr(request, name) for name in ("parity", "evaluation"))
    return asked and all(getattr(row, n) == value for n, value in values.items() if request.time or n != "time")
