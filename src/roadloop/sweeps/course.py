"""Where a sweep stands, from what its trials did, and what is to be done next. Pure.

Nothing is remembered between two looks: the trials' own curves and states say everything, so a sweep goes on after
any interruption.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from roadloop.errors import Text
from roadloop.jobs.states import ENDED, JobState
from roadloop.sweeps.plan import Sweep, survivors

Action = Literal["stop", "continue"]


@dataclass(frozen=True)
class Seen:
    """What is known of one trial.

    Attributes:
        state: Of its job.
        miou: Validation mIoU, 0..1, after each finished epoch; None where it cannot be said.
        reason: Why it waits or failed.
    """

    state: JobState
    miou: Sequence[float | None]
    reason: Text | None = None

    def score(self, epochs: int) -> float | None:
        """The best mIoU of the first `epochs` epochs; None when it got no further than some broken epoch."""
        known = [m for m in self.miou[:epochs] if m is not None]
        return max(known, default=None)

    def has_done(self, epochs: int, *, first: bool) -> bool:
        """Whether it has got so far, or never will: before the first rung, somebody else's stop ends it."""
        ends = {JobState.SUCCEEDED, JobState.FAILED} | ({JobState.CANCELLED} if first else set())
        return len(self.miou) >= epochs or self.state in ends


@dataclass
class Course:
    """A sweep at one moment.

    Attributes:
        rung: The rung that the remaining trials are on their way to, as an index.
        alive: Trials that are still in it, best first after a rung.
        out: Trial -> epochs of the rung at which it was left behind.
        actions: Trial -> what is to be done with it now.
        finished: Whether the last rung is decided and nothing runs any more.
    """

    rung: int
    alive: list[int]
    out: dict[int, int] = field(default_factory=dict)
    actions: dict[int, Action] = field(default_factory=dict)
    finished: bool = False


def follow(sweep: Sweep, seen: Mapping[int, Seen]) -> Course:
    """Where the sweep stands.

    A trial that has reached its rung is stopped there until all others have; the survivors go on from their
    checkpoints, which gives the same bytes as never having stopped.
    """
    course = Course(0, list(seen))
    for number, epochs in enumerate(sweep.rungs):
        course.rung = number
        last = number == len(sweep.rungs) - 1
        waiting = [i for i in course.alive if not seen[i].has_done(epochs, first=not number)]
        _act(course, seen, waiting, last=last)
        if waiting:
            return course
        scores = {i: _score(seen[i], epochs) for i in course.alive}
        best = survivors(scores, sweep.keep if not last else 1)
        course.out |= {i: epochs for i in course.alive if i not in best}
        course.alive = best
        if not best:
            break
    course.finished = all(s.state in ENDED for s in seen.values())
    return course


def _score(trial: Seen, epochs: int) -> float | None:
    """None drops a trial: it failed, or was stopped by somebody, before it got so far."""
    if len(trial.miou) < epochs and trial.state is not JobState.SUCCEEDED:
        return None
    return trial.score(epochs)


def _act(course: Course, seen: Mapping[int, Seen], waiting: Sequence[int], *, last: bool) -> None:
    """What is to be done on the way to this rung; nothing of an earlier rung's counts any more."""
    course.actions = {}
    for i, trial in seen.items():
        if i in waiting:
            if trial.state is JobState.CANCELLED:
                course.actions[i] = "continue"
        elif trial.state in {JobState.QUEUED, JobState.RUNNING} and not (last and i in course.alive):
            course.actions[i] = "stop"
