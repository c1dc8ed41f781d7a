"""What changes in the queue, as server-sent events: one look at the rows a second for all who listen.

A page that listens asks for lists again only when something in them has changed. What a stream says is small and stays
small, however long a job runs: which jobs have changed their state, and the progress of those that run.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, get_args

import anyio.to_thread
import sqlalchemy as sa

from roadloop.errors import BusyError, Language, RoadloopError, Text
from roadloop.jobs.store import job_events, jobs
from roadloop.jobs.store import to_text as text_of
from roadloop.storage.platform import Platform
from roadloop.web.events import ALIVE, begin, event

log: Final = logging.getLogger(__name__)

LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
LOOK_SECONDS: Final = 1.0
PROGRESS_EVERY: Final = 2  #: looks
ALIVE_EVERY: Final = 10  #: looks; told where nothing else is
MOST_CHANGES: Final = 100  #: named in one event; more are told as "many"
MOST_RUNNING: Final = 200  #: whose progress is told
BEHIND: Final = 32  #: events that a listener may be behind, then its stream ends and it begins anew

Progress = dict[str, dict[str, Any]]  #: by task id: what is shown of a running job


@dataclass(eq=False)
class _Listener:
    language: Language
    events: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(BEHIND))

    def tell(self, said: bytes | None) -> None:
        if self.events.full():  # it does not read
            while not self.events.empty():
                self.events.get_nowait()
            said = None
        self.events.put_nowait(said)


class Feed:
    """The stream of changes of one server.

    Args:
        platform: The installation.
        most: How many may listen at once; each keeps a connection.
    """

    def __init__(self, platform: Platform, most: int) -> None:
        self._platform: Final = platform
        self._most: Final = most
        self._listeners: Final[set[_Listener]] = set()
        self._watch: asyncio.Task[None] | None = None
        self._closed: Final = threading.Event()
        self._newest = 0  # event of `job_events` that was told
        self._progress: Progress = {}
        self._looks = 0

    def close(self) -> None:
        """End every stream, as the server stops."""
        self._closed.set()
        for listener in self._listeners:
            listener.tell(None)

    def listen(self, language: Language) -> AsyncIterator[bytes]:
        """Follow what changes from now on.

        Args:
            language: Of the notes.

        Raises:
            BusyError: Too many listen already, or the server stops.
        """
        if self._closed.is_set() or len(self._listeners) >= self._most:
            raise BusyError(
                Text("正在实时查看的页面太多，请稍后重试。", "Too many pages follow what happens; try again later.")
            )
        return self._events(language)

    async def _events(self, language: Language) -> AsyncIterator[bytes]:
        listener = _Listener(language)
        self._listeners.add(listener)
        try:
            if self._watch is None:
                self._watch = asyncio.create_task(self._look_on())
            yield begin()
            while (said := await listener.events.get()) is not None:
                yield said
        finally:
            self._listeners.discard(listener)

    async def _look_on(self) -> None:
        """Look as long as somebody listens."""
        self._newest, self._progress = -1, {}
        while self._listeners and not self._closed.is_set():
            try:
                changed, progress = await anyio.to_thread.run_sync(self._look)
            except (RoadloopError, sa.exc.SQLAlchemyError) as error:  # the rows are away: told again when they are back
                log.warning("feed: %s", error)
            else:
                self._tell(changed, progress)
            await asyncio.sleep(LOOK_SECONDS)
        self._watch = None

    def _look(self) -> tuple[list[Mapping[str, Any]], Progress | None]:
        """The changes of state since the last look, and what runs; None when its turn has not come."""
        newest = sa.select(sa.func.max(job_events.c.seq))
        with self._platform.database.reading() as db:
            before, self._newest = self._newest, db.execute(newest).scalar() or 0
            changed: list[Mapping[str, Any]] = []
            if -1 < before < self._newest:
                rows = sa.select(jobs.c.id, jobs.c.kind, job_events.c.state).join(
                    jobs, jobs.c.id == job_events.c.job_id
                )
                rows = rows.where(job_events.c.seq > before).order_by(job_events.c.seq).limit(MOST_CHANGES + 1)
                changed = [{"task_id": r.id, "kind": r.kind, "state": r.state} for r in db.execute(rows)]
            self._looks += 1
            if self._looks % PROGRESS_EVERY:
                return changed, None
            running = sa.select(jobs.c.id, jobs.c.progress, jobs.c.eta_seconds, jobs.c.note, jobs.c.cancel_requested)
            running = running.where(jobs.c.state == "running").order_by(jobs.c.seq).limit(MOST_RUNNING)
            return changed, {r.id: _shown(r) for r in db.execute(running)}

    def _tell(self, changed: list[Mapping[str, Any]], progress: Progress | None) -> None:
        moved: Progress = {}
        if progress is not None:
            moved = {one: now for one, now in progress.items() if self._progress.get(one) != now}
            self._progress = progress
        events = {language: self._written(changed, moved, language) for language in LANGUAGES}
        for listener in self._listeners:
            for one in events[listener.language]:
                listener.tell(one)

    def _written(self, changed: list[Mapping[str, Any]], moved: Progress, language: Language) -> list[bytes]:
        events = []
        if changed:
            events.append(event("jobs", {"changed": changed[:MOST_CHANGES], "many": len(changed) > MOST_CHANGES}))
        if moved:
            events.append(event("progress", {one: _said(now, language) for one, now in moved.items()}))
        if not events and self._looks % ALIVE_EVERY == 0:
            events.append(ALIVE)
        return events


def _shown(row: Any) -> dict[str, Any]:
    eta = row.eta_seconds
    shown = {"progress": round(row.progress, 4), "eta_seconds": eta and round(eta), "note": text_of(row.note)}
    return shown | ({"stopping": True} if row.cancel_requested else {})


def _said(shown: Mapping[str, Any], language: Language) -> dict[str, Any]:
    return {**shown, "note": shown["note"] and shown["note"].pick(language)}
