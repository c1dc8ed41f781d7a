"""One job on three nodes gives the bytes that it gives on one machine. `make test-cluster` runs it."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest
from sqlalchemy import select

from approved import approve
from machines import Site, wait_for_nodes
from mining_data import write_drives, write_network
from roadloop.datasets import service as datasets
from roadloop.datasets.recipe import CreateData
from roadloop.evaluation import service as evaluation
from roadloop.evaluation.recipe import StartEvaluation
from roadloop.imaging.encode import encode_jpeg, encode_label
from roadloop.jobs import fsck, queue, store
from roadloop.jobs.identity import mark_in
from roadloop.jobs.states import ENDED, JobState
from roadloop.labels.table import ClassTable, LabelClass
from roadloop.selection import service as selection
from roadloop.selection.recipe import Mine
from roadloop.sources.health import service as health
from roadloop.sources.health.recipe import CheckHealth
from roadloop.sources.writer import NewSample, writing_set
from roadloop.storage.platform import Platform

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(3600)]

RunJob = Callable[[Platform, str], queue.Job]
Submit = Callable[[Platform], str]

PICTURES = 200
COLORS = ((255, 0, 0), (0, 255, 0), (0, 0, 255))
TABLE = ClassTable(
    "rgb",
    tuple(
        LabelClass(10 * (i + 1), en, zh, color, i)
        for i, (en, zh, color) in enumerate(zip(("red", "green", "blue"), "红绿蓝", COLORS, strict=True))
    ),
)


def build(platform: Platform) -> str:
    request = CreateData(data_name="shared", sour_data="同城", train=0.5, val=0.5, thread=4)
    return platform.database.write(lambda: datasets.create(platform, request))


def predict(platform: Platform, place: str = "out") -> str:
    request = StartEvaluation(
        dicts={"together": ["kd_ep-0001.params"]},
        sour_dir="sources/同城",
        dest_dir=place,
        flip=True,
        scales=(0.5, 1.0, 2.0),
    )
    return platform.database.write(lambda: evaluation.start(platform, request))


def mine(platform: Platform) -> str:
    request = Mine(
        output_dir="images/v1",
        sele_ratio="9",
        track_file="tracks.txt",
        weights_dir="together",
        classes="blue",
        control=4,
    )
    return platform.database.write(lambda: selection.start_mining(platform, request))


def examine(platform: Platform) -> str:
    request = CheckHealth(name="同城", model="together/kd_ep-0001.params", against="none", confidence=0.5, min_pixels=4)
    return platform.database.write(lambda: health.create(platform, request))


def fill(platform: Platform) -> None:
    """A labelled set, drives, and a model that colours pixels by their largest channel."""
    rng = np.random.default_rng(0)
    with writing_set(platform.workspace, "同城", TABLE) as writer:
        for n in range(PICTURES):
            image = np.kron(rng.integers(0, 255, (15, 20, 3), dtype=np.uint8), np.ones((16, 16, 1), np.uint8))
            label = (10 * (1 + image.argmax(axis=2))).astype(np.uint8)
            label[:n, :40] = 10
            data = encode_jpeg(image)
            data = data[: len(data) // 2] if n == 77 else data  # a broken one
            writer.add(NewSample("1", f"t{n // 20}_{n:03d}", data, encode_label(label)))
    write_drives(platform, tracks=16, frames=20)


def tree(folder: Path, task_id: str) -> dict[str, str]:
    """Every file of a result with its sha256, whatever job made it."""
    files = [p for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json"]
    digests = {p: hashlib.sha256(p.read_bytes().replace(task_id.encode(), b"-")).hexdigest() for p in files}
    return {p.relative_to(folder).as_posix().replace(task_id, "-"): digest for p, digest in digests.items()}


class Both:
    """The same workspace twice: of the cluster, and of one process without one."""

    def __init__(self, site: Site, alone: Platform, run_job: RunJob, model: Path) -> None:
        self.site = site
        self.alone = alone
        self._run = run_job
        for platform in (site.platform, alone):
            if (platform.workspace.sources / "同城").exists():
                continue  # of the test before, on the same machines
            fill(platform)
            shutil.copytree(model.parent, platform.workspace.tasks / "together" / "output" / "models")
            approve(platform, platform.workspace.tasks / "together" / "output" / "models" / model.name)

    def job(self, task_id: str) -> queue.Job:
        with self.site.platform.database.reading() as db:
            return queue.get(db, task_id)

    def end(self, task_id: str, seconds: float = 600) -> queue.Job:
        deadline = time.monotonic() + seconds
        while (job := self.job(task_id)).state not in ENDED:
            assert time.monotonic() < deadline, (job, self.log(task_id))
            time.sleep(0.2)
        return job

    def log(self, task_id: str) -> str:
        path = self.site.platform.workspace.home / self.job(task_id).log
        return path.read_text() if path.exists() else ""

    def here(self, submit: Submit) -> str:
        task_id = submit(self.alone)
        began = time.monotonic()
        job = self._run(self.alone, task_id)
        print(f"{job.kind}: {time.monotonic() - began:.1f} s in one process")
        assert job.state is JobState.SUCCEEDED, job
        return task_id

    def trees(self, place: str, together: str, alone: str) -> tuple[dict[str, str], dict[str, str]]:
        """What stands at a place of each workspace, where `{}` is the job's id."""
        pairs = ((self.site.platform, together), (self.alone, alone))
        one, other = (tree(p.workspace.home / place.format(task_id), task_id) for p, task_id in pairs)
        return one, other


