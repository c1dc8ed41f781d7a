"""R03: every kind of job, killed at every named point, ends in the same bytes and leaves nothing behind."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

import roadloop
from job_cases import CASES, POINTS, Stage, cases
from roadloop.jobs.context import KEPT
from roadloop.jobs.fsck import inspect
from roadloop.jobs.registry import TASKS
from roadloop.jobs.states import JobState

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(900), pytest.mark.xdist_group("jobs")]

#: What the second attempt says about the work that it need not do again.
TAKEN_OVER: Final[Mapping[str, str]] = {
    "build.shard": "taken_over=[12]",
    "build.packed": "taken_over=2",
    "evaluate.half_predicted": "4 pictures of an earlier attempt are taken over",
    "evaluate.predicted": "8 pictures of an earlier attempt are taken over",
    "select.half_scored": "the scores of an earlier attempt are taken over",
    "train.saved": "resumed from epoch-000000-step-000000001",
    "train.epoch": "resumed from epoch-000001",
}
#: Kinds whose next attempt takes over what is finished, so that getting further forgives lost workers; of a push, what
#: the annotator has. Trainings and pulls have something in their memo that changes; the others begin anew, or are short.
KEEPING: Final = {"create_data", "evaluate", "sample", "select", "task_divide"}


def test_points__every_named_point_of_the_source_is_in_the_table() -> None:
    source = Path(roadloop.__file__).parent
    named = {p for path in source.rglob("*.py") for p in re.findall(r'reach\("([^"]+)"\)', path.read_text())}
    assert named == {point for points in POINTS.values() for point in points}
    nothing_but_rows = {"rehearsal", "add_net", "measure"}
    assert set(POINTS) == {case.partition("-")[0] for case in CASES} == set(TASKS) - nothing_but_rows


@pytest.mark.parametrize("case", cases())
def test_r03__killed_at_a_point_ends_in_the_same_bytes(
    case: str, stages: Callable[[str], Stage], times: Callable[[int], int]
) -> None:
    stage = stages(case)
    points = POINTS[stage.kind]
    step = len(points) / times(len(points))
    for point in [points[int(n * step)] for n in range(times(len(points)))]:
        with stage.opened() as platform:
            assert stage.run(platform, fail_point=point) == -9, point
            assert inspect(platform, hashes=True).problems == [], point
            job = stage.recover(platform)
            chosen = point in {"finish.chosen", "finish.moved"}
            assert job.state is (JobState.SUCCEEDED if chosen else JobState.QUEUED), (point, job.reason)
            if not chosen:
                assert stage.run(platform) == 0
                assert re.search(TAKEN_OVER.get(point, ""), stage.log(platform)), point
            job = stage.job(platform)
            assert job.state is JobState.SUCCEEDED, (point, job.reason)
            assert (job.memo.get(KEPT, 0) > 0) == (stage.kind in KEEPING) or stage.kind == "push_package", point
            assert _lasting(job.result) == _lasting(stage.result), point
            assert stage.tree() == stage.after, point


def _lasting(result: dict[str, Any] | None) -> dict[str, Any]:
    """A result without what only says how much of the work an earlier attempt had done."""
    assert result is not None
    return {name: value for name, value in result.items() if name not in {"already", "finished"}}
