"""What annotators hold of others' things."""

from collections.abc import Iterator

import sqlalchemy as sa

from roadloop.annotators.store import pushes
from roadloop.errors import Text
from roadloop.jobs.states import GIVEN_UP
from roadloop.jobs.store import jobs
from roadloop.jobs.trash import Reference, Thing
from roadloop.packages.service import is_outstanding


def references(db: sa.Connection, thing: Thing) -> Iterator[Reference]:
    """A package that annotators have, and whose labels have not come back."""
    if thing.kind != "package" or not is_outstanding(db, int(thing.key)):
        return
    handed = sa.select(pushes.c.version, pushes.c.annotator).join(jobs, jobs.c.id == pushes.c.task_id)
    handed = handed.where(pushes.c.number == int(thing.key), jobs.c.state.not_in(GIVEN_UP)).order_by(pushes.c.id.desc())
    for version, annotator in db.execute(handed.limit(1)):
        text = Text(
            f"标注人员（{annotator}）正在标注它，尚未交回",
            f"annotators have it ({annotator}), and its labels have not come back",
        )
        yield Reference(text, f"/annotation/{version}")