@pytest.fixture
def both(site: Site, platform: Platform, run_job: RunJob, tmp_path: Path) -> Iterator[Both]:
    wait_for_nodes(site.platform)
    yield Both(site, platform, run_job, write_network(tmp_path / "model"))
    assert fsck.inspect(site.platform, hashes=True).problems == []


def gone(task_id: str, seconds: float = 30) -> float:
    """Seconds until no process of a job is left anywhere."""
    began = time.monotonic()
    while found := [p for p in psutil.process_iter() if mark_in(p.pid).startswith(task_id)]:
        assert time.monotonic() - began < seconds, found
        time.sleep(0.1)
    return time.monotonic() - began


def test_jobs__of_every_kind_that_spreads_give_the_same_bytes_on_three_nodes(both: Both) -> None:
    for submit, place in (
        (build, "datasets/shared"), (predict, "out"), (mine, "images/v1"), (examine, "health/{}"),
    ):  # fmt: skip
        began = time.monotonic()
        task_id = submit(both.site.platform)
        job = both.end(task_id)
        log = both.log(task_id)
        print(f"{job.kind}: {time.monotonic() - began:.1f} s on {log.count('works on it, too')} nodes")
        assert job.state is JobState.SUCCEEDED, (job, log)
        assert job.attempt == 1
        assert log.count("works on it, too") >= (2 if submit is predict else 1), log  # the others are soon done
        assert "alone" not in log
        gone(task_id)
        together, alone = both.trees(place, task_id, both.here(submit))
        assert len(together) > 3
        assert together == alone
    cancelled = predict(both.site.platform, "cancelled")
    while "works on it, too" not in both.log(cancelled):
        assert both.job(cancelled).state not in ENDED
        time.sleep(0.2)
    with both.site.platform.database.transaction() as db:
        queue.cancel(db, cancelled)
    assert both.end(cancelled, 15).state is JobState.CANCELLED
    print(f"cancelled: its last process was gone {gone(cancelled):.1f} s after it")


FIRST_LAP = """
import json
import sys
from pathlib import Path

from rich.console import Console

from filled import TINY
from roadloop.client import Client
from roadloop.demo.stage import Stage
from roadloop.demo.tour import Tour
from roadloop.storage.paths import Workspace

with Client(sys.argv[1], "en") as client:
    found = Tour(client, Workspace(Path(sys.argv[2])), Stage(Console(quiet=True), "en"), TINY, processes=1).run()
print(json.dumps([found.release["folder"], found.report["miou"]]))
"""


def test_demo__goes_its_first_lap_on_the_nodes(both: Both) -> None:
    site = both.site

    def jobs() -> dict[str, queue.Job]:
        with site.platform.database.reading() as db:
            ids = db.execute(select(store.jobs.c.id).where(store.jobs.c.kind != "measure").order_by(store.jobs.c.seq))
            return {task_id: queue.get(db, task_id) for (task_id,) in ids.all()}

    before = jobs()
    folder, miou = json.loads(site.said(FIRST_LAP, site.server.url, str(site.platform.workspace.home)))
    assert (site.platform.workspace.home / folder).is_dir()
    assert 0.0 <= miou <= 1.0
    mine = [job for task_id, job in jobs().items() if task_id not in before]
    assert [job.kind for job in mine] == ["create_data", "create_net", "train", "evaluate", "release"]
    assert {job.host for job in mine} <= {"n1", "n2", "n3"}
    assert {(job.state, job.attempt) for job in mine} == {(JobState.SUCCEEDED, 1)}


@pytest.mark.slow
def test_kills__half_way_cost_no_byte_and_leave_no_process(both: Both) -> None:
    for what in ("the job", "a helper"):
        task_id = predict(both.site.platform, what)
        helpers = both.site.machines[1:]
        while not (found := [m for m in helpers if f"node={m.name} works" in both.log(task_id)]):
            assert both.job(task_id).state not in ENDED, both.log(task_id)
            time.sleep(0.1)
        job = both.job(task_id)
        victim = next(machine for machine in found if machine.name != job.host)
        if what == "the job":
            worker = next(p for p in psutil.process_iter() if mark_in(p.pid) == f"{task_id}:1" and p.ppid() != 1)
            worker.kill()
            print(f"a killed job: its last process was gone after {gone(f'{task_id}:1'):.1f} s")
        else:
            victim.kill()
        ended = both.end(task_id)
        assert ended.state is JobState.SUCCEEDED, (ended, both.log(task_id))
        assert ended.attempt == (2 if what == "the job" else 1)
        gone(task_id)
        if what == "a helper":
            victim.start()
        together, alone = both.trees(what, task_id, both.here(partial(predict, place=what)))
        assert together == alone
        wait_for_nodes(both.site.platform)
