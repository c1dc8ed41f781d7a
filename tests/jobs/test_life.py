"""R29: whatever is done to a job, in whatever order, its life goes only where the table of states lets it."""

import itertools
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import hypothesis
import pytest
import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test

from roadloop.errors import ConflictError, InvalidTransitionError, StaleRunError, Text
from roadloop.jobs import queue
from roadloop.jobs.fsck import inspect
from roadloop.jobs.states import ALLOWED, ENDED, JobState
from roadloop.jobs.store import gpu_leases, job_events
from roadloop.settings import Settings
from roadloop.storage.platform import open_platform

WHY = Text("原因", "a reason")
REFUSED = (ConflictError, InvalidTransitionError, StaleRunError)


class Life(RuleBasedStateMachine):
    """Submissions, claims, ends, losses, cancelling and continuing, by holders of new and of old tokens."""

    jobs: Bundle[str] = Bundle("jobs")
    held: Bundle[queue.Job] = Bundle("held")  # jobs as their workers saw them when they claimed

    template: ClassVar[Path]  # a workspace without jobs

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        home = shutil.copytree(self.template, Path(self._folder.name) / "home")
        self.platform = open_platform(Settings(home=home, port=0))

    def teardown(self) -> None:
        assert inspect(self.platform, hashes=False).problems == []
        self.platform.database.close()
        self._folder.cleanup()

    def attempt(self, change: Any, *arguments: Any, **more: Any) -> Any:
        """Make a change that may be refused; a refused one changes nothing."""
        before = self.rows()
        try:
            with self.platform.database.transaction() as db:
                return change(db, *arguments, **more)
        except REFUSED:
            assert self.rows() == before
            return None

    def rows(self) -> list[Any]:
        with self.platform.database.reading() as db:
            return list(db.execute(sa.select(queue.jobs).order_by(queue.jobs.c.seq)).all())

    @rule(target=jobs, gpus=st.sampled_from(["", "0"]), created=st.booleans(), priority=st.integers(0, 2))
    def submit(self, gpus: str, created: bool, priority: int) -> str:
        state = JobState.CREATED if created else JobState.QUEUED
        submission = queue.Submission("rehearsal", {}, "数数", gpus=gpus, state=state, priority=priority)
        with self.platform.database.transaction() as db:
            return queue.submit(db, submission)

    @rule(target=held, task_id=jobs, uuid=st.sampled_from(["", "GPU-a", "GPU-b"]))
    def claim(self, task_id: str, uuid: str) -> Any:
        with self.platform.database.reading() as db:
            taken = uuid in queue.held_gpus(db)
        claimed = None if taken else self.attempt(queue.claim, task_id, [uuid] if uuid else [], "host")
        return multiple() if claimed is None else claimed

    @rule(task_id=jobs)
    def start(self, task_id: str) -> None:
        self.attempt(queue.start, task_id)

    @rule(task_id=jobs)
    def cancel(self, task_id: str) -> None:
        self.attempt(queue.cancel, task_id)

    @rule(job=held, state=st.sampled_from([JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED]))
    def finish(self, job: queue.Job, state: JobState) -> None:
        self.attempt(queue.finish, job, state)

    @rule(job=held, counts=st.booleans())
    def lose(self, job: queue.Job, counts: bool) -> None:
        self.attempt(queue.requeue, job, WHY, counts=counts)

    @rule(job=held)
    def write(self, job: queue.Job) -> None:
        self.attempt(queue.fenced, job.id, job.token, {"beat": queue.jobs.c.beat + 1})

    @invariant()
    def only_allowed_steps_with_rising_tokens(self) -> None:
        for row in self.rows():
            with self.platform.database.reading() as db:
                events = db.execute(
                    sa.select(job_events).where(job_events.c.job_id == row.id).order_by(job_events.c.seq)
                ).all()
            states = [JobState(event.state) for event in events]
            assert states[0] in {JobState.CREATED, JobState.QUEUED}
            assert all(then in ALLOWED[now] for now, then in itertools.pairwise(states)), states
            assert states[-1] == JobState(row.state)
            tokens = [event.token for event in events if event.state == JobState.RUNNING.value]
            assert tokens == list(range(1, row.token + 1))

    @invariant()
    def only_running_jobs_hold_gpus(self) -> None:
        states = {row.id: JobState(row.state) for row in self.rows()}
        with self.platform.database.reading() as db:
            leases = db.execute(sa.select(gpu_leases)).all()
        assert all(states[lease.job_id] is JobState.RUNNING for lease in leases)

    @invariant()
    def only_ended_jobs_have_an_end(self) -> None:
        assert all((row.finished_at is not None) == (JobState(row.state) in ENDED) for row in self.rows())


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[type[Life]]:
    """Lives in copies of one workspace."""
    open_platform(Settings(home=tmp_path, port=0), upgrade=True).database.close()
    Life.template = tmp_path
    yield Life
    del Life.template


@pytest.mark.reliability
@pytest.mark.timeout(900)
def test_r29__no_order_of_events_leads_where_the_table_does_not(
    machine: type[Life], times: Callable[[int], int], rng: random.Random
) -> None:
    chosen = hypothesis.settings(
        max_examples=3 * times(30), stateful_step_count=30, deadline=None, database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip
    hypothesis.seed(rng.getrandbits(64))(machine)
    run_state_machine_as_test(machine, settings=chosen)
