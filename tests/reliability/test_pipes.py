"""Named pipes where a job looks for files: named like files that cannot be read, the rest done, and nothing waits."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from full_disk import Disk
from import_folders import ids, jpeg, put
from job_cases import CASES, build_dataset, wait_for_helpers
from roadloop.imaging.encode import encode_label
from roadloop.jobs import queue
from roadloop.jobs.fsck import inspect
from roadloop.jobs.states import JobState
from roadloop.settings import Settings
from roadloop.storage.platform import Platform, open_platform
from workers import Workers

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(300), pytest.mark.xdist_group("jobs")]

PATIENCE: Final = 60.0  #: seconds after which a job that waits for a pipe is ended


class Pipe(NamedTuple):
    """A pipe in a job's way, and how the job must speak of it.

    Attributes:
        kind: The job's.
        place: The pipe, in the workspace; what stood there is gone.
        table: The file that names it; `*` stands for the job's id or its beginning.
        line: What is said there; empty where the pipe only brings nothing.
        counts: Parts of the job's result.
    """

    kind: str
    place: str
    table: str
    line: str
    counts: dict[str, object]


WHY: Final = "a named pipe instead of a file"
BOTH: Final = f"无法读取：是命名管道，不是文件,Cannot be read: {WHY}"
IMPORTED: Final[dict[str, object]] = {"counts": {"added": 4, "unreadable": 1, "partner_left_out": 1}}
PIPES: Final = (
    Pipe("offimport", "imports/in/2/t_3.jpg", "logs/*.report.csv", f"2/t_3.jpg,unreadable,{BOTH}", IMPORTED),
    Pipe("offimport", "imports/in/2/t_3.png", "logs/*.report.csv", f"2/t_3.png,unreadable,{BOTH}", IMPORTED),
    Pipe("create_data", "sources/镇/1/t3_007.jpg", "datasets/d/report.csv", f"镇/1/t3_007.jpg,{BOTH}", {"bad": 1}),
    Pipe("create_data", "sources/镇/1/t3_007.png", "datasets/d/report.csv", f"镇/1/t3_007.png,{BOTH}", {"bad": 1}),
    Pipe("health", "sources/镇/1/t3_007.jpg", "health/*/problems.csv", f"1/t3_007.jpg,{BOTH}", {}),
    Pipe("select", "tracks/d1/d1_003.jpg", "images/v1/left_out.csv",
         f"d1,d1_003,读不到图片 d1_003：是命名管道，不是文件。,Cannot read the picture d1_003: {WHY}.", {"candidates": 7}),
    Pipe("sample", "tracks/d1/track.csv", "images/v1/selection.csv", "d1,", {"pictures": 3, "tracks": 2}),
    Pipe("evaluate", "tracks/d0/d0_003.jpg", "out/bad_pictures.csv",
         f"d0/d0_003,读不到文件 d0_003.jpg：是命名管道，不是文件。,Cannot read the file d0_003.jpg: {WHY}.", {"total_img": 7, "bad_lines": 1}),
    Pipe("evaluate", "tracks/d0/d0_003.png", "out/bad_pictures.csv", f"Cannot read the file d0_003.png: {WHY}.",
         {"total_img": 7, "bad_lines": 1}),
    Pipe("task_divide", "images/v1/a_4.jpg", "logs/*.log", f"left out: images/v1/a_4.jpg: Cannot be read: {WHY}",
         {"pictures": 4, "bad": 1}),
    Pipe("process_label", "released/v1/2/ext-label-a_3.png", "released/v1/reports/*.json", f"Cannot be read: {WHY}",
         {"published_pictures": 3}),
    Pipe("linedown", "imports/annotations/2/ext-label-a_3.png", "logs/*.log", f"Cannot be read: {WHY}", {"finished": 3}),
)  # fmt: skip


@pytest.mark.parametrize("number", range(len(PIPES)))
def test_a_job_that_meets_a_pipe_names_it_and_does_the_rest(disk: Disk, workers: Workers, number: int) -> None:
    pipe, case = PIPES[number], CASES[PIPES[number].kind]
    settings = Settings(
        home=Path(disk.home) / f"pipe-{number}", port=0, poll_seconds=3600, min_free_mib=0, torch_threads=1
    )
    platform = open_platform(settings, upgrade=True)
    case.prepare(platform, partial(_run, workers, platform))
    _more(platform, pipe.kind)
    place = settings.home / pipe.place
    place.unlink(missing_ok=True)
    os.mkfifo(place)
    task_id = build_dataset(platform, 0.5) if pipe.kind == "create_data" else case.submit(platform)
    job = _run(workers, platform, task_id)
    assert job.result is not None
    assert {name: job.result[name] for name in pipe.counts} == pipe.counts
    [table] = [p for p in settings.home.glob(pipe.table) if task_id[:8] in p.as_posix() or "*" not in pipe.table]
    assert pipe.line in table.read_text(encoding="utf-8-sig")
    wait_for_helpers(platform)
    said = [problem.text.en for problem in inspect(platform, hashes=True).problems]
    assert said == ([f"{place} is missing."] if pipe.place.startswith("sources/") else [])
    platform.database.close()


def _more(platform: Platform, kind: str) -> None:
    """Add a second package, so that one can be left out."""
    if kind == "offimport":
        put(platform.workspace.imports / "in" / "2" / "t_3.jpg", jpeg(3))
        put(platform.workspace.imports / "in" / "2" / "t_3.png", encode_label(ids(3, 0)))


def _run(workers: Workers, platform: Platform, task_id: str) -> queue.Job:
    with _patience(platform, task_id):
        assert workers.run(platform, task_id) == 0, "it waited for the pipe, and was ended"
    with platform.database.reading() as db:
        job = queue.get(db, task_id)
    assert job.state is JobState.SUCCEEDED, job.reason
    return job


@contextmanager
def _patience(platform: Platform, task_id: str) -> Iterator[None]:
    """End the job's process when it takes too long, so that the test fails by name."""

    def end() -> None:
        with platform.database.reading() as db:
            pid = queue.get(db, task_id).pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)

    timer = threading.Timer(PATIENCE, end)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
