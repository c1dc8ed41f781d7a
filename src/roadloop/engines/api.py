"""HTTP routes of engines: convert a model, list what was converted, fetch it."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import FileResponse

from roadloop.engines import service
from roadloop.engines.recipe import ConversionRecipe, Convert
from roadloop.errors import (
    BrokenFileError,
    ConflictError,
    Language,
    NameTakenError,
    NotFoundError,
    PathOutsideError,
    UntrustedCodeError,
)
from roadloop.jobs.history import JobFields, JobRows, Part, history
from roadloop.jobs.store import jobs
from roadloop.parameters import History, Parameters, stored
from roadloop.storage.platform import Platform
from roadloop.web.call import Call
from roadloop.web.endpoint import Answer, Endpoints

_PART: Final = Part(where=jobs.c.kind == service.KIND)


class OneEngine(Parameters):
    """Names one engine."""

    task_id: str = Field(description="Task id of the conversion.")


class Compared(BaseModel):
    """How an engine and the trained network differ on real pictures."""

    source: str = Field(description="Where the pictures come from.")
    pictures: int
    labelled: int = Field(description="Those among them with a label.")
    different: int = Field(description="Pixels with another label than the trained network's.")
    pixels: int
    share: float = Field(description="`different` of `pixels`.")
    miou_trained: float | None = Field(description="mIoU of the trained network, 0..1; null without labels.")
    miou_exported: float | None = Field(description="The same of the engine.")


class EngineRow(JobFields):
    """One engine with the state of its job."""

    source: str = Field(description="Training task, `weights`, or `<category>/<version>`.")
    file: str = Field(description="As `/starteva` takes it in `dicts`.")
    model: str = Field(description="The `.params` that it was made from.")
    precision: str = Field(description="fp32, fp16 or int8.")
    width: int = Field(description="Of the pictures that it takes.")
    height: int
    calibration: str = Field(description="Pictures that its ranges were found with; empty: none.")
    check: str = Field(description="Pictures that it was compared on; empty: none.")
    sha256: str | None = Field(description="Of the file; null before the end.")
    bytes: int | None = Field(description="Of the file; null before the end.")
    parity: Compared | None = Field(
        description="How it differs from the trained network; null where nothing was compared."
    )
    plan: str | None = Field(description="Name of its TensorRT plan, in the same folder; null: none.")
    folder: str = Field(description="Where it stands, relative to the workspace.")


class EngineList(JobRows[EngineRow]):
    """Engines, newest first; one object with a task id."""


def routes(platform: Platform) -> APIRouter:
    """The router of this feature."""
    router = Endpoints(platform, tag="models")

    @router.post(
        "/v1/engines",
        Convert,
        "work",
        reply={"message": "success", "data": "0123456789abcdef0123456789abcdef"},
        errors=(NotFoundError, NameTakenError, ConflictError, PathOutsideError, BrokenFileError, UntrustedCodeError),
    )
    def convert_model(call: Call, p: Convert) -> Answer:
        """Convert a model to an engine: ONNX in full or half precision, or in 8-bit integers.

        The answer comes when the job is queued; `/v1/engines` shows how far it is. The engine appears whole at the end, with
        the mIoU of the trained network and its own, and the pixels in which they differ. `/starteva` takes it in `dicts`.
        """
        return call.write(lambda: service.convert(platform, p), lambda task_id: {"message": "success", "data": task_id})

    @router.get("/v1/engines", History, "see", reply=EngineList, errors=(NotFoundError,))
    def engines(call: Call, p: History) -> Answer:
        """List the engines, and how their conversions went."""
        return history(call, p, table=None, render=_row, part=_PART)

    @router.get(
        "/v1/engines/{task_id}/onnx", OneEngine, "see", reply="application/octet-stream", errors=(NotFoundError,)
    )
    def engine_file(_call: Call, p: OneEngine) -> Answer:
        """The ONNX file of an engine."""
        path = service.file_of(platform, p.task_id)
        return FileResponse(path, media_type="application/octet-stream", filename=path.name)

    return router.api


def _row(row: Mapping[str, Any], _language: Language) -> dict[str, Any]:
    job = row["job"]
    recipe, result = stored(ConversionRecipe, job.payload), job.result or {}
    parity = result.get("parity")
    return {
        **{
            name: getattr(recipe, name)
            for name in ("source", "file", "model", "precision", "calibration", "check", "folder")
        },
        "width": recipe.size[1],
        "height": recipe.size[0],
        **{name: result.get(name) for name in ("sha256", "bytes", "plan")},
        "parity": parity and {name: parity[name] for name in Compared.model_fields},
    }
