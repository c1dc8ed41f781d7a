"""Three nodes at work; a job, a node, the server, the database and the head are killed, each once. `make test-cluster` runs it."""

import functools
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from job_cases import CASES
from live import LiveServer
from machines import PORT, Machine, Site, ended, until, within
from roadloop.jobs import queue
from roadloop.jobs.identity import mark_in
from roadloop.jobs.states import ENDED, JobState

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(3600), pytest.mark.usefixtures("sound")]

STEPS = 400  # of 0.05 s


def submit(site: Site, name: str, steps: int = STEPS, gpus: str = "") -> str:
    payload = {"name": name, "steps": steps, "pause": 0.05}
    with site.platform.database.transaction() as db:
        return queue.submit(db, queue.Submission("rehearsal", payload, name, gpus=gpus))


def under_way(job: queue.Job) -> bool:
    return int(job.memo.get("step", 0)) >= 10


def whole(site: Site, task_id: str, seconds: float = 90) -> queue.Job:
    """Wait for the end; all was counted, each number once, and no process of it is left anywhere."""
    job = ended(site, task_id, seconds)
    counted = (site.platform.workspace.logs / f"{job.title}.txt").read_text().split()
    assert counted == [str(number) for number in range(STEPS)]
    assert list(site.platform.workspace.logs.glob("*.partial")) == []
    return job


def test_jobs__run_on_every_node_and_one_that_is_killed_goes_on(site: Site) -> None:
    tasks = [submit(site, f"each-{number}") for number in range(3)]
    late = submit(site, "late", 1)
    jobs = [until(site, task_id, under_way) for task_id in tasks]
    assert {job.host for job in jobs} == {"n1", "n2", "n3"}
    worker = next(p for p in psutil.process_iter() if mark_in(p.pid) == f"{tasks[0]}:1" and p.ppid() != 1)
    with site.platform.database.reading() as db:
        assert queue.get(db, late).state is JobState.QUEUED
    worker.kill()
    done = [whole(site, task_id) for task_id in tasks]
    assert [job.attempt for job in done] == [2, 1, 1]
    assert done[0].losses == 0  # it got further since
    assert until(site, late, lambda job: job.state in ENDED).state is JobState.SUCCEEDED


def test_serve__refuses_a_cluster_that_lets_in_everybody(site: Site, tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="rl", dir="/tmp"))
    open_one = Machine(4, folder, alone=True)
    try:
        open_one.start()
        open_one.wait_for_head()
        changes = {"home": tmp_path / "home", "database_url": site.rows.create("open")}
        changes |= {"ray_address": f"{open_one.address}:{PORT}"}
        settings = site.platform.settings.model_copy(update=changes)
        server = LiveServer(settings, within(open_one.space))
        with pytest.raises(AssertionError, match="RAY_AUTH_MODE=token"):
            server.start()
    finally:
        open_one.remove()
        shutil.rmtree(folder, ignore_errors=True)


def test_gpus__on_whichever_node_has_a_gpu_free_and_on_another_by_name(site: Site) -> None:
    """The GPUs are a probe's; the nodes compute on their processors."""
    task_id = submit(site, "named", 300, gpus="n3:0")
    job = until(site, task_id, under_way)
    assert job.host == "n3"
    beside = submit(site, "beside", 1, gpus="n3:0")
    wait = until(site, beside, lambda job: job.reason is not None)
    assert wait.reason is not None
    assert "named" in wait.reason.en
    held = {row["pc-name"]: row["job"] for row in site.gpus()}
    assert held == {"n1": None, "n2": None, "n3": task_id}
    elsewhere = until(site, submit(site, "elsewhere", 1, gpus="any:1"), lambda job: job.state in ENDED)
    assert elsewhere.host in {"n1", "n2"}
    for one in (task_id, beside):
        assert until(site, one, lambda job: job.state in ENDED).host == "n3"


def test_training__to_its_end_on_a_node(site: Site) -> None:
    case = CASES["train"]
    case.prepare(site.platform, functools.partial(ended, site))
    assert ended(site, case.submit(site.platform)).host in {"n1", "n2", "n3"}


def test_cancel__ends_a_job_on_a_node(site: Site) -> None:
    began = time.monotonic()
    task_id = submit(site, "cancelled")
    until(site, task_id, lambda job: job.pid is not None)
    print(f"a job on a node: its process was there after {time.monotonic() - began:.1f} s")
    until(site, task_id, under_way)
    site.platform.database.write(lambda: lambda db: queue.cancel(db, task_id))
    assert until(site, task_id, lambda job: job.state in ENDED, 15).state is JobState.CANCELLED


