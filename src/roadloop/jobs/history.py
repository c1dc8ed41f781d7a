"""Histories: every feature's list and status endpoint, newest first, joined with the state of its job."""

import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final, Generic, NamedTuple, TypeVar

import sqlalchemy as sa
from pydantic import BaseModel, Field

from roadloop.errors import Language, NotFoundError, Text
from roadloop.jobs.arrange import Arrangement, Fields, arrange, arrangement
from roadloop.jobs.states import JobState
from roadloop.jobs.store import DELETED, LOST, NAMES, Job, from_row, jobs
from roadloop.parameters import NEWEST, History
from roadloop.storage import search
from roadloop.storage.platform import Platform
from roadloop.web.call import Call

PAGE_SIZE: Final = 20
CHUNK: Final = 500

Render = Callable[[Mapping[str, Any], Language], Mapping[str, Any]]

NO_FIELDS: Final[Fields] = MappingProxyType({})

WAITING: Final = Text("排队等待中：前面的任务完成后自动开始。", "Waiting for its turn; it starts by itself.")


class JobFields(BaseModel):
    """What every row of a history says about its job."""

    id: int = Field(description="Number of the row.")
    task_id: str
    author: str | None = Field(None, description="Who submitted it; null where nobody has an account.")
    status: str = Field(
        description="starting, 37.5%, completed!, failed, stopped; lost: completed, and its files are gone; deleted."
    )
    state: JobState
    stopping: bool = Field(False, description="It runs still, and was asked to stop.")
    progress: float = Field(description="0..1")
    eta_seconds: float | None = Field(description="Seconds left; null when unknown.")
    note: str | None = Field(description="What it does just now.")
    reason: str | None = Field(description="Why it waits or failed, and the cure.")
    error: str | None = Field(description="Stable code of a failure.")
    warnings: list[str]
    created_at: str | None
    started_at: str | None
    finished_at: str | None
    host: str | None = Field(description="The machine that it runs on, or ran on last.")
    log_url: str = Field(description="Where its log is read, wherever it runs.")


R = TypeVar("R", bound=JobFields)


class JobRows(BaseModel, Generic[R]):
    """What a history answers: rows, newest first; with a task id the one row."""

    errno: int = 1
    data: list[R] | R
    total: int = Field(0, description="Rows of the whole list, or those that were asked for.")
    out_of: int | None = Field(
        None,
        description="With state, only or a column in order: how many rows there are without them. Of more than 2,000 the"
        " newest 2,000 were looked at.",
    )


class Part(NamedTuple):
    """Which rows of a table a history lists.

    Attributes:
        name: As `storage.search.LISTS` names the part; empty: all of it, or few rows, which `where` finds by an index.
        where: Their condition; None: every one.
    """

    name: str = ""
    where: sa.ColumnElement[bool] | None = None


WHOLE: Final = Part()


def format_time(seconds: float | None) -> str | None:
    """Unix seconds as `YYYY-MM-DD HH:MM:SS` in the server's time zone."""
    return None if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def status_text(job: Job) -> str:
    """The one-word status of the interface document."""
    if job.state is JobState.RUNNING:
        return f"{min(job.progress, 0.999) * 100:.1f}%"
    if job.error in {LOST, DELETED}:
        return job.error
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
        "author": job.author or None,
        "status": status_text(job),
        "state": job.state.value,
        "stopping": job.state is JobState.RUNNING and job.cancel_requested,
        "progress": job.progress,
        "eta_seconds": None if job.eta_seconds is None else round(job.eta_seconds, 1),
        "note": job.note.pick(language) if job.note else None,
        "reason": reason.pick(language) if reason else None,
        "error": job.error,
        "warnings": [w.pick(language) for w in job.warnings],
        "created_at": format_time(job.created_at),
        "started_at": format_time(job.started_at),
        "finished_at": format_time(job.finished_at),
        "host": job.host,
        "log_url": f"/output_log?task_id={job.id}",
    }


def render_of(columns: Collection[str], facts: Collection[str]) -> Render:
    """Shows columns of the row as they are, and facts of the job's result; these are null before its end."""

    def render(row: Mapping[str, Any], _language: Language) -> dict[str, Any]:
        result = row["job"].result or {}
        return {name: row[name] for name in columns} | {name: result.get(name) for name in facts}

    return render


