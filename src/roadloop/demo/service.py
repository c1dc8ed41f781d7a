"""Have the demo's pictures drawn."""

from typing import Final

import sqlalchemy as sa

from roadloop.demo.recipe import DrawPictures
from roadloop.errors import NameTakenError, Text
from roadloop.jobs import queue
from roadloop.jobs.queue import Submission
from roadloop.jobs.states import ENDED
from roadloop.jobs.store import jobs
from roadloop.sources.service import check_dest
from roadloop.storage.database import Write
from roadloop.storage.platform import Platform

KIND: Final = "demo_pictures"  #: of job


def create(platform: Platform, request: DrawPictures) -> Write[str]:
    """Writes the job that draws a set; answers its task id.

    Raises:
        NameTakenError: There is such a set, or a job draws it already; then with its task id.
        InvalidNameError: No set can have that name.
    """
    name = check_dest(platform.workspace, request.name)
    if (platform.workspace.sources / name).exists():
        raise NameTakenError(
            Text(f"源数据 {name} 已存在，未作任何改动", f"There is a source set {name} already; nothing was changed"),
            parameter="name",
        )
    recipe = request.model_copy(update={"name": name})

    def write(db: sa.Connection) -> str:
        at_work = sa.select(jobs.c.id).where(jobs.c.kind == KIND, jobs.c.title == name, jobs.c.state.not_in(ENDED))
        busy = db.scalar(at_work)
        if busy is not None:
            raise NameTakenError(
                Text(f"任务 {busy} 正在绘制 {name}。", f"Job {busy} is drawing {name}."), parameter="name", task_id=busy
            )
        return queue.submit(db, Submission(kind=KIND, payload=recipe.payload(), title=name))

    return write
