"""Rows of releases that are published, without their models."""

from collections.abc import Mapping
from typing import Any

from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.jobs.store import Submission, jobs
from roadloop.releases.store import releases
from roadloop.storage.platform import Platform


def released(
    platform: Platform,
    version: str,
    env: str = "北京",
    adcode: str = "0",
    *,
    category: str = "车道线",
    metrics: Mapping[str, Any] | None = None,
    state: JobState = JobState.SUCCEEDED,
    files: Mapping[str, bytes] | None = None,
) -> str:
    """A release's rows and, if wanted, files in its bundle; the task id."""
    folder = f"models/{category}/{version}/{env}-{adcode}"
    for name, content in (files or {}).items():
        path = platform.workspace.home / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    with platform.database.transaction() as db:
        task_id = queue.submit(db, Submission("release", {}, version, state=state))
        if state is JobState.SUCCEEDED:
            named = list(files or {"kd.params": b""})
            result = {"folder": folder, "files": named, "metrics": metrics or {"training": {}}}
            db.execute(jobs.update().where(jobs.c.id == task_id).values(result=result))
        row = {
            "category": category,
            "version": version,
            "env": env,
            "adcode": adcode,
            "description": "",
            "time": version,
        }
        row |= {"source": "suzhou", "file": "kd.params", "params_sha256": "0" * 64}
        db.execute(releases.insert().values(task_id=task_id, live=True, answered=True, **row))
    return task_id
