"""What waits for somebody: what failed and was not done again, what was begun, and what was made and not used yet.

It is found among the newest jobs alone, so it costs the same however many there are. That is exact for them: whatever
deals with a job is a newer one.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

import sqlalchemy as sa

from roadloop.annotators import service as annotators
from roadloop.evaluation import service as evaluation
from roadloop.jobs import recent
from roadloop.jobs.recent import Recent
from roadloop.jobs.states import JobState
from roadloop.networks import service as networks
from roadloop.packages import service as packages
from roadloop.selection import service as selection
from roadloop.storage.platform import Platform

NEWEST: Final = 500  #: jobs that are looked at
DAY: Final = 86400.0
FAILED_DAYS: Final = 7  #: a failure is told of for so long
DAYS: Final = 30  #: and the rest
NAMED: Final = 5  #: of each row

What = Literal["failed", "returned", "rejected", "uncut", "draft", "unevaluated", "unchecked"]

_GIVEN_UP: Final = frozenset({JobState.FAILED, JobState.CANCELLED})
#: Their failure is seen where they were asked for.
_LOOKS: Final = frozenset({"import_preview", "rehearsal"})


class One(NamedTuple):
    """What waits: its name, and the job that says so; empty where none does."""

    name: str
    task_id: str


class Waits(NamedTuple):
    """Things of one sort that wait.

    Attributes:
        what: failed = a job of `kind` that was not done again; returned = labels of a version that were fetched and not published;
            rejected = labels of a version that were rejected and not sent out again; uncut = a version with chosen pictures and
            no packages; draft = a training that was not started; unevaluated = one that has ended and that no
            evaluation is about; unchecked = a folder of `networks/` that nobody has had checked.
        kind: Of the jobs; empty of folders.
        number: How many.
        ones: The newest of them.
    """

    what: What
    kind: str
    number: int
    ones: tuple[One, ...]


def waiting(platform: Platform) -> list[Waits]:
    """Everything that waits, the most urgent first."""
    unchecked = [One(name, "") for name in networks.unchecked(platform)]
    with platform.database.reading() as db:
        jobs = recent.newest(db, NEWEST)
        since = time.time() - DAYS * DAY
        lately = [job for job in jobs if job.created_at >= since]
        rows = [
            *_failed(jobs),
            _row("returned", "linedown", _returned(db, lately)),
            _row("rejected", "process_label", _rejected(db, lately)),
            _row("uncut", "select", _uncut(db, lately)),
            _row("draft", "train", (job for job in lately if (job.kind, job.state) == ("train", JobState.CREATED))),
            _row("unevaluated", "train", _unevaluated(db, lately)),
        ]
    rows.append(Waits("unchecked", "", len(unchecked), tuple(unchecked[:NAMED])))
    return [row for row in rows if row.number]


def _row(what: What, kind: str, found: Iterable[Recent | One]) -> Waits:
    ones = [one if isinstance(one, One) else One(one.title, one.id) for one in found]
    return Waits(what, kind, len(ones), tuple(ones[:NAMED]))


def _failed(jobs: list[Recent]) -> list[Waits]:
    """By kind: what has failed lately and was not begun again under the same name."""
    since = time.time() - FAILED_DAYS * DAY
    again: set[tuple[str, str]] = set()
    found: dict[str, list[Recent]] = {}
    for job in jobs:
        failed = job.state is JobState.FAILED and (job.finished_at or job.created_at) >= since
        if failed and job.kind not in _LOOKS and (job.kind, job.title) not in again:
            found.setdefault(job.kind, []).append(job)
        again.add((job.kind, job.title))
    return [_row("failed", kind, ones) for kind, ones in found.items()]


def _returned(db: sa.Connection, jobs: list[Recent]) -> list[One]:
    """Versions that labels were fetched for after the last run that published some."""
    fetched = annotators.destinations(db, _ids(jobs, "linedown", JobState.SUCCEEDED))
    new = recent.numbers(db, fetched.keys(), "finished")
    runs = packages.publications(db, _ids(jobs, "process_label"))
    return _newest(jobs, {task: version for task, version in fetched.items() if new.get(task)}, runs)


def _rejected(db: sa.Connection, jobs: list[Recent]) -> list[One]:
    """Versions whose last run rejected labels that no division has sent out again."""
    runs = packages.publications(db, _ids(jobs, "process_label", JobState.SUCCEEDED))
    rejected = recent.numbers(db, runs.keys(), "rejected_pictures")
    again = packages.cuts(db, _ids(jobs, "task_divide"))
    sent = {task: cut.version for task, cut in again.items() if cut.rejected}
    later = sent | {task: version for task, version in runs.items() if not rejected.get(task)}
    return _newest(jobs, {task: version for task, version in runs.items() if rejected.get(task)}, later)


def _uncut(db: sa.Connection, jobs: list[Recent]) -> list[One]:
    """Versions with chosen pictures that no division is about."""
    chosen = selection.outputs(db, _ids(jobs, "select", JobState.SUCCEEDED) | _ids(jobs, "sample", JobState.SUCCEEDED))
    versions = {task: path.removeprefix("images/") for task, path in chosen.items() if path.startswith("images/")}
    versions |= {job.id: job.title for job in jobs if (job.kind, job.state) == ("rework", JobState.SUCCEEDED)}
    cut = {task: one.version for task, one in packages.cuts(db, _ids(jobs, "task_divide")).items()}
    return _newest(jobs, versions, cut)


def _unevaluated(db: sa.Connection, jobs: list[Recent]) -> list[Recent]:
    seen = evaluation.evaluated(db, _ids(jobs, "evaluate"))
    trained = (job for job in jobs if (job.kind, job.state) == ("train", JobState.SUCCEEDED))
    return [job for job in trained if job.title not in seen]


def _ids(jobs: list[Recent], kind: str, state: JobState | None = None) -> set[str]:
    """The jobs of a kind: in a state, or all that have not been given up."""
    mine = (job for job in jobs if job.kind == kind)
    return {job.id for job in mine if (job.state not in _GIVEN_UP if state is None else job.state is state)}


def _newest(jobs: list[Recent], made: Mapping[str, str], dealt: Mapping[str, str]) -> list[One]:
    """The versions that a job has made something of and that no later job has dealt with, newest first.

    Args:
        jobs: Newest first.
        made: Versions by the task ids of the jobs that made something.
        dealt: Versions by the task ids of those that use it up.
    """
    over: set[str] = set()
    found: list[One] = []
    for job in jobs:
        version = made.get(job.id)
        if version is not None and version not in over:
            found.append(One(version, job.id))
            over.add(version)
        if job.id in dealt:
            over.add(dealt[job.id])
    return found
