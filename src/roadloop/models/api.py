"""HTTP route of model files."""

from fastapi import APIRouter
from pydantic import Field

from roadloop.errors import NotFoundError
from roadloop.models import service
from roadloop.parameters import Parameters
from roadloop.storage.platform import Platform
from roadloop.web.call import Call
from roadloop.web.endpoint import Answer, Endpoints


class Search(Parameters):
    """Parameters of /model."""

    q: str = Field("", max_length=200, description="Only tasks or files whose names contain this.")
    after: str = Field("", max_length=200, description="Go on after this task: `next` of the answer before.")


def routes(platform: Platform) -> APIRouter:
    """The router of this feature."""
    router = Endpoints(platform, tag="models")
    files = ["kd_suzhou_ep-0205.params", "kd_suzhou_ep-0205.json"]

    @router.get(
        "/model",
        Search,
        "see",
        reply={"message": "query success", "data": {"suzhou": files}, "next": None},
        errors=(NotFoundError,),
    )
    def model(_call: Call, p: Search) -> Answer:
        """List the model files of the newest 1,000 training tasks, newest first (模型).

        With `q`, a task whose name contains it comes with all its files, any other of the newest 1,000 with
        those files that do. `next` names the task after which older ones follow; null: there are none.
        """
        found, last = service.list_models(platform, p.q, p.after)
        return {"message": "query success", "data": found, "next": last}

    return router.api
