"""The jobs of a restored installation: none runs here, and what they had made visible may be there or not."""

from collections.abc import Collection
from pathlib import Path
from pkgutil import resolve_name

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.jobs import queue
from roadloop.jobs.context import chosen_moves
from roadloop.jobs.states import JobState
from roadloop.jobs.store import ACTIVE, Job, from_row, jobs, seals
from roadloop.jobs.trash_moves import AFTER
from roadloop.storage import publish
from roadloop.storage.platform import Platform

_REASON = Text(
    "从备份还原：任务会从最近的进度继续，或重新开始。",
    "Restored from a backup: the job goes on from where it was, or begins anew.",
)
_TRAIN = "train"


def settle(platform: Platform, finished_later: Collection[str]) -> list[Job]:
    """Put every job that ran back into the queue, so that it ends in the same bytes.

    Args:
        platform: The restored installation, which no server has opened yet.
        finished_later: Jobs whose output was made visible while the backup was made, and is not in it.

    Returns:
        The jobs that wait now.
    """
    with platform.database.reading() as db:
        live = [from_row(row) for row in db.execute(sa.select(jobs).where(ACTIVE).order_by(jobs.c.seq))]
    for job in live:
        _settle(platform, job, anew=job.id in finished_later)
    for name in AFTER.values():
        if (platform.workspace.models / "index.json").exists():
            resolve_name(name)(platform.workspace)
    return live


def _settle(platform: Platform, job: Job, *, anew: bool) -> None:
    targets = [target for _scratch, target in chosen_moves(platform.workspace, job)]
    whole = all(target.exists() for target in targets)
    if not whole:
        for target in targets:
            _remove(target, job)
    done = bool(job.finishing and whole and not anew)
    with platform.database.transaction() as db:
        if (anew or not whole) and job.kind != _TRAIN:
            db.execute(jobs.update().where(jobs.c.id == job.id).values(memo={}, progress=0.0))
        if not done:
            db.execute(seals.delete().where(seals.c.task_id == job.id))
        if job.state is JobState.RUNNING and done:
            queue.finish(db, job, JobState.SUCCEEDED)
        elif job.state is JobState.RUNNING:
            queue.requeue(db, job, _REASON, counts=False)


def _remove(target: Path, job: Job) -> None:
    """Take away a part of what was to become visible together; a training's folder keeps its other checkpoints."""
    if target.exists() and (job.kind != _TRAIN or target.is_dir() or target.suffix in {".params", ".json"}):
        publish.remove(target)