def test_node__is_killed_and_its_job_goes_on_elsewhere(site: Site) -> None:
    task_id = submit(site, "node")
    first = until(site, task_id, under_way)
    if first.host == "n1":  # the head has a test of its own
        other = submit(site, "node-2")
        first, task_id = until(site, other, under_way), other
    began = time.monotonic()
    site.machine(first.host).kill()
    second = until(site, task_id, lambda job: job.attempt == 2 and job.beat > 0)
    print(f"a lost node: its job ran elsewhere after {time.monotonic() - began:.1f} s")
    assert time.monotonic() - began < 30
    assert second.host != first.host
    site.machine(first.host).start()
    assert whole(site, task_id).attempt == 2


def test_ray__ends_on_a_node_and_its_job_goes_on(site: Site) -> None:
    tasks = [submit(site, f"ray-{number}") for number in range(2)]
    jobs = [until(site, task_id, under_way) for task_id in tasks]
    job = next(job for job in jobs if job.host != "n1")  # where the rest of the head would have to end, too
    site.machine(job.host).kill("raylet/raylet")
    assert [whole(site, task_id).attempt for task_id in tasks] == [1, 1]


def test_server__is_killed_and_finds_the_jobs_again(site: Site) -> None:
    task_id = submit(site, "server")
    until(site, task_id, under_way)
    site.server.kill()
    seconds = site.server.start()
    print(f"a server that was killed: it answered after {seconds:.1f} s")
    assert whole(site, task_id).attempt == 1


def test_database__is_killed_and_every_job_goes_on(site: Site) -> None:
    tasks = [submit(site, f"rows-{number}") for number in range(3)]
    for task_id in tasks:
        until(site, task_id, under_way)
    site.rows.stop("immediate")
    time.sleep(7)  # longer than the lease
    site.rows.start()
    assert [whole(site, task_id).attempt for task_id in tasks] == [1, 1, 1]


def test_head__is_killed_jobs_go_on_and_new_ones_start_when_it_is_back(site: Site) -> None:
    tasks = [submit(site, f"head-{number}") for number in range(3)]
    jobs = [until(site, task_id, under_way) for task_id in tasks]
    began = time.monotonic()
    site.machines[0].kill()
    new = submit(site, "after", 1)
    lost = next(job.id for job in jobs if job.host == "n1")
    waits = until(site, lost, lambda job: job.reason is not None and "does not answer; jobs wait" in job.reason.en)
    assert (waits.state, waits.attempt) == (JobState.QUEUED, 1)
    site.machines[0].start()
    done = [whole(site, task_id, 180) for task_id in tasks]
    assert [job.attempt for job in done] == [2 if job.host == "n1" else 1 for job in jobs]
    assert until(site, new, lambda job: job.state in ENDED, 120).state is JobState.SUCCEEDED
    print(f"a head that was killed: a new job had ended after {time.monotonic() - began:.1f} s")


def strike(site: Site, what: str, tasks: list[str], rng: random.Random) -> None:
    """Kill one thing; whatever keeps others going is started again."""
    if what == "job":
        marked = [p for p in psutil.process_iter() if mark_in(p.pid).partition(":")[0] in tasks]
        for process in rng.sample(marked, min(1, len(marked))):
            process.kill()
    elif what == "server":
        site.server.kill()
        site.server.start()
    elif what == "database":
        site.rows.stop("immediate")
        time.sleep(rng.uniform(0, 7))
        site.rows.start()
    elif what == "ray":
        rng.choice(site.machines[1:]).kill("raylet/")
    else:
        machine = site.machines[0] if what == "head" else rng.choice(site.machines[1:])
        machine.kill()
        time.sleep(rng.uniform(0, 10))
        machine.start()


@pytest.mark.slow
def test_kills__at_random_moments(site: Site, times: Callable[[int], int], rng: random.Random) -> None:
    """60 kills with --full, of whatever there is; every job counts to its end, each number once."""
    tasks: list[str] = []
    for number in range(times(60)):
        tasks.append(submit(site, f"random-{number}"))
        time.sleep(rng.uniform(0, 15))
        strike(site, rng.choice(["job", "server", "database", "ray", "node", "head"]), tasks, rng)
    for task_id in tasks:
        whole(site, task_id, 600)