def history(
    call: Call,
    parameters: History,
    *,
    table: sa.Table | None,
    render: Render,
    part: Part = WHOLE,
    fields: Fields = NO_FIELDS,
) -> Mapping[str, Any] | Iterator[str]:
    """Answer a history endpoint.

    Args:
        call: The request.
        parameters: One task's id, or page, page_size, q, all, state, only, order.
        table: Rows with an integer `id` and a `task_id`; None for the jobs themselves.
        render: Makes the documented keys from a row of `table`; finds the job's record under `job`.
        part: Which rows are listed at all.
        fields: What it can be sorted by, and told apart by where it is text.

    Returns:
        `{"data": row}` for one task, else `{"data": rows, "total": n}`, or the text of the same in pieces with `all`.

    Raises:
        NotFoundError: No row has that task id.
        InvalidValueError: It cannot be sorted or told apart by that.
    """
    rows = _Rows(table, render, call.language)
    if parameters.task_id:
        with call.platform.database.reading() as db:
            row = db.execute(rows.statements.one, {"task_id": parameters.task_id}).first()
        if row is None:
            raise _unknown(parameters.task_id)
        return {"data": rows.render(row)}
    asked = arrangement(parameters, fields)
    few = part.where is not None and not part.name
    listing = _Few(rows, part.where, parameters.q) if few else _Numbered(rows, part.name, part.where, parameters.q)
    if parameters.all:
        return rows.stream(call.platform, listing)
    size = parameters.page_size or (PAGE_SIZE if parameters.page else NEWEST)
    offset = (max(parameters.page, 1) - 1) * size
    with call.platform.database.reading() as db:
        if asked.chooses or (not asked.descending and (few or parameters.q)):
            return _arranged(db, rows, listing, asked, slice(offset, offset + size))
        found, total = listing.page(db, offset, size, oldest=not asked.descending)
    return {"data": [rows.render(row) for row in found], "total": total}


def _arranged(
    db: sa.Connection, rows: "_Rows", listing: "_Few | _Numbered", asked: Arrangement, page: slice
) -> Mapping[str, Any]:
    """A page of the newest rows that were asked for, in the order asked for."""
    newest, length = listing.newest(db)
    ids = arrange(db, rows.key, rows.table, newest, asked)
    found = {row[0]: row for row in db.execute(rows.statements.some, {"ids": ids[page]})}
    shown = [rows.render(found[number]) for number in ids[page]]
    return {"data": shown, "total": len(ids), "out_of": length}


def _unknown(task_id: str) -> NotFoundError:
    return NotFoundError(
        Text(
            f"这里没有 task_id 为 {task_id[:80]!r} 的任务；不带 task_id 的请求会列出全部。",
            f"Nothing here has the task_id {task_id[:80]!r}; without task_id the whole list comes.",
        ),
        task_id=task_id[:80],
    )


class _Statements(NamedTuple):
    """What is asked for the rows of one history, made once: newest first, the ones with `ids`, the one of `task_id`."""

    newest_first: sa.Select[Any]
    some: sa.Select[Any]
    one: sa.Select[Any]


@cache
def _statements(table: sa.Table | None) -> _Statements:
    key = jobs.c.seq if table is None else table.c.id
    joined = sa.select(jobs)
    if table is not None:
        joined = sa.select(table, jobs).join_from(table, jobs, jobs.c.id == table.c.task_id)
    newest_first = joined.order_by(key.desc())
    some = newest_first.where(key.in_(sa.bindparam("ids", expanding=True)))
    return _Statements(newest_first, some, joined.where(jobs.c.id == sa.bindparam("task_id")))


class _Rows:
    """The rows of one history: how they are found and shown."""

    def __init__(self, table: sa.Table | None, render: Render, language: Language) -> None:
        self._names = () if table is None else tuple(table.c.keys())
        self._show = render
        self._language = language
        self.table = table
        self.name = "jobs" if table is None else table.name
        self.key: sa.Column[int] = jobs.c.seq if table is None else table.c.id
        self.statements = _statements(table)

    def render(self, row: sa.Row[Any]) -> dict[str, Any]:
        """One row as people and programs see it."""
        own = dict(zip(self._names, row, strict=False))  # its columns come first
        job = from_row(dict(zip(NAMES, row[len(self._names) :], strict=True)))
        return {
            "id": own.get("id", job.seq),
            **job_fields(job, self._language),
            **self._show({**own, "job": job}, self._language),
        }

    def stream(self, platform: Platform, listing: "_Few | _Numbered") -> Iterator[str]:
        """The whole history as one JSON object, in constant memory: pages by key, one short read each."""
        yield '{"errno": 1, "data": ['
        last: int | None = None
        total = 0
        while True:
            with platform.database.reading() as db:
                found = listing.after(db, last)
            rendered = [self.render(row) for row in found]
            if rendered:
                last = rendered[-1]["id"]
                yield ("," if total else "") + ",".join(json.dumps(row, ensure_ascii=False) for row in rendered)
                total += len(rendered)
            if len(found) < CHUNK:
                break
        yield f'], "total": {total}}}'


