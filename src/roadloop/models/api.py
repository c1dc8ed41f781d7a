"""HTTP route of model files."""

from fastapi import APIRouter
from pydantic import Field

from roadloop.models import service
from roadloop.storage.platform import Platform
from roadloop.web.endpoint import Answer, Call, Endpoints
from roadloop.web.parameters import Parameters


class Search(Parameters):
    """Parameters of /model."""

    q: str = Field("", max_length=200, description="Only tasks or files whose names contain this.")


def routes(platform: Platform) -> APIRouter:
    """The router of this feature."""
    router = Endpoints(platform, tag="models")
    files = ["kd_suzhou_ep-0205.params", "kd_suzhou_ep-0205.json"]

    @router.get("/model", Search, reply={"message": "query success", "data": {"suzhou": files}})
    def model(_call: Call, p: Search) -> Answer:
        """List the training tasks' model files, newest first (模型).

        With `q`, a task whose name contains it comes with all its files, any other with those files that do.
        """
        return {"message": "query success", "data": service.list_models(platform, p.q)}

    return router.api
