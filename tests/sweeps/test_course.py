"""Successive halving step by step: who stops, who goes on, and when it is over."""

from roadloop.jobs.states import JobState
from roadloop.sweeps.course import Seen, follow
from roadloop.sweeps.plan import Sweep

SWEEP = Sweep("s", "n", "d", "", ("",), 2, (1, 2, 4), {}, tuple({"seed": k} for k in range(4)))
QUEUED, RUNNING, CANCELLED, FAILED, DONE = (
    JobState.QUEUED,
    JobState.RUNNING,
    JobState.CANCELLED,
    JobState.FAILED,
    JobState.SUCCEEDED,
)


def test_follow__a_trial_stops_at_its_rung_until_the_others_are_there() -> None:
    course = follow(
        SWEEP, {0: Seen(RUNNING, [0.5]), 1: Seen(QUEUED, []), 2: Seen(CANCELLED, [0.4]), 3: Seen(RUNNING, [])}
    )
    assert (course.rung, course.alive, course.out) == (0, [0, 1, 2, 3], {})
    assert course.actions == {0: "stop"}


def test_follow__the_better_half_goes_on_from_where_it_stopped() -> None:
    stopped = {k: Seen(CANCELLED, [miou]) for k, miou in enumerate([0.1, 0.4, 0.3, 0.2])}
    course = follow(SWEEP, stopped)
    assert (course.rung, course.alive) == (1, [1, 2])
    assert course.out == {0: 1, 3: 1}
    assert course.actions == {1: "continue", 2: "continue"}


def test_follow__a_survivor_that_still_runs_is_left_alone() -> None:
    seen = {
        0: Seen(CANCELLED, [0.1]),
        1: Seen(RUNNING, [0.4]),
        2: Seen(CANCELLED, [0.3]),
        3: Seen(RUNNING, [0.2]),
    }
    assert follow(SWEEP, seen).actions == {2: "continue", 3: "stop"}


def test_follow__only_epochs_up_to_the_rung_count() -> None:
    seen = {
        0: Seen(CANCELLED, [0.1, 0.9, 0.9]),  # ran too far before it was stopped
        1: Seen(CANCELLED, [0.4]),
        2: Seen(CANCELLED, [0.3]),
        3: Seen(CANCELLED, [0.2]),
    }
    assert follow(SWEEP, seen).alive == [1, 2]


def test_follow__a_failed_trial_is_out_and_the_rest_goes_on() -> None:
    seen = {0: Seen(FAILED, []), 1: Seen(CANCELLED, [None]), 2: Seen(CANCELLED, [0.1]), 3: Seen(CANCELLED, [])}
    course = follow(SWEEP, seen)
    assert course.alive == [2]
    assert set(course.out) == {0, 1, 3}
    assert course.actions == {2: "continue"}


def test_follow__the_last_rung_runs_to_its_end_and_ranks_the_rest() -> None:
    seen = {
        0: Seen(CANCELLED, [0.1]),
        1: Seen(RUNNING, [0.4, 0.5, 0.6, 0.7]),
        2: Seen(CANCELLED, [0.3, 0.4]),
        3: Seen(CANCELLED, [0.2]),
    }
    course = follow(SWEEP, seen)
    assert (course.alive, course.actions, course.finished) == ([1], {}, False)
    course = follow(SWEEP, seen | {1: Seen(DONE, [0.4, 0.5, 0.6, 0.7])})
    assert (course.alive, course.out, course.finished) == ([1], {0: 1, 3: 1, 2: 2}, True)


def test_follow__an_early_end_counts_with_what_it_reached() -> None:
    seen = {
        0: Seen(DONE, [0.9]),
        1: Seen(CANCELLED, [0.4, 0.5]),
        2: Seen(CANCELLED, [0.3]),
        3: Seen(CANCELLED, [0.2]),
    }
    assert follow(SWEEP, seen).alive == [0]
    assert follow(SWEEP, seen).finished


def test_follow__is_over_when_nobody_has_a_score() -> None:
    course = follow(SWEEP, {k: Seen(FAILED, []) for k in range(4)})
    assert (course.alive, course.finished) == ([], True)
