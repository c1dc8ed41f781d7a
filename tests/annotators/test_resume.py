"""Killed at a fail point and run again: nothing twice, nothing lost (R03); the folder annotator is in tests/reliability."""

from collections.abc import Callable

from label_studio_double import Double
from package_data import RunJob, kill_then_run, mask
from roadloop.annotators import service
from roadloop.annotators.recipe import Download, Push
from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.labels import label_studio
from roadloop.labels.table import shipped
from roadloop.storage.platform import Platform

Job = Callable[..., queue.Job]


def test_push__killed_and_run_again(studio: Platform, double: Double, cut: Job, run_job: RunJob) -> None:
    cut(studio)
    task_id = studio.database.write(lambda: service.push(studio, Push(version="v1", number=1)))
    job = kill_then_run(studio, run_job, task_id, "push.picture")
    assert job.state is JobState.SUCCEEDED
    assert job.result is not None
    assert job.result["already"] == 1
    assert (len(double.projects), len(double.files), len(double.tasks)) == (1, 3, 3)


def test_pull__killed_and_run_again(studio: Platform, double: Double, cut: Job, push: Job, run_job: RunJob) -> None:
    cut(studio)
    push(studio, "v1", 1)
    for task in double.tasks:
        double.annotate(task, label_studio.regions(mask(task), shipped(), "brush"))
    task_id = studio.database.write(lambda: service.download(studio, Download(start=1, end=999, dest="back")))
    job = kill_then_run(studio, run_job, task_id, "pull.batch")
    assert job.state is JobState.SUCCEEDED
    assert len(list((studio.workspace.home / "released/back/1").iterdir())) == 3
    assert not list(studio.workspace.home.rglob("*.partial"))
