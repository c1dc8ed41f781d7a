"""Route of source sets: /data."""

from fastapi import APIRouter

from roadloop.sources import service
from roadloop.storage.platform import Platform
from roadloop.web.endpoint import Answer, Call, Endpoints
from roadloop.web.parameters import NoParameters


def routes(platform: Platform) -> APIRouter:
    """All routes of this feature."""
    router = Endpoints(platform, tag="source sets")

    @router.get("/data", NoParameters, reply={"data": ["lane-all-20180710"]})
    def data(_call: Call, _p: NoParameters) -> Answer:
        """Names of the source sets (选择data源文件夹)."""
        return {"data": service.list_sets(platform.workspace)}

    return router.api
