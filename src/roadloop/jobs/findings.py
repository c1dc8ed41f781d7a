"""What an inspection of the workspace finds, and what can be done about it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import sqlalchemy as sa

from roadloop.errors import BrokenDatabaseError, Text
from roadloop.jobs.claims import Claim
from roadloop.jobs.store import LOST, jobs, seals
from roadloop.storage import integrity, publish, quarantine
from roadloop.storage.platform import Platform


class Repair:
    """One run of repairs: nothing is deleted, everything is written down.

    Args:
        platform: The installation.
    """

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self._when = quarantine.stamp()

    def put_aside(self, path: Path, why: Text) -> None:
        """Move a file or folder of the home into quarantine, and stop expecting it there.

        Raises:
            DiskFullError: The disk is full or read-only; it stands where it stood.
        """
        if path.exists() and path.is_relative_to(self.platform.workspace.home):
            quarantine.put(self.platform.workspace.home, path, why, self._when)
        self.forget(self.platform.workspace.store_path(path))

    def forget(self, path: str) -> None:
        """Expect nothing any more at a stored path, or below it."""
        with self.platform.database.transaction() as db:
            below = seals.c.path.startswith(f"{path}/", autoescape=True)
            db.execute(seals.delete().where(sa.or_(seals.c.path == path, below)))

    def declare_lost(self, tasks: tuple[str, ...], what: Text, free: Callable[[sa.Connection], object] | None) -> None:
        """Say of finished jobs that what they made is gone: they stay in the lists, and names are free again.

        Args:
            tasks: The jobs.
            what: What was lost.
            free: Gives up what the rows of a feature hold.
        """
        reason = Text(
            f"{what.zh} 的文件已丢失，由 roadloop fsck 登记；名称可以再次使用。",
            f"{what.en}: its files are lost, as roadloop fsck has noted; the name is free again.",
        )
        with self.platform.database.transaction() as db:
            db.execute(jobs.update().where(jobs.c.id.in_(tasks)).values(error=LOST, reason=list(reason)))
            db.execute(seals.delete().where(seals.c.task_id.in_(tasks)))
            if free is not None:
                free(db)
        self.log(reason)

    def log(self, text: Text) -> None:
        """Add a line to the home's log of repairs."""
        quarantine.write_log(self.platform.workspace.home, text)


@dataclass(frozen=True)
class Cure:
    """What a repair would do. Several problems may have one cure: those of the same key.

    Attributes:
        key: Which.
        offer: What would be done.
        apply: Does it.
    """

    key: str
    offer: Text
    apply: Callable[[Repair], None] = field(compare=False)


@dataclass(frozen=True)
class Problem:
    """One thing that is not as it should be.

    Attributes:
        text: What, with its place.
        cure: What `--repair` offers; None where only a backup helps.
    """

    text: Text
    cure: Cure | None = None


@dataclass
class Report:
    """What was found.

    Attributes:
        problems: What is wrong.
        notes: What stands in nobody's way.
        edits: Files in people's hands that differ from what roadloop wrote: edited, or damaged.
        unverified: Places of which nobody has written down the sums.
    """

    jobs: int = 0
    files: int = 0
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    edits: list[Text] = field(default_factory=list)
    unverified: list[Path] = field(default_factory=list)


def aside(path: Path, why: Text) -> Cure:
    """The cure that puts a file or folder into quarantine."""
    offer = Text(f"把 {path} 移到 quarantine/（不删除）", f"move {path} to quarantine/ (nothing is deleted)")
    return Cure(str(path), offer, lambda repair: repair.put_aside(path, why))


def aside_pair(description: Path) -> Cure:
    """The cure that puts both halves of a model file into quarantine."""
    params, why = (
        description.with_suffix(".params"),
        Text("模型文件不完整或已损坏", "half a model file, or a damaged one"),
    )
    offer = Text(
        f"把 {params.name} 与 {description.name} 移到 quarantine/（不删除）",
        f"move {params.name} and {description.name} to quarantine/ (nothing is deleted)",
    )

    def apply(repair: Repair) -> None:
        for path in (params, description):
            repair.put_aside(path, why)

    return Cure(str(description), offer, apply)


def expect_no_longer(path: Path) -> Cure:
    """The cure that forgets a file that is gone."""
    offer = Text(f"不再要求有 {path}", f"expect {path} no longer")

    def apply(repair: Repair) -> None:
        repair.forget(repair.platform.workspace.store_path(path))
        repair.log(Text(f"不再要求有 {path}", f"{path} is expected no longer"))

    return Cure(str(path), offer, apply)


def lost(claim: Claim, place: Path) -> Cure:
    """The cure of finished work that is gone or damaged: its rows stay in the lists, its name is free, no byte is lost."""
    what, why = claim.owner, Text("已损坏，登记为丢失", "damaged, and noted as lost")
    rest = Text(f"{place} 若还在，移到 quarantine/", f"{place} goes to quarantine/ if it is there")
    if PurePath(claim.path).is_absolute():
        rest = Text(f"{place} 不在工作区内，保持原样", f"{place} is outside the home and stays as it is")
    offer = Text(
        f"把{what.zh}登记为丢失：它留在列表里，名称可以再次使用；{rest.zh}",
        f"note as lost: {what.en}. It stays in the lists, its name is free; {rest.en}",
    )

    def apply(repair: Repair) -> None:
        repair.put_aside(place, why)
        repair.declare_lost(claim.tasks, what, claim.free)

    return Cure(str(place), offer, apply)


def take_as_it_is(folder: Path) -> Cure:
    """The cure of a source set in which somebody has changed files on purpose."""
    offer = Text(
        f"{folder} 是有意改动的：按现状重写其清单（否则请从备份恢复）",
        f"{folder} was changed on purpose: write its manifest anew (else put the files back from a backup)",
    )

    def apply(repair: Repair) -> None:
        publish.seal(folder)
        manifest = folder / publish.MANIFEST
        path = repair.platform.workspace.store_path(manifest)
        now = publish.sha256_file(manifest)
        with repair.platform.database.transaction() as db:
            db.execute(seals.update().where(seals.c.path == path).values(sha256=now))
        repair.log(Text(f"{folder} 按现状重写了清单", f"{folder}: its manifest was written anew, of what stands there"))

    return Cure(str(folder), offer, apply)


def reindex() -> Cure:
    """The cure of a damaged index; fails with `BrokenDatabaseError` where the database is not sound afterwards."""

    def apply(repair: Repair) -> None:
        left = integrity.reindex(repair.platform.database)
        if left:
            raise BrokenDatabaseError(left[0].text)
        repair.log(Text("数据库索引已重建", "the database's indexes were made anew"))

    return Cure("reindex", Text("用各行重建数据库索引", "make the database's indexes anew from its rows"), apply)


def take_rows() -> Cure:
    """The cure of rows that somebody has changed on purpose."""

    def apply(repair: Repair) -> None:
        integrity.take_rows(repair.platform.database)
        repair.log(Text("数据库的各行按现状认可", "the database's rows were taken as they are"))

    offer = Text(
        "各行是有意改动的：按现状认可（否则请从备份恢复数据库）",
        "the rows were changed on purpose: take them as they are (else put the database back from a backup)",
    )
    return Cure("rows", offer, apply)
