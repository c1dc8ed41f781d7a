"""Jobs over HTTP: every job's state, log and end, the GPUs and who holds them, and the health of the service."""

import shutil
import time
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import sqlalchemy as sa
from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, Field

from roadloop import __version__
from roadloop.devices import service as devices
from roadloop.errors import ConflictError, Language, NotFoundError, Text
from roadloop.jobs import logs, nodes, queue
from roadloop.jobs.history import JobFields, JobRows, format_time, history
from roadloop.jobs.metrics import CONTENT_TYPE, Metrics
from roadloop.jobs.states import ENDED, JobState
from roadloop.jobs.store import ACTIVE, job_events, to_text
from roadloop.parameters import History, NoParameters, Parameters
from roadloop.storage import migrate, search
from roadloop.storage.platform import Platform
from roadloop.web.call import Call
from roadloop.web.endpoint import Answer, Endpoints, Success

REMOVED: Final = Text(
    "这个任务的日志已不在：超过保留期限的日志会被删除（设置 log_keep_days 与 log_keep_mib）。任务的记录与结果未受影响。",
    "This job's log is not there any more: logs are removed when they are old (settings log_keep_days, log_keep_mib)."
    " The job's row and its results are as they were.",
)


class OneJob(Parameters):
    """Names one job."""

    task_id: str = Field(description="The job's id.", examples=["sadsa"])


class ReadLog(OneJob):
    """Which part of a log."""

    offset: int | None = Field(None, ge=0, le=2**60, description="First byte; absent: the last 100 lines.")
    limit: int = Field(65536, ge=1, le=logs.MAX_BYTES, description="At most so many bytes, whole lines.")


class ListJobs(History):
    """Which jobs to list."""

    active: bool = Field(False, description="Only jobs that have not ended.")


class LogReply(Success):
    """Part of a log."""

    data: list[str] = Field(description="Lines.")
    offset: int = Field(description="First byte shown.")
    next_offset: int = Field(description="Where to go on reading.")
    size: int = Field(description="Bytes in all.")
    removed: bool = Field(False, description="The log is not there any more; `data` says so.")


class JobRow(JobFields):
    """One job."""

    kind: str
    title: str
    gpus: str
    host: str | None = Field(description="The machine that it runs on, or ran on last.")
    hosts: list[str] = Field(description="All such machines; the first one has its process.")
    attempt: int
    result: dict[str, Any] | None = Field(description="Facts of a finished job.")


class JobList(JobRows[JobRow]):
    """Jobs, newest first; one object with a task id."""


class Health(Success):
    """How the service is."""

    data: dict[str, Any]


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


class GpuList(Success):
    """The GPUs; empty where there is none."""

    data: list[GpuRow]


def routes(platform: Platform) -> APIRouter:
    """The endpoints of this feature."""
    router = Endpoints(platform, tag="jobs")

    @router.get("/output_log", ReadLog, reply=LogReply, errors=(NotFoundError,))
    def output_log(call: Call, p: ReadLog) -> dict[str, Any]:
        """Read a job's log (日志): its last 100 lines, or any part by byte offset."""
        with call.platform.database.reading() as db:
            job = queue.get(db, p.task_id)
        path = call.platform.workspace.home / job.log
        if job.started_at is not None and job.state in ENDED and not path.exists():
            return {"data": [REMOVED.pick(call.language)], "offset": 0, "next_offset": 0, "size": 0, "removed": True}
        return logs.tail(path) if p.offset is None else logs.read(path, p.offset, p.limit)

    @router.get("/v1/jobs", ListJobs, reply=JobList, errors=(NotFoundError,))
    def list_jobs(call: Call, p: ListJobs) -> Answer:
        """List the jobs of every kind, newest first, or one."""
        return history(call, p, table=None, render=_render, where=ACTIVE if p.active else None)

    @router.post("/v1/jobs/{task_id}/cancel", OneJob, reply={"data": "running"}, errors=(NotFoundError, ConflictError))
    def cancel_job(call: Call, p: OneJob) -> Mapping[str, Any]:
        """Stop a job; its processes are gone within ten seconds."""
        return call.write(lambda: partial(queue.cancel, task_id=p.task_id), lambda state: {"data": state.value})

    @router.get("/v1/jobs/{task_id}/events", OneJob, reply={"data": [{"state": "queued"}]}, errors=(NotFoundError,))
    def job_events_list(call: Call, p: OneJob) -> dict[str, Any]:
        """What has happened to a job, oldest first."""
        with call.platform.database.reading() as db:
            job = queue.get(db, p.task_id)
            rows = db.execute(sa.select(job_events).where(job_events.c.job_id == job.id).order_by(job_events.c.seq))
            return {"data": [_render_event(row, call.language) for row in rows]}

    @router.get("/v1/health", NoParameters, reply=Health)
    def health(call: Call, _: NoParameters) -> dict[str, Any]:
        """Whether the service works: database, queue and disk."""
        with call.platform.database.reading() as db:
            counts = search.job_counts(db)
        disk = shutil.disk_usage(call.platform.workspace.home)
        return {
            "data": {
                "version": __version__,
                "schema": migrate.newest(),
                "now": format_time(time.time()),
                "jobs": {state.value: counts.get(state.value, 0) for state in JobState},
                "disk_free_mib": disk.free // 2**20,
                "disk_low": disk.free < call.platform.settings.min_free_mib * 2**20,
            }
        }

    return router.api


def metrics_routes(platform: Platform, metrics: Metrics) -> APIRouter:
    """The endpoint that Prometheus asks."""
    router = Endpoints(platform, tag="jobs")

    @router.get("/metrics", NoParameters, reply="text/plain")
    def metrics_text(_call: Call, _: NoParameters) -> Response:
        """What a monitoring system is told, in Prometheus' text format."""
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    return router.api


def gpu_routes(platform: Platform) -> APIRouter:
    """The endpoints of GPUs."""
    router = Endpoints(platform, tag="devices")

    def gpu_list(call: Call, _: NoParameters) -> dict[str, Any]:
        with call.platform.database.reading() as db:
            held = queue.held_gpus(db)
            known = [gpu for node in nodes.all_nodes(db) for gpu in node.gpus]
        settings = call.platform.settings
        present = known if settings.ray_address else devices.inventory(settings)
        return {"data": [_render_gpu(gpu, held.get(gpu.uuid)) for gpu in present]}

    @router.get("/gups_info", NoParameters, reply=GpuList)
    def gups_info(call: Call, p: NoParameters) -> dict[str, Any]:
        """List the GPUs (gpu信息列表) with their load, memory and the jobs that hold them."""
        return gpu_list(call, p)

    @router.get("/gpus_info", NoParameters, reply=GpuList)
    def gpus_info(call: Call, p: NoParameters) -> dict[str, Any]:
        """List the GPUs; the same as /gups_info."""
        return gpu_list(call, p)

    return router.api


def _render(row: Mapping[str, Any], _language: Language) -> dict[str, Any]:
    job: queue.Job = row["job"]
    facts = {name: getattr(job, name) for name in ("kind", "title", "gpus", "host", "attempt", "result")}
    return facts | {"hosts": list(job.hosts)}


def _render_event(row: sa.Row[Any], language: Language) -> dict[str, Any]:
    text = to_text(row.text)
    return {
        "state": row.state,
        "attempt_token": row.token,
        "text": text.pick(language) if text else None,
        "at": format_time(row.at),
    }


def _render_gpu(gpu: devices.Gpu, holder: str | None) -> dict[str, Any]:
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
