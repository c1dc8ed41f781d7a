"""What is kept for how long: first replies under their Idempotency-Key, logs of ended jobs, uploads, and by `rules` the rest.

Logs are those in `logs/`; a training's stands in its task's folder and stays with it. Everything is done in small steps, so
that nobody waits: a thread of the supervisor does one now and then, `roadloop tidy` all at once.
"""

import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import sqlalchemy as sa

from roadloop.errors import BusyError
from roadloop.jobs import measuring
from roadloop.jobs.rules import RULES, size_of
from roadloop.jobs.states import ENDED
from roadloop.jobs.store import jobs
from roadloop.jobs.temporary import temporary_name
from roadloop.storage.platform import Platform
from roadloop.web.call import idempotency

DAY: Final = 86_400.0
BATCH: Final = 500  #: rows, and files, of one step
PAUSE_SECONDS: Final = 1.0  #: between two steps
ROUND_SECONDS: Final = 3600.0  #: between two rounds
UNPACK: Final = "unpack"  #: kind of job that needs an upload

log: Final = logging.getLogger(__name__)


class LogFile(NamedTuple):
    """The log of a job in `logs/`."""

    changed: float
    size: int
    path: Path


@dataclass
class Removed:
    """What was removed, or would be."""

    replies: int = 0
    logs: int = 0
    log_bytes: int = 0
    temporary: int = 0
    uploads: int = 0
    upload_bytes: int = 0
    more: dict[str, tuple[int, int]] = field(default_factory=dict)  #: by rule: how many, and bytes

    @property
    def freed(self) -> dict[str, int]:
        """Bytes by rule."""
        own = {"log": self.log_bytes, "upload": self.upload_bytes}
        return {name: size for name, size in {**own, **{k: v[1] for k, v in self.more.items()}}.items() if size}


def remove_old(platform: Platform, *, dry_run: bool = False, stop: threading.Event | None = None) -> Removed:
    """Remove what is older, or more, than the settings keep.

    Args:
        platform: The installation.
        dry_run: Only count.
        stop: Set: leave after the step that is at work.
    """
    found, stop = Removed(), stop or threading.Event()
    settings, now = platform.settings, time.time()
    if settings.idempotency_days:
        found.replies = _replies(platform, now - settings.idempotency_days * DAY, stop, dry_run=dry_run)
    for number, one in enumerate(_too_many_logs(platform, now), start=1):
        if stop.is_set():
            return found
        found.logs, found.log_bytes = found.logs + 1, found.log_bytes + one.size
        if not dry_run:
            one.path.unlink(missing_ok=True)
        if number % BATCH == 0 and not dry_run:
            stop.wait(PAUSE_SECONDS)
    found.temporary = _remove(_left_temporary(platform), dry_run=dry_run)
    uploads = _left_uploads(platform, now)
    found.upload_bytes = sum(map(size_of, uploads))
    found.uploads = _remove(uploads, dry_run=dry_run)
    for name in RULES:
        if not stop.is_set():
            _by_rule(platform, found, name, now, stop, dry_run=dry_run)
    return found


def _by_rule(
    platform: Platform, found: Removed, name: str, now: float, stop: threading.Event, *, dry_run: bool
) -> None:
    count = size = 0
    for old in RULES[name](platform, now):
        if stop.is_set():
            break
        count, size = count + 1, size + old.size
        if not dry_run:
            old.remove()
    if count:
        found.more[name] = (count, size)


def _remove(folders: list[Path], *, dry_run: bool) -> int:
    for folder in folders if not dry_run else ():
        shutil.rmtree(folder, ignore_errors=True)
    return len(folders)


def _replies(platform: Platform, before: float, stop: threading.Event, *, dry_run: bool) -> int:
    old = idempotency.c.created_at < before
    if dry_run:
        with platform.database.reading() as db:
            return db.execute(sa.select(sa.func.count()).where(old)).scalar_one()
    count = 0
    while not stop.is_set():
        with platform.database.reading() as db:
            keys = db.scalars(sa.select(idempotency.c.key).where(old).limit(BATCH)).all()
        if not keys:
            break
        with platform.database.transaction() as db:
            db.execute(idempotency.delete().where(idempotency.c.key.in_(keys), old))
        count += len(keys)
        stop.wait(PAUSE_SECONDS)
    return count


def _too_many_logs(platform: Platform, now: float) -> Iterator[LogFile]:
    """Logs that are too old, and the oldest of those that are too many together; all of ended jobs."""
    settings = platform.settings
    limit = settings.log_keep_mib * 2**20
    before = now - settings.log_keep_days * DAY if settings.log_keep_days else 0.0
    too_much = sum(one.size for one in _logs(platform) if one.changed >= before) - limit if limit else 0
    young = sorted(one for one in _logs(platform) if one.changed >= before) if too_much > 0 else []
    yield from (one for one in _logs(platform) if one.changed < before)
    for one in young:
        if too_much <= 0:
            return
        too_much -= one.size
        yield one


def _logs(platform: Platform) -> Iterator[LogFile]:
    """The logs of ended jobs."""
    paths = platform.workspace.logs.glob("*.log")
    while batch := list(islice(paths, BATCH)):
        with platform.database.reading() as db:
            asked = sa.select(jobs.c.id).where(jobs.c.id.in_([path.stem for path in batch]), jobs.c.state.in_(ENDED))
            ended = set(db.scalars(asked))
        for path in batch:
            with suppress(OSError):
                if path.stem in ended:
                    status = path.lstat()
                    yield LogFile(status.st_mtime, status.st_size, path)


def _left_temporary(platform: Platform) -> list[Path]:
    """Temporary folders of ended jobs: those that were killed could not remove theirs."""
    folders = list(Path(tempfile.gettempdir()).glob(f"{temporary_name('?' * 12)}*"))
    with platform.database.reading() as db:
        return [folder for folder in folders if _is_over(db, folder.name.split("-")[1])]


def _left_uploads(platform: Platform, now: float) -> list[Path]:
    """Uploads with which nobody has gone on for long, other than those that jobs are to unpack."""
    days, old = platform.settings.upload_keep_days, list[Path]()
    before = now - days * DAY if days else 0.0
    for folder in platform.workspace.uploads.glob("*"):
        with suppress(OSError):  # it goes just now
            if max(path.lstat().st_mtime for path in (folder, *folder.iterdir())) < before:
                old.append(folder)
    with platform.database.reading() as db:
        asked = sa.select(jobs.c.payload).where(jobs.c.kind == UNPACK, jobs.c.state.not_in(ENDED))
        needed = {payload.get("upload") for payload in db.scalars(asked)}
    return [folder for folder in old if folder.name not in needed]


def _is_over(db: sa.Connection, beginning: str) -> bool:
    """Whether the job whose id, hex digits, begins so has ended; False where there is none."""
    state = db.scalar(sa.select(jobs.c.state).where(jobs.c.id.between(beginning, f"{beginning}g")))
    return state in ENDED


def keep_tidy(platform: Platform, stop: threading.Event, leads: Callable[[], bool] = lambda: True) -> None:
    """Remove what is old, round after round, until `stop` is set; where `leads` says no, another server does."""
    while not stop.wait(ROUND_SECONDS):
        if not leads():
            continue
        try:
            found = remove_old(platform, stop=stop)
            measuring.submit_if_old(platform)
        except BusyError as error:
            log.warning("housekeeping: %s", error.text.en)
        except Exception:  # the next round tries again; each is in the log
            log.exception("housekeeping: unexpected error")
        else:
            if found != Removed():
                log.info("housekeeping: %s", found)
