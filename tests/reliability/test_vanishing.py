"""Files and folders that are there when a job lists them and gone when it opens them: named, counted, survived."""

import shutil
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


class Loss(NamedTuple):
    """What a job loses, and how it must speak of it.

    Attributes:
        kind: The job's.
        trigger: When it opens this path of the workspace,
        victim: this one has just gone.
        table: The file that names it; `*` stands for the job's id.
        line: What is said there; empty where it is only counted.
        counts: Parts of the job's result.
    """

    kind: str
    trigger: str
    victim: str
    table: str
    line: str
    counts: dict[str, object]


WHY: Final = "No such file or directory"
IMPORTS: Final = "logs/*.report.csv"
IMPORTED: Final = {"added": 4, "vanished": 1}
LOSSES: Final = (
    Loss("offimport", "imports/in/1/t_1.jpg", "imports/in/2/t_3.jpg", IMPORTS, "2/t_3.jpg,vanished",
         {"counts": {**IMPORTED, "partner_left_out": 1}}),
    Loss("offimport", "imports/in/2", "imports/in/2", IMPORTS, "2,vanished", {"counts": IMPORTED}),
    Loss("create_data", "sources/镇/1/t0_000.jpg", "sources/镇/1/t3_007.png", "datasets/d/report.csv",
         f"镇/1/t3_007.png,无法读取：{WHY},Cannot be read: {WHY}", {"bad": 1}),
    Loss("create_data", "sources/镇/2", "sources/镇/2", "datasets/d/report.csv",
         f"镇/2,目录无法列出：{WHY},The folder cannot be listed: {WHY}", {"bad": 1}),
    Loss("sample", "tracks/d1", "tracks/d1", "images/v1/left_out.csv", "d1,", {"pictures": 3, "tracks": 1}),
    Loss("select", "tracks/d1", "tracks/d1", "images/v1/left_out.csv", "d1,", {"candidates": 4}),
    Loss("select", "tracks/d0/d0_000.jpg", "tracks/d1/d1_003.jpg", "images/v1/left_out.csv", f"d1,d1_003,读不到图片 d1_003：{WHY}",
         {"candidates": 7}),
    Loss("evaluate", "tracks/d0/d0_000.jpg", "tracks/d0/d0_015.jpg", "out/bad_pictures.csv", f"d0/d0_015,读不到文件 d0_015.jpg：{WHY}",
         {"total_img": 19, "bad_lines": 1}),
    Loss("task_divide", "images/v1/a_0.jpg", "images/v1/a_4.jpg", "logs/*.log",
         f"left out: images/v1/a_4.jpg: Cannot be read: {WHY}", {"pictures": 4, "bad": 1}),
    Loss("process_label", "released/v1/1/ext-label-a_0.png", "released/v1/2/ext-label-a_3.png", "logs/*.log",
         "1 picture has no label returned: 2/ext-a_3.jpg", {"published_pictures": 3, "missing_pictures": 1}),
    Loss("linedown", "imports/annotations/1/ext-label-a_0.png", "imports/annotations/2/ext-label-a_3.png", "logs/*.log", "",
         {"finished": 3, "unfinished": 1}),
    Loss("health", "sources/镇/1/t0_000.jpg", "sources/镇/1/t3_007.jpg", "health/*/problems.csv",
         f"1/t3_007.jpg,无法读取：{WHY}", {}),
)  # fmt: skip


def more(platform: Platform, kind: str) -> None:
    """Add a second package, so that one can go, or more pictures than are read at the same time."""
    workspace = platform.workspace
    if kind == "evaluate":
        for number in range(4, 16):
            shutil.copy(workspace.tracks / "d0" / "d0_000.jpg", workspace.tracks / "d0" / f"d0_{number:03d}.jpg")
    if kind == "create_data":
        shutil.copytree(workspace.sources / "镇" / "1", workspace.sources / "镇" / "2")
    if kind == "offimport":
        put(workspace.imports / "in" / "2" / "t_3.jpg", jpeg(3))
        put(workspace.imports / "in" / "2" / "t_3.png", encode_label(ids(3, 0)))


@pytest.mark.parametrize("number", range(len(LOSSES)))
def test_a_job_that_loses_a_file_names_it_and_does_the_rest(disk: Disk, workers: Workers, number: int) -> None:
    loss, case = LOSSES[number], CASES[LOSSES[number].kind]
    settings = Settings(
        home=Path(disk.home) / f"loss-{number}", port=0, poll_seconds=3600, min_free_mib=0, torch_threads=1
    )
    platform = open_platform(settings, upgrade=True)
    case.prepare(platform, partial(_run, workers, platform))
    more(platform, loss.kind)
    task_id = build_dataset(platform, 0.5) if loss.kind == "create_data" else case.submit(platform)
    disk.lose(f"{settings.home.name}/{loss.trigger}", settings.home / loss.victim)
    job = _run(workers, platform, task_id)
    assert disk.lost
    assert not (settings.home / loss.victim).exists()
    assert job.result is not None
    assert {name: job.result[name] for name in loss.counts} == loss.counts
    assert loss.line in (settings.home / loss.table.replace("*", task_id)).read_text(encoding="utf-8-sig")
    wait_for_helpers(platform)
    written = loss.victim.startswith("sources/镇/1/")  # by roadloop, so that the loss is seen
    said = [problem.text.en for problem in inspect(platform, hashes=True).problems]
    assert said == ([f"{settings.home / loss.victim} is missing."] if written else [])
    platform.database.close()


def _run(workers: Workers, platform: Platform, task_id: str) -> queue.Job:
    assert workers.run(platform, task_id) == 0
    with platform.database.reading() as db:
        job = queue.get(db, task_id)
    assert job.state is JobState.SUCCEEDED, job.reason
    return job
