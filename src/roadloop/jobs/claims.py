"""What the rows say stands on the disk: each feature names the places of its finished work, and `fsck` looks for them."""

from collections.abc import Callable, Iterator
from pkgutil import resolve_name
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.jobs.states import ENDED, JobState
from roadloop.jobs.store import jobs
from roadloop.storage.paths import Workspace

#: One function of each feature that has folders; as text, because features stand above.
CLAIMS: Final = (
    "roadloop.sources.service:claims",
    "roadloop.datasets.store:claims",
    "roadloop.networks.store:claims",
    "roadloop.training.store:claims",
    "roadloop.evaluation.store:claims",
    "roadloop.releases.store:claims",
    "roadloop.selection.store:claims",
    "roadloop.packages.store:claims",
)


class Claim(NamedTuple):
    """A place that a row names.

    Attributes:
        owner: Whose it is, in words.
        path: As `Workspace.store_path` has written it.
        needed: It must be there; else it must only not lie outside the workspace and its roots.
    """

    owner: Text
    path: str
    needed: bool = True


Claims = Callable[[sa.Connection, Workspace], Iterator[Claim]]


def all_claims(db: sa.Connection, workspace: Workspace) -> Iterator[Claim]:
    """The claims of every feature, and of the jobs that have not ended."""
    for name in CLAIMS:
        claims: Claims = resolve_name(name)
        yield from claims(db, workspace)
    ended = [state.value for state in ENDED]
    for row in db.execute(sa.select(jobs).where(jobs.c.state.not_in(ended))):
        owner = Text(f"任务 {row.id}", f"Job {row.id}")
        yield from (Claim(owner, path, needed=False) for path in _places([row.payload, row.memo, row.moves]))


def succeeded(db: sa.Connection, table: sa.Table) -> Iterator[sa.Row[Any]]:
    """The rows of a feature's table whose jobs have succeeded, oldest first."""
    yield from db.execute(
        sa.select(table)
        .join(jobs, jobs.c.id == table.c.task_id)
        .where(jobs.c.state == JobState.SUCCEEDED.value)
        .order_by(table.c.id)
    )


def _places(value: Any) -> Iterator[str]:
    """The absolute paths in plain JSON values."""
    if isinstance(value, str) and value.startswith("/"):
        yield value
    elif isinstance(value, dict):
        yield from _places(list(value.values()))
    elif isinstance(value, list):
        for one in value:
            yield from _places(one)
