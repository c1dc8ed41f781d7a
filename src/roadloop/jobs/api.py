"""Jobs over HTTP: every job's state, log and end, the GPUs and who holds them, and the health of the service."""

import shutil
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, Literal

import sqlalchemy as sa
from fastapi import APIRouter
from fastapi.responses import Response
from fastapi.sse import EventSourceResponse
from pydantic import BaseModel, Field

from roadloop import __version__
from roadloop.devices import service as devices
from roadloop.errors import BusyError, ConflictError, Language, NotFoundError, Text
from roadloop.jobs import logs, nodes, queue
from roadloop.jobs.feed import Feed
from roadloop.jobs.history import WHOLE, JobFields, JobRows, Part, format_time, history
from roadloop.jobs.metrics import CONTENT_TYPE, Metrics
from roadloop.jobs.states import ENDED, JobState
from roadloop.jobs.store import ACTIVE, job_events, to_text
from roadloop.parameters import History, NoParameters, Parameters
from roadloop.storage import migrate, search
from roadloop.storage.platform import Platform
from roadloop.web.call import Call
from roadloop.web.endpoint import Answer, Endpoints, Success

SILENT_SECONDS: Final = 30.0  #: of the supervisor, after which no requests should come here

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


class Follow(Parameters):
    """How to be told."""

    language: Language | None = Field(
        None, description="Of the notes; a browser's EventSource cannot say it by a header. Absent: Accept-Language."
    )


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
    hosts: list[str] = Field(description="All such machines; the first one has its process.")
    attempt: int
    result: dict[str, Any] | None = Field(description="Facts of a finished job.")


class JobList(JobRows[JobRow]):
    """Jobs, newest first; one object with a task id."""


class JobOnNode(BaseModel):
    """A job that runs on a node."""

    task_id: str
    kind: str
    title: str


class NodeFields(BaseModel):
    """One node."""

    name: str = Field(description="What `pc-name` and `host` call it.")
    address: str
    state: Literal["ready", "unusable"] = Field(description="Whether it gets jobs.")
    problem: str | None = Field(description="Why it gets none.")
    version: str = Field(description="Of its roadloop; empty where it has not said.")
    cpus: float
    memory_mib: int = Field(description="MiB")
    gpus: int = Field(description="How many it has.")
    jobs: list[JobOnNode] = Field(description="What runs there.")


class NodeList(Success):
    """The nodes of the cluster; none without one."""

    data: list[NodeFields]


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

    @router.get("/output_log", ReadLog, "see", reply=LogReply, errors=(NotFoundError,))
    def output_log(call: Call, p: ReadLog) -> dict[str, Any]:
        """Read a job's log (日志): its last 100 lines, or any part by byte offset."""
        with call.platform.database.reading() as db:
            job = queue.get(db, p.task_id)
        path = call.platform.workspace.home / job.log
        if job.started_at is not None and job.state in ENDED and not path.exists():
            return {"data": [REMOVED.pick(call.language)], "offset": 0, "next_offset": 0, "size": 0, "removed": True}
        return logs.tail(path) if p.offset is None else logs.read(path, p.offset, p.limit)

    @router.get("/v1/jobs", ListJobs, "see", reply=JobList, errors=(NotFoundError,))
    def list_jobs(call: Call, p: ListJobs) -> Answer:
        """List the jobs of every kind, newest first, or one."""
        return history(call, p, table=None, render=_render, part=Part(where=ACTIVE) if p.active else WHOLE)

    @router.post(
        "/v1/jobs/{task_id}/cancel", OneJob, "work", reply={"data": "running"}, errors=(NotFoundError, ConflictError)
    )
    def cancel_job(call: Call, p: OneJob) -> Mapping[str, Any]:
        """Stop a job; its processes are gone within ten seconds."""
        return call.write(lambda: partial(queue.cancel, task_id=p.task_id), lambda state: {"data": state.value})

    @router.get(
        "/v1/jobs/{task_id}/events", OneJob, "see", reply={"data": [{"state": "queued"}]}, errors=(NotFoundError,)
    )
    def job_events_list(call: Call, p: OneJob) -> dict[str, Any]:
        """What has happened to a job, oldest first."""
        with call.platform.database.reading() as db:
            job = queue.get(db, p.task_id)
            rows = db.execute(sa.select(job_events).where(job_events.c.job_id == job.id).order_by(job_events.c.seq))
            return {"data": [_render_event(row, call.language) for row in rows]}

    @router.get("/v1/health", NoParameters, "open", reply=Health)
    def health(call: Call, _: NoParameters) -> dict[str, Any]:
        """Whether the service works: database, queue and disk.

        Who is not logged in is told only that it does.
        """
        with call.platform.database.reading() as db:
            counts = search.job_counts(db)
        if not call.caller.may("self"):
            return {"data": {"now": format_time(time.time())}}
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


