"""The life of a job, as a table."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from roadloop.errors import InvalidTransitionError, Text


class JobState(StrEnum):
    """Where a job stands. Each member says how it is reached."""

    CREATED = "created"  # a training task that waits for /starttask
    QUEUED = "queued"  # submitted, continued, or put back after its worker was lost
    RUNNING = "running"  # claimed: a token was raised and a process is being started or at work
    SUCCEEDED = "succeeded"  # its output is in place
    FAILED = "failed"  # it said why, or its attempts are used up
    CANCELLED = "cancelled"  # somebody asked


ALLOWED: Final[Mapping[JobState, frozenset[JobState]]] = {
    JobState.CREATED: frozenset({JobState.QUEUED, JobState.CANCELLED}),
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED}),
    JobState.RUNNING: frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.QUEUED}),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset({JobState.QUEUED}),  # a person continues it
    JobState.CANCELLED: frozenset({JobState.QUEUED}),  # a person continues it
}

ENDED: Final = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})
#: Ended without what was asked for.
GIVEN_UP: Final = frozenset({JobState.FAILED, JobState.CANCELLED})


def check_transition(now: JobState, then: JobState) -> None:
    """Raise `InvalidTransitionError` if a job cannot go from `now` to `then`."""
    if then not in ALLOWED[now]:
        raise InvalidTransitionError(
            Text(
                f"任务当前状态是 {now}，不能变为 {then}。",
                f"The job is {now}; it cannot become {then}.",
            ),
            state=now.value,
        )
