"""The route that draws the demo's pictures into a workspace that has none."""

from fastapi import APIRouter

from roadloop.demo import service
from roadloop.demo.recipe import DrawPictures
from roadloop.errors import NameTakenError
from roadloop.storage.platform import Platform
from roadloop.web.call import Call
from roadloop.web.endpoint import Answer, Endpoints


def routes(platform: Platform) -> APIRouter:
    """The one route."""
    router = Endpoints(platform, tag="demo")

    @router.post(
        "/v1/demo/pictures",
        DrawPictures,
        "work",
        reply={"message": "success", "data": "8a4f0c2e5b7d4e6f9a1b3c5d7e9f1a2b"},
        errors=(NameTakenError,),
    )
    def draw_pictures(call: Call, p: DrawPictures) -> Answer:
        """Draw a labelled source set of a synthetic road world, to try things out. Answers with the task id."""
        return call.submit(lambda: service.create(platform, p))

    return router.api
