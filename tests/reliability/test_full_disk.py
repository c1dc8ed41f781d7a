"""R14: the disk is full from the k-th write of a job on, and has space again afterwards."""

from collections.abc import Callable
from pathlib import Path

import httpx2 as httpx
import pytest

from full_disk import Disk
from job_cases import Stage, cases
from live import LiveServer
from roadloop.jobs import queue
from roadloop.jobs.endings import UNWRITTEN_EXIT
from roadloop.jobs.fsck import inspect
from roadloop.jobs.states import JobState
from roadloop.settings import Settings
from roadloop.storage.platform import Platform, open_platform

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(900), pytest.mark.xdist_group("jobs")]

#: They publish while they go on: what was whole before the disk was full stays.
STEPWISE = {"train", "release", "linedown", "unpack", "rework"}


def spread(total: int, count: int) -> list[int]:
    """At most `count` numbers below `total`: the first, the last, and evenly between."""
    if total <= count:
        return list(range(total))
    return sorted({round(n * (total - 1) / (count - 1)) for n in range(count)})


def writes_of(stage: Stage, disk: Disk, spared: tuple[str, ...]) -> int:
    """How many writes the job needs."""
    with stage.opened() as platform:
        disk.restart(spared=spared)
        assert stage.run(platform) == 0
        return len(disk.writes)


def finish(stage: Stage, platform: Platform) -> None:
    """Run the queued job, now that there is space: it ends as if there had always been."""
    assert stage.run(platform) == 0
    job = stage.job(platform)
    assert job.state is JobState.SUCCEEDED, job.reason
    assert stage.tree() == stage.after


@pytest.mark.parametrize("case", cases())
def test_r14__a_full_disk_fails_the_job_by_name_and_costs_nothing(
    case: str, disk: Disk, stages: Callable[[str], Stage], times: Callable[[int], int]
) -> None:
    """The rows are on another disk, so the job can say what happened."""
    stage = stages(case)
    spared = (f"{case}/home/roadloop.db",)
    for room in spread(writes_of(stage, disk, spared), times(8)):
        with stage.opened() as platform:
            disk.restart(room, spared)
            code = stage.run(platform)
            where = (room, disk.writes[room:][:1], stage.job(platform).reason)
            disk.restart()
            job = stage.job(platform)
            if job.state is JobState.SUCCEEDED:  # only lines of the log were lost
                assert stage.tree() == stage.after, where
                continue
            if code == UNWRITTEN_EXIT:  # its output was chosen, and could not be put in place
                assert stage.recover(platform).state is JobState.SUCCEEDED, where
                assert stage.tree() == stage.after, where
                continue
            assert (code, job.state, job.error) == (0, JobState.FAILED, "disk_full"), where
            assert job.reason is not None
            assert "free some disk space" in job.reason.en.lower()
            assert "请腾出磁盘空间" in job.reason.zh
            tree = stage.tree()
            assert not any(name.endswith(".partial") or ".partial/" in name for name in tree), where
            if stage.kind in STEPWISE:
                assert stage.before.items() <= tree.items(), where
            else:
                assert tree == stage.before, where
            with platform.database.transaction() as db:
                queue.start(db, stage.task_id)
            finish(stage, platform)


@pytest.mark.parametrize("case", cases())
def test_r14__a_full_disk_that_holds_the_rows_too_makes_the_job_wait(
    case: str, disk: Disk, stages: Callable[[str], Stage], times: Callable[[int], int]
) -> None:
    stage = stages(case)
    total = writes_of(stage, disk, ())
    for room in spread(total, 4) if times(8) == 8 else [total // 2]:
        with stage.opened() as platform:
            disk.restart(room)
            code = stage.run(platform)
            disk.restart()
            job = stage.job(platform) if code == 0 else stage.recover(platform)
            if job.state is JobState.FAILED:
                assert job.error == "disk_full"
                with platform.database.transaction() as db:
                    queue.start(db, stage.task_id)
            if job.state is not JobState.SUCCEEDED:
                finish(stage, platform)
            assert stage.tree() == stage.after


@pytest.mark.parametrize("case", cases(without=("train", "create_net")))
def test_r14__the_same_call_succeeds_when_there_is_space(case: str, disk: Disk, stages: Callable[[str], Stage]) -> None:
    """A training goes on with /continue_task instead."""
    stage = stages(case)
    with stage.opened() as platform:
        disk.restart(2, (f"{case}/home/roadloop.db",))
        stage.run(platform)
        disk.restart()
        assert stage.job(platform).state is JobState.FAILED
        task_id = stage.again(platform)
        assert task_id != stage.task_id
        assert stage.workers.run(platform, task_id) == 0
        with platform.database.reading() as db:
            job = queue.get(db, task_id)
        assert job.state is JobState.SUCCEEDED, job.reason
        made, expected = set(stage.tree()), set(stage.after)
        assert {
            name.replace(task_id, stage.task_id).replace(task_id[:8], stage.task_id[:8]) for name in made
        } == expected


def submit(client: httpx.Client, name: str) -> httpx.Response:
    """Ask for a network, once however often it is asked."""
    body = {"network_name": name, "src_net": "fast-scnn", "net_describe": "网"}
    return client.post("/create_net", json=body, headers={"idempotency-key": name})


@pytest.mark.slow
def test_r14__the_server_says_that_the_disk_is_full_and_loses_nothing(disk: Disk, times: Callable[[int], int]) -> None:
    """The rows' disk is full from the k-th write of a submission on, when the server starts, and when it is killed."""
    settings = Settings(home=Path(disk.home) / "server", port=0, poll_seconds=3600, min_free_mib=0)
    live = LiveServer(settings, disk.start)
    disk.restart(0)
    with pytest.raises(AssertionError, match=r"✗ Cannot write (.|\n)*free some disk space"):
        live.start()
    disk.restart()
    live.start()
    client = live.client()
    disk.restart()
    acknowledged = {submit(client, "first").json()["data"]}
    for room in spread(len(disk.writes), times(8)):
        disk.restart(room)
        refused = submit(client, f"net-{room}")
        assert (refused.status_code, refused.json()["error"]) == (503, "disk_full"), room
        assert "Free some disk space and retry; nothing was changed." in refused.json()["message"]
        assert refused.headers["retry-after"] == "2"
        assert client.get("/network_history").json()["total"] == len(acknowledged)
        assert client.get("/gups_info").status_code == client.get("/").status_code == 200
        disk.restart()
        acknowledged.add(submit(client, f"net-{room}").json()["data"])
    disk.restart(0)
    live.kill()
    with pytest.raises(AssertionError, match="Free some disk space"):
        live.start()
    disk.restart()
    live.start()
    rows = live.client().get("/network_history").json()["data"]
    assert {row["task_id"] for row in rows} == acknowledged
    assert {row["state"] for row in rows} == {"queued"}
    live.stop()
    live.close()
    platform = open_platform(settings)
    assert inspect(platform, hashes=True).problems == []
    platform.database.close()
