"""HTTP route of model files."""

from fastapi import APIRouter

from roadloop.models import service
from roadloop.storage.platform import Platform
from roadloop.web.endpoint import Answer, Call, Endpoints
from roadloop.web.parameters import NoParameters


def routes(platform: Platform) -> APIRouter:
    """The router of this feature."""
    router = Endpoints(platform, tag="models")
    files = ["kd_suzhou_ep-0205.params", "kd_suzhou_ep-0205.json"]

    @router.get("/model", NoParameters, reply={"message": "query success", "data": {"suzhou": files}})
    def model(_call: Call, _p: NoParameters) -> Answer:
        """List the training tasks' model files, newest first (模型)."""
        return {"message": "query success", "data": service.list_models(platform)}

    return router.api
