"""Routes of what is deleted, put away, and kept: /v1/trash, /v1/uses, /v1/archived."""

import shutil
from typing import Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from roadloop.errors import BrokenFileError, ConflictError, NameTakenError, NotFoundError
from roadloop.jobs import measuring
from roadloop.jobs import trash as things
from roadloop.jobs.rules import RULES, days_of
from roadloop.jobs.trash_moves import carry_out
from roadloop.parameters import NoParameters, Parameters
from roadloop.storage.platform import Platform
from roadloop.trash import service
from roadloop.web.call import Call
from roadloop.web.endpoint import Answer, Endpoints, Success

Kind = Literal["source", "dataset", "task", "model", "evaluation", "release", "selection", "package", "engine"]
_ERRORS: Final = (NotFoundError, ConflictError)


class OneThing(Parameters):
    """Names one thing."""

    kind: Kind = Field(description="source, dataset, task, model, evaluation, release, selection, package or engine.")
    name: str = Field(
        max_length=400,
        description="Name of a source set, dataset or training task; <task>/<file>.params or weights/<file>.params; task"
        " id of an evaluation, release, selection or engine; number of a package.",
    )


class PutAway(OneThing):
    """Takes a thing out of the lists, or puts it back."""

    archived: bool = Field(True, description="0 puts it back into the lists.")


class OneDeleted(Parameters):
    """Names one thing in the trash."""

    id: int = Field(ge=1, le=2**31 - 1, description="Its number in the trash.")


class Use(BaseModel):
    """Something that refers to a thing."""

    text: str = Field(description="What it is.")
    place: str = Field(description="Where the page shows it; empty: nowhere.")


class UsesReply(Success):
    """What protects a thing."""

    data: list[Use] = Field(description="What refers to it, the first 20 of them; none: it can be deleted.")
    title: str = Field(description="What people call it.")
    remarks: list[str] = Field(description="What one should know before.")
    archivable: bool = Field(description="Whether it can also be taken out of the lists.")
    keep_days: float = Field(description="Days that it could come back; 0: for ever.")


class DeletedThing(BaseModel):
    """One thing in the trash."""

    id: int
    kind: Kind
    name: str
    bytes: int | None = Field(description="Of its files.")
    deleted_at: str | None
    goes_at: str | None = Field(description="When it goes for ever; null: never by itself.")


class ArchivedThing(BaseModel):
    """One thing that was taken out of the lists."""

    kind: Kind
    name: str = Field(description="As /v1/archived takes it.")
    title: str
    archived_at: str | None


class TrashReply(Success):
    """What was deleted, and what was taken out of the lists; newest first."""

    data: list[DeletedThing]
    archived: list[ArchivedThing]
    keep_days: float = Field(description="Days that deleted things are kept; 0: for ever.")


class KindOnDisk(BaseModel):
    """What one kind of thing takes."""

    name: str = Field(
        description="A folder of the workspace; of a task checkpoints, task-models, task-logs; rows; other."
    )
    bytes: int
    files: int


class KeepingRule(BaseModel):
    """One keeping rule."""

    name: str = Field(description="The setting is <name>_keep_days.")
    days: float = Field(description="After so many days; 0: never.")
    bytes: int = Field(description="What it would have freed when it was counted.")


class DiskReply(Success):
    """What takes the room on the disk."""

    data: list[KindOnDisk] = Field(description="The largest first; empty before the first count.")
    total: int | None = Field(description="Bytes of all of them.")
    measured_at: str | None = Field(description="How old the figures are.")
    rules: list[KeepingRule]
    free: int = Field(description="Bytes free on the disk, now.")
    size: int = Field(description="Bytes of the disk.")
    counting: str | None = Field(description="Task id of a count that waits or runs.")