def newest_jobs(call: Call, most: int) -> list[dict[str, Any]]:
    """The newest jobs of every kind, as `/v1/jobs` lists them."""
    found = history(call, History(page=1, page_size=most), table=None, render=_render)
    assert isinstance(found, Mapping)  # a page is never streamed
    rows: list[dict[str, Any]] = found["data"]
    return rows


def metrics_routes(platform: Platform, metrics: Metrics) -> APIRouter:
    """The endpoint that Prometheus asks."""
    router = Endpoints(platform, tag="jobs")

    @router.get("/v1/ready", NoParameters, "open", reply={"data": {"supervisor_silent_seconds": 0.3}})
    def ready(call: Call, _: NoParameters) -> dict[str, Any]:
        """Whether requests may be sent here: the database answers, and the supervisor makes its rounds; else 503."""
        with call.platform.database.reading() as db:
            db.execute(sa.select(1))
        silent = metrics.silence()
        if silent > SILENT_SECONDS:
            raise BusyError(
                Text(
                    f"监督线程已 {silent:.0f} 秒没有完成一轮；原因见服务日志。",
                    f"The supervisor has made no round for {silent:.0f} s; the server's log says why.",
                )
            )
        return {"data": {"supervisor_silent_seconds": round(silent, 1)}}

    @router.get("/metrics", NoParameters, "see", reply="text/plain")
    def metrics_text(_call: Call, _: NoParameters) -> Response:
        """What a monitoring system is told, in Prometheus' text format."""
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    return router.api


def event_routes(platform: Platform, feed: Feed) -> APIRouter:
    """The endpoint that pages listen to."""
    router = Endpoints(platform, tag="jobs")

    @router.get("/v1/events", Follow, "see", reply="text/event-stream")
    def events(call: Call, p: Follow) -> Response:
        """Follow what changes, as server-sent events: jobs that change their state, progress of those that run.

        `ready` comes first; `jobs` names what has changed since (`many`: and more); `progress` has what moved, by task id;
        `alive` comes every ten seconds where nothing else does.
        """
        told = feed.listen(p.language or call.language)
        return EventSourceResponse(told, headers={"cache-control": "no-store", "x-accel-buffering": "no"})

    return router.api


def gpu_routes(platform: Platform) -> APIRouter:
    """The endpoints of nodes and GPUs."""
    router = Endpoints(platform, tag="devices")

    @router.get("/v1/nodes", NoParameters, "see", reply=NodeList)
    def node_list(call: Call, _: NoParameters) -> dict[str, Any]:
        """List the nodes of the cluster: what each has, what runs there, and why one gets no jobs."""
        with call.platform.database.reading() as db:
            known, running = nodes.all_nodes(db), queue.running(db)
        return {"data": [_render_node(node, running, call.language) for node in known]}

    def gpu_list(call: Call, _: NoParameters) -> dict[str, Any]:
        with call.platform.database.reading() as db:
            held = queue.held_gpus(db)
            known = [gpu for node in nodes.all_nodes(db) for gpu in node.gpus]
        settings = call.platform.settings
        present = known if settings.ray_address else devices.inventory(settings)
        return {"data": [_render_gpu(gpu, held.get(gpu.uuid)) for gpu in present]}

    @router.get("/gups_info", NoParameters, "see", reply=GpuList)
    def gups_info(call: Call, p: NoParameters) -> dict[str, Any]:
        """List the GPUs (gpu信息列表) with their load, memory and the jobs that hold them."""
        return gpu_list(call, p)

    @router.get("/gpus_info", NoParameters, "see", reply=GpuList)
    def gpus_info(call: Call, p: NoParameters) -> dict[str, Any]:
        """List the GPUs; the same as /gups_info."""
        return gpu_list(call, p)

    return router.api


def _render(row: Mapping[str, Any], _language: Language) -> dict[str, Any]:
    job: queue.Job = row["job"]
    facts = {name: getattr(job, name) for name in ("kind", "title", "gpus", "attempt", "result")}
    return facts | {"hosts": list(job.hosts)}


def _render_event(row: sa.Row[Any], language: Language) -> dict[str, Any]:
    text = to_text(row.text)
    return {
        "state": row.state,
        "attempt_token": row.token,
        "text": text.pick(language) if text else None,
        "at": format_time(row.at),
    }


def _render_node(node: nodes.NodeRow, running: Sequence[queue.Job], language: Language) -> dict[str, Any]:
    there = [{"task_id": job.id, "kind": job.kind, "title": job.title} for job in running if job.host == node.name]
    return {
        **{name: getattr(node, name) for name in ("name", "address", "version", "cpus", "memory_mib")},
        "state": "ready" if node.problem is None else "unusable",
        "problem": None if node.problem is None else node.problem.pick(language),
        "gpus": len(node.gpus),
        "jobs": there,
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
