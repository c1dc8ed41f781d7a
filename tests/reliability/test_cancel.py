"""R31: cancelled at every named point, twice, after the end, and against a finish: one end, and nothing half done."""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import psutil
import pytest
import sqlalchemy as sa

from job_cases import POINTS, Stage, cases
from roadloop.errors import ConflictError
from roadloop.jobs import queue
from roadloop.jobs.states import ENDED, JobState
from roadloop.jobs.store import job_events
from roadloop.storage.platform import Platform

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(900), pytest.mark.xdist_group("jobs")]

#: They publish while they go on: what was whole before somebody asked stays.
STEPWISE: Final = {"train", "release", "linedown"}


@pytest.mark.parametrize("case", cases())
def test_r31__cancelled_at_a_point_ends_once_and_whole(
    case: str, stages: Callable[[str], Stage], times: Callable[[int], int]
) -> None:
    stage = stages(case)
    points = POINTS[stage.kind]
    for point in points if times(100) == 100 else points[-3:-1]:
        with stage.opened() as platform:
            cancel_at(stage, platform, point)
            job, tree = stage.job(platform), stage.tree()
            assert not any(".partial" in name for name in tree), point
            if job.state is JobState.SUCCEEDED:
                assert tree == stage.after, point
            elif stage.kind in STEPWISE:
                assert (job.state, stage.before.items() <= tree.items()) == (JobState.CANCELLED, True), point
            else:
                assert (job.state, tree) == (JobState.CANCELLED, stage.before), point
            assert ends(platform, stage.task_id) == 1, point
            with pytest.raises(ConflictError), platform.database.transaction() as db:
                queue.cancel(db, stage.task_id)


def cancel_at(stage: Stage, platform: Platform, point: str) -> None:
    """Run the job up to a point, ask twice for its end while it stands there, and let it go on."""
    codes: list[int] = []
    runner = threading.Thread(target=lambda: codes.append(stage.run(platform, fail_point=f"{point}:stop")))
    runner.start()
    process = stopped(stage, platform)
    try:
        for _ in range(2):
            with platform.database.transaction() as db:
                assert queue.cancel(db, stage.task_id) is JobState.RUNNING, point
    finally:  # no other test may wait for it
        while runner.is_alive():  # it may come to its point again, and stops each time
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
            runner.join(0.05)
    assert codes == [0], (point, stage.log(platform))


def stopped(stage: Stage, platform: Platform) -> psutil.Process:
    """The job's process, once it has stopped itself."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        pid = stage.job(platform).pid
        with suppress(psutil.NoSuchProcess):
            if pid is not None and (process := psutil.Process(pid)).status() == psutil.STATUS_STOPPED:
                return process
        time.sleep(0.02)
    raise AssertionError("the job does not come to its point")


def ends(platform: Platform, task_id: str) -> int:
    """How often a job has ended."""
    with platform.database.reading() as db:
        states = [state.value for state in ENDED]
        found = sa.select(sa.func.count()).where(job_events.c.job_id == task_id, job_events.c.state.in_(states))
        return int(db.execute(found).scalar_one())
