import os
import subprocess

import psutil
import pytest
import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.jobs import lives, queue
from roadloop.jobs.findings import Repair, Report
from roadloop.jobs.identity import MARK
from roadloop.jobs.states import JobState
from roadloop.jobs.store import gpu_leases, job_events, jobs
from roadloop.storage import search
from roadloop.storage.platform import Platform


@pytest.mark.parametrize("part", [1, 2, 100])
def test_inspect__finds_the_same_in_parts_of_any_size(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    monkeypatch.setattr(lives, "PART", part)
    with platform.database.transaction() as db:
        ids = sorted(queue.submit(db, queue.Submission("health", {}, str(n))) for n in range(5))
        silent, early, rowless = ids[0], ids[2], ids[4]
        queue.claim(db, ids[1], ("GPU-1",), "here")
        db.execute(job_events.delete().where(job_events.c.job_id == silent))
        db.execute(jobs.update().where(jobs.c.id == early).values(progress=1.5))
        for table, column in ((jobs, jobs.c.id), (job_events, job_events.c.job_id)):
            db.execute(table.update().where(column == rowless).values(state=JobState.SUCCEEDED.value))
        db.execute(gpu_leases.insert().values({**_lease(db), "uuid": "GPU-2", "job_id": ids[3]}))
    report = Report()
    lives.inspect(platform, report)
    assert report.jobs == 5
    assert [problem.text.en for problem in report.problems] == [
        f"Job {silent}: its state differs from its last event.",
        f"Job {early}: its progress is out of range.",
        f"Job {rowless} (health) has no row in the table of its kind; put the database back from a backup.",
        f"GPU GPU-2 is leased by job {ids[3]}, which does not run.",
    ]


def _lease(db: sa.Connection) -> dict[str, object]:
    return dict(db.execute(sa.select(gpu_leases)).one()._mapping)


def submitted(db: sa.Connection, kind: str = "rehearsal") -> str:
    return queue.submit(db, queue.Submission(kind, {}, "x"))


def said(platform: Platform) -> list[str]:
    report = Report()
    lives.inspect(platform, report)
    return [problem.text.en for problem in report.problems]


def test_inspect__sound_lives_of_every_length(platform: Platform) -> None:
    with platform.database.transaction() as db:
        submitted(db)
        queue.claim(db, submitted(db), ("GPU-1",), "here")
        for state in (JobState.FAILED, JobState.CANCELLED, JobState.SUCCEEDED):
            queue.finish(db, queue.claim(db, submitted(db), (), "here"), state)
        again = queue.claim(db, submitted(db), (), "here")
        queue.requeue(db, again, Text("x", "x"), counts=True)
        queue.claim(db, again.id, ("GPU-2",), "here")
        db.execute(jobs.update().where(jobs.c.id == again.id).values(progress=1))
    assert said(platform) == []


def test_inspect__a_lease_of_an_earlier_attempt(platform: Platform) -> None:
    with platform.database.transaction() as db:
        job = queue.claim(db, submitted(db), ("GPU-1",), "here")
        db.execute(gpu_leases.update().values(token=0))
    assert said(platform) == [f"GPU GPU-1 is leased by job {job.id}, which does not run."]


def test_inspect__what_no_life_can_be(platform: Platform) -> None:
    """From queued straight to succeeded; a token that goes down; progress below nothing."""
    with platform.database.transaction() as db:
        ids = sorted(submitted(db) for _ in range(3))
        db.execute(job_events.insert().values(job_id=ids[0], state="succeeded", token=0, at=0))
        db.execute(jobs.update().where(jobs.c.id == ids[0]).values(state="succeeded"))
        job = queue.claim(db, ids[1], (), "here")
        db.execute(job_events.update().where(job_events.c.token == job.token).values(token=-1))
        db.execute(jobs.update().where(jobs.c.id == ids[2]).values(progress=-0.1))
    assert said(platform) == [
        f"Job {ids[0]} went from queued to succeeded, which is not allowed.",
        f"Job {ids[1]}: its token went down.",
        f"Job {ids[2]}: its progress is out of range.",
    ]


def test_inspect__processes_of_an_ended_job_that_stay(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lives, "ENDING_SECONDS", 1.5)
    with platform.database.transaction() as db:
        ended, runs = (queue.claim(db, submitted(db), (), "here") for _ in range(2))
        queue.finish(db, ended, JobState.SUCCEEDED)
    commands = ((ended.id, "60"), (runs.id, "60"), (ended.id, "0.05"), ("of another home", "60"))
    started = [
        subprocess.Popen(["sleep", seconds], env={"PATH": os.environ["PATH"], MARK: f"{task_id}:1"})
        for task_id, seconds in commands
    ]
    assert said(platform) == [f"Process {started[0].pid} belongs to job {ended.id}, which has ended."]
    for process in started:
        process.kill()
        process.wait()
    assert not psutil.pid_exists(started[0].pid)


def test_inspect__lists_that_do_not_fit_their_rows_are_numbered_anew(platform: Platform) -> None:
    with platform.database.transaction() as db:
        submitted(db)
        search.rebuild(db)
        db.execute(search.listed.delete())
    report = Report()
    lives.inspect(platform, report)
    (problem,) = report.problems
    assert problem.cure is not None
    assert problem.cure.key == "lists"
    problem.cure.apply(Repair(platform))
    assert said(platform) == []
    assert "numbered and indexed anew" in (platform.workspace.logs / "repairs.log").read_text()
