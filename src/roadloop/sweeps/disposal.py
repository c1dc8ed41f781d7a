"""What a running sweep protects: its trials, also those that stand at their rung and wait for the others."""

from collections.abc import Iterator

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.jobs.trash import Reference, Thing
from roadloop.sweeps.plan import described
from roadloop.training import service as training


def references(db: sa.Connection, thing: Thing) -> Iterator[Reference]:
    """The sweep of a training task, while another of its trials waits or runs."""
    if thing.kind != "task":
        return
    name = thing.name.rpartition("-")[0]
    beginning = described(name)
    if not name or not training.require(db, thing.tasks[0]).row.task_desc.startswith(beginning):
        return
    others = [one for one in training.at_work(db, beginning) if one[1] not in thing.tasks]
    if others:
        yield Reference(
            Text(
                f"搜索 {name} 还在进行（{others[0][0]} 正在排队或训练），它是其中的试验",
                f"the sweep {name} goes on ({others[0][0]} waits or is being trained), and it is one of its trials",
            ),
            f"/training/{others[0][1]}",
        )
