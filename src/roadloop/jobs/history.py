"""Histories: every feature's list and status endpoint, newest first, joined with the state of its job."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from pydantic import BaseModel, Field
from starlette.responses import Response, StreamingResponse

from roadloop.errors import Language, NotFoundError, Text
from roadloop.jobs.states import JobState
from roadloop.jobs.store import LOST, Job, from_row, jobs
from roadloop.storage.platform import Platform
from roadloop.web.endpoint import Call
from roadloop.web.parameters import History

NEWEST: Final = 1000
PAGE_SIZE: Final = 20
CHUNK: Final = 500

Render = Callable[[Mapping[str, Any], Language], Mapping[str, Any]]

WAITING: Final = Text("排队等待中：前面的任务完成后自动开始。", "Waiting for its turn; it starts by itself.")


class JobFields(BaseModel):
    """What every row of a history says about its job."""

    id: int = Field(description="Number of the row.")
    task_id: str
    status: str = Field(
        description="starting, 37.5%, completed!, failed, stopped, or lost: completed, and its files are gone."
    )
    state: JobState
    progress: float = Field(description="0..1")
    eta_seconds: float | None = Field(description="Seconds left; null when unknown.")
    note: str | None = Field(description="What it does just now.")
    reason: str | None = Field(description="Why it waits or failed, and the cure.")
    error: str | None = Field(description="Stable code of a failure.")
    warnings: list[str]
    created_at: str | None
    started_at: str | None
    finished_at: str | None


def format_time(seconds: float | None) -> str | None:
    """Unix seconds as `YYYY-MM-DD HH:MM:SS` in the server's time zone."""
    return None if seconds is None else datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def status_text(job: Job) -> str:
    """The one-word status of the interface document."""
    if job.state is JobState.RUNNING:
        return f"{min(job.progress, 0.999) * 100:.1f}%"
    if job.error == LOST:
        return "lost"
    return {
        JobState.SUCCEEDED: "completed!",
        JobState.FAILED: "failed",
        JobState.CANCELLED: "stopped",
    }.get(job.state, "starting")


def job_fields(job: Job, language: Language) -> dict[str, Any]:
    """What every row says about its job, `id` excepted."""
    reason = job.reason
    if reason is None and job.state is JobState.QUEUED:
        reason = WAITING
    return {
        "task_id": job.id,
        "status": status_text(job),
        "state": job.state.value,
        "progress": job.progress,
        "eta_seconds": None if job.eta_seconds is None else round(job.eta_seconds, 1),
        "note": job.note.pick(language) if job.note else None,
        "reason": reason.pick(language) if reason else None,
        "error": job.error,
        "warnings": [w.pick(language) for w in job.warnings],
        "created_at": format_time(job.created_at),
        "started_at": format_time(job.started_at),
        "finished_at": format_time(job.finished_at),
    }


def history(
    call: Call,
    parameters: History,
    *,
    table: sa.Table | None,
    render: Render,
    search: Sequence[sa.Column[str]] = (),
    where: sa.ColumnElement[bool] | None = None,
) -> Mapping[str, Any] | Response:
    """Answer a history endpoint.

    Args:
        call: The request.
        parameters: One task's id, or page, page_size, q, all.
        table: Rows with an integer `id` and a `task_id`; None for the jobs themselves.
        render: Makes the documented keys from a row of `table`; finds the job's record under `job`.
        search: Columns that `q` looks into, besides the job's title.
        where: Which rows are listed at all; None: every one.

    Returns:
        `{"data": row}` for one task, else `{"data": rows, "total": n}`, or a stream of the same with `all`.

    Raises:
        NotFoundError: No row has that task id.
    """
    rows = _Rows(table, render, call.language)
    if parameters.task_id:
        with call.platform.database.reading() as db:
            row = db.execute(rows.query.where(jobs.c.id == parameters.task_id)).first()
        if row is None:
            raise _unknown(parameters.task_id)
        return {"data": rows.render(row)}
    condition = _matches(parameters.q, search)
    if where is not None:
        condition = sa.and_(condition, where)
    if parameters.all:
        return StreamingResponse(rows.stream(call.platform, condition), media_type="application/json")
    size = parameters.page_size or (PAGE_SIZE if parameters.page else NEWEST)
    window = rows.newest_first(condition).limit(size).offset((max(parameters.page, 1) - 1) * size)
    with call.platform.database.reading() as db:
        total = db.execute(rows.count(None if where is None and not parameters.q else condition)).scalar_one()
        found = db.execute(window).all()
    return {"data": [rows.render(row) for row in found], "total": total}


def _unknown(task_id: str) -> NotFoundError:
    return NotFoundError(
        Text(
            f"这里没有 task_id 为 {task_id[:80]!r} 的任务；不带 task_id 的请求会列出全部。",
            f"Nothing here has the task_id {task_id[:80]!r}; without task_id the whole list comes.",
        ),
        task_id=task_id[:80],
    )


def _matches(text: str, search: Sequence[sa.Column[str]]) -> sa.ColumnElement[bool]:
    if not text:
        return sa.true()
    return sa.or_(*(column.icontains(text, autoescape=True) for column in (jobs.c.title, *search)))


class _Rows:
    """The rows of one history: how they are found and shown."""

    def __init__(self, table: sa.Table | None, render: Render, language: Language) -> None:
        self._table = table
        self._show = render
        self._language = language
        self.key: sa.Column[int] = jobs.c.seq if table is None else table.c.id
        self.query = (
            sa.select(jobs)
            if table is None
            else sa.select(table, jobs).join_from(table, jobs, jobs.c.id == table.c.task_id)
        )

    def newest_first(self, condition: sa.ColumnElement[bool]) -> sa.Select[Any]:
        """All rows that match."""
        return self.query.where(condition).order_by(self.key.desc())

    def count(self, condition: sa.ColumnElement[bool] | None) -> sa.Select[int]:
        """How many rows match; without a condition no join is needed."""
        if condition is None:
            return sa.select(sa.func.count()).select_from(jobs if self._table is None else self._table)
        return sa.select(sa.func.count()).select_from(
            self.query.where(condition).with_only_columns(self.key).subquery()
        )

    def render(self, row: sa.Row[Any]) -> dict[str, Any]:
        """One row as people and programs see it."""
        cells = row._mapping  # noqa: SLF001 - SQLAlchemy's public name
        job = from_row({column.name: cells[column] for column in jobs.c})
        own = {} if self._table is None else {column.name: cells[column] for column in self._table.c}
        return {
            "id": own.get("id", job.seq),
            **job_fields(job, self._language),
            **self._show({**own, "job": job}, self._language),
        }

    def stream(self, platform: Platform, condition: sa.ColumnElement[bool]) -> Iterator[str]:
        """The whole history as one JSON object, in constant memory: pages by key, one short read each."""
        yield '{"errno": 1, "data": ['
        last: int | None = None
        total = 0
        while True:
            chunk = self.newest_first(condition).limit(CHUNK)
            if last is not None:
                chunk = chunk.where(self.key < last)
            with platform.database.reading() as db:
                found = db.execute(chunk).all()
            for row in found:
                rendered = self.render(row)
                last = rendered["id"]
                yield ("," if total else "") + json.dumps(rendered, ensure_ascii=False)
                total += 1
            if len(found) < CHUNK:
                break
        yield f'], "total": {total}}}'
