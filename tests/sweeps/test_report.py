"""The curves of a sweep."""

import numpy as np

from roadloop.jobs.states import JobState
from roadloop.sweeps.course import Course, Seen
from roadloop.sweeps.plan import Sweep
from roadloop.sweeps.report import draw

TRIALS = {0: Seen(JobState.RUNNING, [0.2, None, 0.4]), 1: Seen(JobState.CANCELLED, [0.1])}


def test_draw__who_is_in_it_has_a_colour_and_who_was_left_behind_is_grey() -> None:
    sweep = Sweep("搜索", "n", "d", "", ("",), 2, (1, 3), {}, ({"seed": 0}, {"seed": 1}))
    found = draw(sweep, TRIALS, Course(1, [0], {1: 1}))
    assert np.ptp(found, axis=-1).any()
    assert (found == (150, 150, 150)).all(axis=-1).any()
    assert not np.ptp(draw(sweep, {1: TRIALS[1]}, Course(1, [], {1: 1})), axis=-1).any()


def test_draw__numbers_of_rungs_do_not_stand_over_each_other() -> None:
    """At 100 epochs the first rungs are six pixels apart: of 1, 2 and 3 the last is written."""
    crowded, sparse = (
        draw(Sweep("s", "n", "d", "", ("",), 2, rungs, {}, ({"seed": 0},)), {}, Course(0, []))
        for rungs in ((1, 2, 3, 100), (3, 100))
    )
    below = slice(413, 430)  # under the plot
    assert (sparse[below] != 255).any()
    assert np.array_equal(crowded[below], sparse[below])
