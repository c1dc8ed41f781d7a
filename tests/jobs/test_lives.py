import pytest
import sqlalchemy as sa

from roadloop.jobs import lives, queue
from roadloop.jobs.findings import Report
from roadloop.jobs.states import JobState
from roadloop.jobs.store import gpu_leases, job_events, jobs
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