@dataclass(frozen=True)
class _Numbered:
    """A list whose rows are numbered and indexed: pages and searches are as fast with a million rows."""

    rows: _Rows
    part: str
    where: sa.ColumnElement[bool] | None
    text: str

    @property
    def _name(self) -> str:
        return f"{self.rows.name}:{self.part}" if self.part else self.rows.name

    def page(
        self, db: sa.Connection, offset: int, size: int, *, oldest: bool = False
    ) -> tuple[Sequence[sa.Row[Any]], int]:
        """`size` rows after the `offset` newest ones; and how many there are, of a search `search.MOST` at most.

        `oldest`: from the other end of the list, of which a search has none.
        """
        if oldest:
            ids = search.window(db, self._name, offset + size, size)
            return db.execute(self.rows.statements.some, {"ids": ids}).all()[::-1], search.length(db, self._name)
        if self.text:
            found = search.find(db, self._name, self.text, search.MOST)
            ids, total = found[offset : offset + size], len(found)
        else:
            total = search.length(db, self._name)
            ids = search.window(db, self._name, total - offset, size)
        return db.execute(self.rows.statements.some, {"ids": ids}).all(), total

    def newest(self, db: sa.Connection) -> tuple[list[int], int]:
        """The newest ids, `search.MOST` at most, and how many there are."""
        if self.text:
            ids = search.find(db, self._name, self.text, search.MOST)
            return ids, len(ids)
        length = search.length(db, self._name)
        return search.window(db, self._name, length, search.MOST), length

    def after(self, db: sa.Connection, last: int | None) -> Sequence[sa.Row[Any]]:
        """The next rows of a stream."""
        below = search.ANY if last is None else last
        if self.text:
            ids = search.find(db, self._name, self.text, CHUNK, below=below)
            query = self.rows.statements.newest_first.where(self.rows.key.in_(ids))
        else:
            query = self.rows.statements.newest_first.where(self.rows.key < below).limit(CHUNK)
        return db.execute(query if self.where is None else query.where(self.where)).all()


@dataclass(frozen=True)
class _Few:
    """A list of few rows, which an index finds: they are counted, and looked at one by one."""

    rows: _Rows
    where: sa.ColumnElement[bool] | None
    text: str

    @property
    def _query(self) -> sa.Select[Any]:
        query = self.rows.statements.newest_first
        query = query if self.where is None else query.where(self.where)
        return query.where(jobs.c.title.icontains(self.text, autoescape=True)) if self.text else query

    def page(
        self, db: sa.Connection, offset: int, size: int, *, oldest: bool = False
    ) -> tuple[Sequence[sa.Row[Any]], int]:
        """`size` rows after the `offset` newest ones; and how many there are. Oldest ones come from `newest`."""
        assert not oldest
        return db.execute(self._query.limit(size).offset(offset)).all(), self._count(db)

    def newest(self, db: sa.Connection) -> tuple[list[int], int]:
        """The newest ids, `search.MOST` at most, and how many there are."""
        keys = self._query.with_only_columns(self.rows.key).limit(search.MOST)
        return list(db.scalars(keys)), self._count(db)

    def _count(self, db: sa.Connection) -> int:
        keys = self._query.with_only_columns(self.rows.key).order_by(None).subquery()
        return db.scalar(sa.select(sa.func.count()).select_from(keys)) or 0

    def after(self, db: sa.Connection, last: int | None) -> Sequence[sa.Row[Any]]:
        """The next rows of a stream."""
        query = self._query if last is None else self._query.where(self.rows.key < last)
        return db.execute(query.limit(CHUNK)).all()
