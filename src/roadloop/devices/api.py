"""GPUs over HTTP."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from roadloop.devices import service
from roadloop.jobs import queue
from roadloop.parameters import NoParameters
from roadloop.storage.platform import Platform
from roadloop.web.call import Call
from roadloop.web.endpoint import Endpoints


class GpuRow(BaseModel):
    """One GPU."""

    pc_name: str = Field(alias="pc-name", description="Host.")
    id: int = Field(description="Number on its host; what `gpus` takes.")
    uuid: str
    name: str
    gpuUtil: float = Field(description="0..1")  # noqa: N815 - the document's spelling
    totalMemory: int = Field(description="MiB")  # noqa: N815
    freeMemory: int = Field(description="MiB")  # noqa: N815
    memoryutil: float = Field(description="0..1")
    isLock: bool = Field(description="Leased by a job.")  # noqa: N815
    job: str | None = Field(description="That job's task id.")


class GpuList(BaseModel):
    """The GPUs; empty where there is none."""

    errno: int = 1
    data: list[GpuRow]


def routes(platform: Platform) -> APIRouter:
    """The endpoints of this feature."""
    router = Endpoints(platform, tag="devices")

    def gpu_list(call: Call, _: NoParameters) -> dict[str, Any]:
        with call.platform.database.reading() as db:
            held = queue.held_gpus(db)
        return {"data": [_render(gpu, held.get(gpu.uuid)) for gpu in service.inventory(call.platform.settings)]}

    @router.get("/gups_info", NoParameters, reply=GpuList)
    def gups_info(call: Call, p: NoParameters) -> dict[str, Any]:
        """List the GPUs (gpu信息列表) with their load, memory and the jobs that hold them."""
        return gpu_list(call, p)

    @router.get("/gpus_info", NoParameters, reply=GpuList)
    def gpus_info(call: Call, p: NoParameters) -> dict[str, Any]:
        """List the GPUs; the same as /gups_info."""
        return gpu_list(call, p)

    return router.api


def _render(gpu: service.Gpu, holder: str | None) -> dict[str, Any]:
    return {
        "pc-name": gpu.host,
        "id": gpu.index,
        "uuid": gpu.uuid,
        "name": gpu.name,
        "gpuUtil": gpu.utilisation,
        "totalMemory": gpu.total_mib,
        "freeMemory": gpu.free_mib,
        "memoryutil": round(1 - gpu.free_mib / gpu.total_mib, 4) if gpu.total_mib else 0.0,
        "isLock": holder is not None,
        "job": holder,
    }
