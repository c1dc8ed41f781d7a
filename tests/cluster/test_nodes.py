"""One training over two nodes ends in the bytes of one machine, whatever is killed. `make test-cluster` runs it."""

import functools
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psutil
import pytest

from job_cases import CASES
from machines import PREFIX, Machine, Site, ended, ip, until
from roadloop.jobs.states import JobState
from roadloop.jobs.store import Job
from roadloop.storage import publish
from roadloop.training import checkpoint
from roadloop.training import create as creating
from roadloop.training import start as starting
from roadloop.training.forms import CreateTrain, StartTask

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(3600), pytest.mark.usefixtures("sound")]

EPOCHS = 30
RANK = "roadloop.training.rank"


def train(site: Site, name: str, gpus: str) -> str:
    """Start a training of two ranks."""
    request = functools.partial(
        StartTask, num_epoch=EPOCHS, batch_size=2, model="m", gpus=gpus, data_con={"crop": [24, 32]},
        train_con={"log_every": 1, "checkpoint_every": 1, "cpu_processes": 2},
    )  # fmt: skip
    draft = CreateTrain(train_name=name, network="n", data="d")
    task_id = site.platform.database.write(lambda: creating.draft(site.platform, draft).write)
    site.platform.database.write(lambda: starting.start(site.platform, request(task_id=task_id)))
    return task_id


def outcome(site: Site, name: str) -> dict[str, str]:
    """sha256 of what a training leaves: last checkpoint, curves, model files."""
    folder = site.platform.workspace.task(name)
    models = sorted((folder / "output" / "models").glob("*.params"))
    paths = [
        checkpoint.listed(folder / "checkpoints")[-1] / checkpoint.TENSORS,
        folder / "log" / "metrics.jsonl",
        *models,
    ]
    return {path.name: publish.sha256_file(path) for path in paths}


@pytest.fixture(scope="module")
def whole(site: Site) -> dict[str, str]:
    """What two ranks on one node leave."""
    with site.platform.database.reading() as db:
        known = db.exec_driver_sql("SELECT 1 FROM networks WHERE name = 'n'").first()
    if known is None:
        CASES["train"].prepare(site.platform, functools.partial(ended, site))
    task_id = train(site, "whole", "")
    assert ended(site, task_id, 300).seats == ()
    found = outcome(site, "whole")
    assert len(found) > EPOCHS
    return found


def under_way(job: Job) -> bool:
    return int(job.memo.get("epoch", 0)) >= 3


def begun(site: Site, name: str) -> Job:
    """A training over n2 and n3, a few epochs on."""
    job = until(site, train(site, name, "n2:cpu;n3:cpu"), under_way)
    assert (job.state, job.hosts) == (JobState.RUNNING, ("n2", "n3"))
    assert [ranks(site.machine(name)) for name in ("n1", "n2", "n3")] == [0, 1, 1]
    return job


def ranks(machine: Machine) -> int:
    """How many run on a machine."""
    found = 0
    for process in machine.processes():
        with suppress(psutil.Error):  # it has just ended
            found += RANK in process.cmdline()
    return found


def goes_on(site: Site, job: Job, whole: dict[str, str], attempt: int = 2) -> None:
    done = ended(site, job.id, 300)
    assert (done.attempt, done.losses, done.hosts) == (attempt, 0, ("n2", "n3"))
    assert outcome(site, job.title) == whole


def test_training__over_two_nodes_a_killed_follower_costs_steps_not_bits(site: Site, whole: dict[str, str]) -> None:
    job = begun(site, "rank-1")
    site.machine("n3").kill(RANK)
    began = time.monotonic()
    reached = until(site, job.id, lambda _: True).memo["epoch"]
    until(site, job.id, lambda job: job.attempt == 2 and job.memo["epoch"] > reached)
    print(f"a lost follower: the training was further than before after {time.monotonic() - began:.1f} s")
    goes_on(site, job, whole)


def _switched_off(machine: Machine) -> None:
    machine.kill()
    time.sleep(3)
    machine.start()


def _cut_off(machine: Machine) -> None:
    """Until after its job was taken from it."""
    ip("link", "set", f"{PREFIX}v{machine.number}", "down")
    time.sleep(30)
    ip("link", "set", f"{PREFIX}v{machine.number}", "up")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "number", "how", "attempt"),
    [
        ("rank-0", 2, lambda machine: machine.kill(RANK), 2),
        ("job", 2, lambda machine: machine.kill("roadloop.jobs.keeper"), 2),
        ("follower", 3, lambda machine: machine.kill("roadloop.jobs.keeper"), 2),
        ("node-1", 3, _switched_off, 2),
        ("node-0", 2, _switched_off, 2),
        ("cable-1", 3, _cut_off, 2),
        ("cable-0", 2, _cut_off, 2),
        ("head", 1, _switched_off, 1),
    ],
)
def test_r22__over_two_nodes(
    site: Site, whole: dict[str, str], name: str, number: int, how: Callable[[Machine], Any], attempt: int
) -> None:
    job = begun(site, name)
    how(site.machine(f"n{number}"))
    goes_on(site, job, whole, attempt)
