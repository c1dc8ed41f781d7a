"""Routes of what is deleted, put away, and kept: /v1/trash, /v1/uses, /v1/archived."""

from typing import Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from roadloop.errors import BrokenFileError, ConflictError, NameTakenError, NotFoundError
from roadloop.jobs import trash as things
from roadloop.jobs.trash_moves import carry_out
from roadloop.parameters import NoParameters, Parameters
from roadloop.storage.platform import Platform
from roadloop.trash import service
from roadloop.web.call import Call
from roadloop.web.endpoint import Answer, Endpoints, Success

Kind = Literal["source", "dataset", "task", "model", "evaluation", "release", "selection", "package"]
_ERRORS: Final = (NotFoundError, ConflictError)


class OneThing(Parameters):
    """Names one thing."""

    kind: Kind = Field(description="source, dataset, task, model, evaluation, release, selection or package.")
    name: str = Field(
        max_length=400,
        description="Name of a source set, dataset or training task; <task>/<file>.params or weights/<file>.params; task"
        " id of an evaluation, release or selection; number of a package.",
    )


class PutAway(OneThing):
    """Takes a thing out of the lists, or puts it back."""

    archived: bool = Field(True, description="0 puts it back into the lists.")


class OneDeleted(Parameters):
    """Names one thing in the trash."""

    id: int = Field(ge=1, le=2**31, description="Its number in the trash.")


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


def routes(platform: Platform) -> APIRouter:
    """All routes of this feature."""
    router = Endpoints(platform, tag="trash")

    @router.get("/v1/uses", OneThing, reply=UsesReply, errors=_ERRORS)
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

    @router.get("/v1/trash", NoParameters, reply=TrashReply)
    def trash(_call: Call, _: NoParameters) -> Answer:
        """What was deleted and can come back, and what was taken out of the lists."""
        return {
            "data": service.deleted(platform),
            "archived": service.archived(platform),
            "keep_days": platform.settings.trash_keep_days,
        }

    @router.post("/v1/trash", OneThing, reply={"data": 1}, errors=_ERRORS)
    def delete_thing(call: Call, p: OneThing) -> Answer:
        """Delete a thing: it goes into the trash, its name is free, and it can come back until its days are over.

        What others refer to is not deleted; the answer names them.
        """
        return _carried_out(call, call.write(lambda: things.delete(platform, p.kind, p.name), lambda n: {"data": n}))

    @router.post(
        "/v1/trash/{id}/restore", OneDeleted, reply={"data": 1}, errors=(*_ERRORS, NameTakenError, BrokenFileError)
    )
    def restore_thing(call: Call, p: OneDeleted) -> Answer:
        """Bring a deleted thing back, with its name, rows and files."""
        return _carried_out(call, call.write(lambda: things.restore(platform, p.id), lambda n: {"data": n}))

    @router.post("/v1/trash/{id}/purge", OneDeleted, reply={"data": 1}, errors=_ERRORS)
    def purge_thing(call: Call, p: OneDeleted) -> Answer:
        """Remove a deleted thing for ever, now."""
        return _carried_out(call, call.write(lambda: things.purge(platform, p.id), lambda n: {"data": n}))

    @router.post("/v1/archived", PutAway, reply={"data": True}, errors=_ERRORS)
    def archive_thing(call: Call, p: PutAway) -> Answer:
        """Take a dataset, training task, evaluation, release or selection out of the lists, or put it back.

        It stays what it is: everything that refers to it works on, and its name is held.
        """
        return call.write(
            lambda: service.archive(platform, p.kind, p.name, on=p.archived), lambda _: {"data": p.archived}
        )

    return router.api


def _carried_out(call: Call, answer: Answer) -> Answer:
    """Move what the row that was just written says; a repeated call finds it done."""
    assert isinstance(answer, dict)
    carry_out(call.platform, int(answer["data"]))
    return answer
