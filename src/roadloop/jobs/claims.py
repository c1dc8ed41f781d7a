"""What the rows say stands on the disk: each feature names the places of its finished work, and `fsck` looks for them.

The names of the features' functions and tables are text, because features stand above.
"""

from collections.abc import Callable, Iterator
from pkgutil import resolve_name
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.jobs.states import ENDED, JobState
from roadloop.jobs.store import jobs
from roadloop.storage.paths import Workspace

#: One function of each feature that has folders.
CLAIMS: Final = (
    "roadloop.sources.service:claims",
    "roadloop.datasets.store:claims",
    "roadloop.networks.store:claims",
    "roadloop.training.store:claims",
    "roadloop.evaluation.store:claims",
    "roadloop.releases.store:claims",
    "roadloop.engines.service:claims",
    "roadloop.selection.store:claims",
    "roadloop.packages.store:claims",
)

#: The table in which each kind of job has a row of its own.
ROWS: Final = {
    "create_data": "roadloop.datasets.store:datasets",
    "create_net": "roadloop.networks.store:networks",
    "add_net": "roadloop.networks.store:networks",
    "offimport": "roadloop.sources.store:imports",
    "health": "roadloop.sources.store:health",
    "train": "roadloop.training.store:training_tasks",
    "evaluate": "roadloop.evaluation.store:evaluations",
    "release": "roadloop.releases.store:releases",
    "task_divide": "roadloop.packages.store:divisions",
    "process_label": "roadloop.packages.store:label_runs",
    "sample": "roadloop.selection.store:selections",
    "select": "roadloop.selection.store:selections",
    "linedown": "roadloop.annotators.store:downloads",
    "push_package": "roadloop.annotators.store:pushes",
}
#: What else a feature can look at; each gives the problems that it finds.
INSPECTIONS: Final = (
    "roadloop.sources.fsck:referred_files",
    "roadloop.releases.fsck:index",
    "roadloop.jobs.trash_check:problems",
)


class Claim(NamedTuple):
    """A place that a row names.

    Attributes:
        owner: Whose it is, in words.
        path: As `Workspace.store_path` has written it.
        needed: It must be there; else it must only not lie outside the workspace and its roots.
        sealed: It has a manifest, and stands or falls as a whole.
        tasks: The jobs that made it, which are to be noted as lost with it.
        free: Gives up what the feature's rows hold when it is lost, such as a name.
    """

    owner: Text
    path: str
    needed: bool = True
    sealed: bool = False
    tasks: tuple[str, ...] = ()
    free: Callable[[sa.Connection], object] | None = None


Claims = Callable[[sa.Connection, Workspace], Iterator[Claim]]


def all_claims(db: sa.Connection, workspace: Workspace) -> Iterator[Claim]:
    """The claims of every feature, and of the jobs that have not ended, what they are about to make visible included."""
    for name in CLAIMS:
        claims: Claims = resolve_name(name)
        yield from claims(db, workspace)
    for row in db.execute(sa.select(jobs).where(jobs.c.state.not_in(ENDED))):
        owner = Text(f"任务 {row.id}", f"Job {row.id}")
        yield from (Claim(owner, path, needed=False) for path in _places([row.payload, row.memo, row.moves]))
        yield from (Claim(owner, str(target), needed=False) for _scratch, target in row.moves or ())


def succeeded(db: sa.Connection, table: sa.Table) -> Iterator[sa.Row[Any]]:
    """The rows of a feature's table whose jobs have succeeded and are not noted as lost, oldest first."""
    yield from db.execute(
        sa.select(table)
        .join(jobs, jobs.c.id == table.c.task_id)
        .where(jobs.c.state == JobState.SUCCEEDED.value, jobs.c.error.is_(None))
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
