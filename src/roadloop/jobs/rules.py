"""Rules by kind of what is kept for how long, beyond replies, logs and uploads: each finds what is over, and removes it.

Whatever a job has left and `fsck` looks for is forgotten in its rows before it goes, so that a kill in between loses nothing
that somebody expects.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import sqlalchemy as sa

from roadloop.errors import ConflictError, NotFoundError
from roadloop.jobs import trash as things
from roadloop.jobs.states import ENDED, JobState
from roadloop.jobs.store import jobs, seals
from roadloop.jobs.trash_moves import carry_out
from roadloop.storage import publish
from roadloop.storage.platform import Platform
from roadloop.storage.trash import trash

DAY: Final = 86_400.0
#: Where scratch names stand; folders with a file for each picture are not walked.
_SCRATCH: Final = (
    "[!.]*", "tasks/*", "tasks/*/*", "tasks/*/output/*", "packages/*", "models/*", "models/*/*", "sources",
)  # fmt: skip


class Old(NamedTuple):
    """Something whose time is over.

    Attributes:
        size: Bytes.
        remove: Removes it.
    """

    size: int
    remove: Callable[[], object]


Rule = Callable[[Platform, float], Iterator[Old]]


def old_trash(platform: Platform, now: float) -> Iterator[Old]:
    """What was deleted long ago."""
    days = platform.settings.trash_keep_days
    query = sa.select(trash.c.id, trash.c.bytes).where(trash.c.state == "deleted", trash.c.at < now - days * DAY)
    with platform.database.reading() as db:
        rows = db.execute(query.order_by(trash.c.at)).all() if days else []
    for row in rows:
        yield Old(row.bytes or 0, partial(_purge, platform, row.id))


def _purge(platform: Platform, number: int) -> None:
    with suppress(NotFoundError):  # somebody has brought it back just now
        carry_out(platform, platform.database.write(lambda: things.purge(platform, number)))


def old_scratch(platform: Platform, now: float) -> Iterator[Old]:
    """Temporary files and folders that no job needs."""
    days, home = platform.settings.scratch_keep_days, platform.workspace.home
    if not days:
        return
    with platform.database.reading() as db:
        live = {task_id[:8] for task_id in db.scalars(sa.select(jobs.c.id).where(jobs.c.state.not_in(ENDED)))}
    places = dict.fromkeys(folder for pattern in _SCRATCH for folder in home.glob(pattern) if folder.is_dir())
    for path in (path for folder in places for path in publish.scratch_in(folder)):
        attempt = publish.attempt_of(path.name)
        with suppress(OSError):
            if (attempt is None or attempt.job not in live) and path.lstat().st_mtime < now - days * DAY:
                yield Old(size_of(path), partial(publish.remove, path))


def old_previews(platform: Platform, now: float) -> Iterator[Old]:
    """What was looked at before imports."""
    days = platform.settings.preview_keep_days
    for task_id, _title in _ended(platform, "import_preview", now - days * DAY) if days else ():
        yield from _folder(platform, platform.workspace.previews / task_id)


def old_checkpoints(platform: Platform, now: float) -> Iterator[Old]:
    """Checkpoints of trainings that have succeeded: nothing goes on from them; the models stay."""
    days = platform.settings.checkpoint_keep_days
    for _task_id, name in _ended(platform, "train", now - days * DAY) if days else ():
        for folder in sorted((platform.workspace.task(name) / "checkpoints").glob("epoch-*")):
            yield from _folder(platform, folder)


def old_evaluations(platform: Platform, now: float) -> Iterator[Old]:
    """Evaluations that nothing refers to; they go into the trash."""
    days = platform.settings.evaluation_keep_days
    for task_id, _title in _ended(platform, "evaluate", now - days * DAY) if days else ():
        with suppress(NotFoundError):  # it was deleted
            thing, held = things.uses(platform, "evaluation", task_id)
            if not held:
                yield Old(sum(map(size_of, thing.places)), partial(_delete, platform, task_id))


def _delete(platform: Platform, task_id: str) -> None:
    with suppress(ConflictError, NotFoundError):  # something refers to it just now
        carry_out(platform, platform.database.write(lambda: things.delete(platform, "evaluation", task_id)))


def _ended(platform: Platform, kind: str, before: float) -> list[tuple[str, str]]:
    """Jobs that have succeeded, and whose work is there: id and title."""
    query = sa.select(jobs.c.id, jobs.c.title).where(
        jobs.c.kind == kind,
        jobs.c.state == JobState.SUCCEEDED.value,
        jobs.c.error.is_(None),
        jobs.c.finished_at < before,
    )
    with platform.database.reading() as db:
        return [(row.id, row.title) for row in db.execute(query.order_by(jobs.c.seq))]


def _folder(platform: Platform, folder: Path) -> Iterator[Old]:
    if folder.is_dir():
        yield Old(size_of(folder), partial(_forget, platform, folder))


def _forget(platform: Platform, folder: Path) -> None:
    path = platform.workspace.store_path(folder)
    with platform.database.transaction() as db:
        db.execute(seals.delete().where(seals.c.path.startswith(f"{path}/", autoescape=True)))
    hidden = folder.with_name(publish.hidden_name(folder.name, "removed"))
    with suppress(FileNotFoundError):
        folder.rename(hidden)
    shutil.rmtree(hidden, ignore_errors=True)


def size_of(place: Path) -> int:
    """Bytes of a file, or of all files in a folder; what goes meanwhile does not count."""
    if not place.is_dir() or place.is_symlink():
        return place.lstat().st_size if place.exists() else 0
    total = 0
    for path in place.rglob("*"):
        with suppress(OSError):
            total += path.lstat().st_size if not path.is_dir() else 0
    return total


#: What each rule is called; the setting is `<name>_keep_days`.
RULES: Final[Mapping[str, Rule]] = {
    "trash": old_trash,
    "scratch": old_scratch,
    "preview": old_previews,
    "checkpoint": old_checkpoints,
    "evaluation": old_evaluations,
}


def days_of(platform: Platform, rule: str) -> float:
    """After how many days a rule removes something; 0: never."""
    return float(getattr(platform.settings, f"{rule}_keep_days"))
