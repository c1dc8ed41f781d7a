"""The nodes of a cluster, as the server that supervises saw them last: every server answers from these rows.

Without a cluster there are none.
"""

import dataclasses
import socket
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from roadloop.devices import service as devices
from roadloop.devices.service import Gpu
from roadloop.errors import InvalidValueError, Text
from roadloop.jobs.store import to_text
from roadloop.storage.database import metadata
from roadloop.storage.platform import Platform

nodes: Final = sa.Table(
    "nodes",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),  # of its roadloop; empty where it has not said
    sa.Column("problem", sa.JSON(none_as_null=True)),  # why it gets no jobs, [zh, en]
    sa.Column("cpus", sa.Float, nullable=False),
    sa.Column("memory_mib", sa.Integer, nullable=False),
    sa.Column("gpus", sa.JSON, nullable=False),
)


@dataclasses.dataclass(frozen=True)
class NodeRow:
    """One node.

    Attributes:
        name: What jobs' rows and `pc-name` call it.
        address: Its IP address.
        version: Of its roadloop; empty where it has not said.
        problem: Why it gets no jobs; None when it does.
        cpus: Its processors.
        memory_mib: Its memory, MiB.
        gpus: Its GPUs; their host is its name.
    """

    name: str
    address: str
    version: str
    problem: Text | None
    cpus: float
    memory_mib: int
    gpus: tuple[Gpu, ...]


def all_nodes(db: sa.Connection) -> list[NodeRow]:
    """The nodes, by name."""
    rows = db.execute(sa.select(nodes).order_by(nodes.c.name)).mappings()
    return [
        NodeRow(**{**row, "problem": to_text(row["problem"]), "gpus": tuple(Gpu(**gpu) for gpu in row["gpus"])})
        for row in rows
    ]


def check_gpus(platform: Platform, gpus: str, *, several: bool = False) -> str:
    """A `gpus` text in its one spelling, if there are such GPUs on this machine or the nodes; empty for the CPU.

    Args:
        platform: The installation.
        gpus: The text.
        several: Whether the job may have several machines.

    Raises:
        InvalidValueError: Not a valid text, or a GPU that is not there; says which are. Or several machines, unasked.
    """
    here, known = socket.gethostname(), dict[str, tuple[Gpu, ...]]()
    asked = devices.wish(gpus)
    if not asked:
        return ""
    if len(asked.parts) > 1 and not several:
        raise InvalidValueError(
            Text(
                f"gpus 的值 {gpus[:80]!r} 含多台机器；只有训练可以用多台机器，请只写一台。",
                f"gpus: {gpus[:80]!r} names several machines, which only a training can use; name one.",
            ),
            parameter="gpus",
        )
    if platform.settings.ray_address:
        with platform.database.reading() as db:
            known = {node.name: node.gpus for node in all_nodes(db)}
    else:
        known = {here: devices.inventory(platform.settings)}
    return devices.check(known, here, gpus)


def forget(db: sa.Connection) -> None:
    """There is no cluster any more."""
    db.execute(nodes.delete())


def write(db: sa.Connection, seen: Sequence[NodeRow], away: Text) -> None:
    """Write what was seen.

    Args:
        db: An open transaction.
        seen: The cluster's nodes; empty when it does not answer: then those that were known stay.
        away: What to say of them.
    """
    if not seen:
        db.execute(nodes.update().values(problem=list(away)))
        return
    known = {node.name: node for node in all_nodes(db)}
    for name in known.keys() - {node.name for node in seen}:
        db.execute(nodes.delete().where(nodes.c.name == name))
    for node in seen:
        values: dict[str, Any] = {**vars(node), "gpus": [vars(gpu) for gpu in node.gpus]}
        values["problem"] = None if node.problem is None else list(node.problem)
        if node.name not in known:
            db.execute(nodes.insert().values(values))
        elif known[node.name] != node:
            db.execute(nodes.update().where(nodes.c.name == node.name).values(values))
