"""The endpoint of notices."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from roadloop.jobs.history import format_time
from roadloop.notices import service
from roadloop.notices.service import TargetRow
from roadloop.parameters import NoParameters
from roadloop.storage.platform import Platform
from roadloop.web.call import Call
from roadloop.web.endpoint import Endpoints, Success


class NoticeTarget(BaseModel):
    """Who is told, as much of it as people may see, and how it went."""

    name: str
    form: str = Field(description="feishu, dingtalk, wecom or json.")
    host: str = Field(description="Where its messages go; the rest of the address is a secret.")
    signed: bool
    language: str
    hear: list[str] = Field(description="States, kinds of jobs, groups of kinds, KIND:STATE, or * for all.")
    told: int = Field(description="Messages that arrived.")
    told_at: str | None = Field(description="When the last one did.")
    waiting: bool = Field(description="A message is being sent, or is tried again.")
    problem: str | None = Field(description="Why the last try failed; null after one that did not.")


class NoticesReply(Success):
    """What `/v1/notices` answers."""

    data: list[NoticeTarget]


def routes(platform: Platform) -> APIRouter:
    """The endpoint of notices."""
    router = Endpoints(platform, tag="jobs")

    @router.get("/v1/notices", NoParameters, "see", reply=NoticesReply)
    def notices(call: Call, _: NoParameters) -> dict[str, Any]:
        """Who is told what happens to jobs, and how it went."""
        return {"data": [_shown(call, row) for row in service.rows(call.platform)]}

    return router.api


def _shown(call: Call, row: TargetRow) -> dict[str, Any]:
    target, mark = row.target, row.mark
    return {
        "name": target.name,
        "form": target.form,
        "host": target.host,
        "signed": bool(target.secret.get_secret_value()),
        "language": target.language,
        "hear": list(target.hear),
        "told": mark.told if mark else 0,
        "told_at": format_time(mark.told_at) if mark else None,
        "waiting": row.waiting,
        "problem": mark.problem.pick(call.language) if mark and mark.problem else None,
    }