def routes(platform: Platform) -> APIRouter:
    """All routes of this feature."""
    router = Endpoints(platform, tag="trash")

    @router.get("/v1/uses", OneThing, "see", reply=UsesReply, errors=_ERRORS)
    def uses(call: Call, p: OneThing) -> Answer:
        """What refers to a thing, and so protects it from being deleted."""
        thing, held = things.uses(platform, p.kind, p.name)
        return {
            "data": [{"text": one.text.pick(call.language), "place": one.place} for one in held[: things.MOST]],
            "title": thing.title,
            "remarks": [one.pick(call.language) for one in thing.remarks],
            "archivable": p.kind in service.SHELVES,
            "keep_days": platform.settings.trash_keep_days,
        }

    @router.get("/v1/trash", NoParameters, "see", reply=TrashReply)
    def trash(_call: Call, _: NoParameters) -> Answer:
        """What was deleted and can come back, and what was taken out of the lists."""
        return {
            "data": service.deleted(platform),
            "archived": service.archived(platform),
            "keep_days": platform.settings.trash_keep_days,
        }

    @router.post("/v1/trash", OneThing, "work", reply={"data": 1}, errors=_ERRORS)
    def delete_thing(call: Call, p: OneThing) -> Answer:
        """Delete a thing: it goes into the trash, its name is free, and it can come back until its days are over.

        What others refer to is not deleted; the answer names them.
        """
        return _carried_out(call, call.write(lambda: things.delete(platform, p.kind, p.name), lambda n: {"data": n}))

    @router.post(
        "/v1/trash/{id}/restore",
        OneDeleted,
        "work",
        reply={"data": 1},
        errors=(*_ERRORS, NameTakenError, BrokenFileError),
    )
    def restore_thing(call: Call, p: OneDeleted) -> Answer:
        """Bring a deleted thing back, with its name, rows and files."""
        return _carried_out(call, call.write(lambda: things.restore(platform, p.id), lambda n: {"data": n}))

    @router.post("/v1/trash/{id}/purge", OneDeleted, "rule", reply={"data": 1}, errors=_ERRORS)
    def purge_thing(call: Call, p: OneDeleted) -> Answer:
        """Remove a deleted thing for ever, now."""
        return _carried_out(call, call.write(lambda: things.purge(platform, p.id), lambda n: {"data": n}))

    @router.post("/v1/archived", PutAway, "work", reply={"data": True}, errors=_ERRORS)
    def archive_thing(call: Call, p: PutAway) -> Answer:
        """Take a dataset, training task, evaluation, release or selection out of the lists, or put it back.

        It stays what it is: everything that refers to it works on, and its name is held.
        """
        return call.write(
            lambda: service.archive(platform, p.kind, p.name, on=p.archived), lambda _: {"data": p.archived}
        )

    router.api.include_router(disk_routes(platform))
    return router.api


def disk_routes(platform: Platform) -> APIRouter:
    """What takes the room on the disk."""
    router = Endpoints(platform, tag="trash")

    @router.get("/v1/disk", NoParameters, "see", reply=DiskReply)
    def disk(_call: Call, _: NoParameters) -> Answer:
        """What takes the room on the disk, by kind, as it was counted last, and what the keeping rules would free."""
        free = shutil.disk_usage(platform.workspace.home)
        with platform.database.reading() as db:
            newest, counting = measuring.newest(db), measuring.at_work(db)
        found = newest or {"kinds": [], "freed": {}, "total": None, "at": None}
        names = {"log": platform.settings.log_keep_days, "upload": platform.settings.upload_keep_days}
        days = {**names, **{rule: days_of(platform, rule) for rule in RULES}}
        return {
            "data": found["kinds"],
            "total": found["total"],
            "measured_at": found["at"],
            "rules": [{"name": k, "days": v, "bytes": found["freed"].get(k, 0)} for k, v in days.items()],
            "free": free.free,
            "size": free.total,
            "counting": counting,
        }

    @router.post(
        "/v1/disk", measuring.Measure, "work", reply={"message": "success", "data": "8a4f0c2e5b7d4e6f9a1b3c5d7e9f1a2b"}
    )
    def count_disk(call: Call, p: measuring.Measure) -> Answer:
        """Count anew what takes the room, after removing what is old where `tidy` says so; answers the job's id."""
        return call.submit(lambda: lambda db: measuring.submit(db, p))

    return router.api


def _carried_out(call: Call, answer: Answer) -> Answer:
    """Move what the row that was just written says; a repeated call finds it done."""
    assert isinstance(answer, dict)
    carry_out(call.platform, int(answer["data"]))
    return answer
