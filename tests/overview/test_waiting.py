"""What waits for somebody, by the rows that say so, and when it does not any more."""

from job_rows import job, row
from roadloop.annotators.store import downloads
from roadloop.evaluation.store import evaluation_models, evaluations
from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.networks.store import networks
from roadloop.overview.waiting import DAYS, FAILED_DAYS, NEWEST, waiting
from roadloop.packages.store import divisions, label_runs
from roadloop.selection.store import selections
from roadloop.storage.platform import Platform


def found(platform: Platform) -> dict[str, list[str]]:
    """What waits, as `what kind` -> names."""
    return {f"{one.what} {one.kind}".strip(): [o.name for o in one.ones] for one in waiting(platform)}


def test_waiting__nothing_in_an_empty_workspace(platform: Platform) -> None:
    assert waiting(platform) == []


def test_waiting__failures_until_they_are_done_again_or_old(platform: Platform) -> None:
    job(platform, "offimport", "苏州", JobState.FAILED)
    job(platform, "offimport", "上海", JobState.FAILED, days=FAILED_DAYS + 1)
    job(platform, "offimport", "北京", JobState.CANCELLED)
    job(platform, "import_preview", "看一眼", JobState.FAILED)
    job(platform, "train", "t1", JobState.FAILED)
    assert found(platform) == {"failed train": ["t1"], "failed offimport": ["苏州"]}
    job(platform, "offimport", "苏州", JobState.RUNNING)
    job(platform, "train", "t2", JobState.FAILED)
    assert found(platform) == {"failed train": ["t2", "t1"]}


def test_waiting__trainings_that_were_not_started_or_not_evaluated(platform: Platform) -> None:
    job(platform, "train", "later", JobState.CREATED)
    for name in ("one", "two"):
        job(platform, "train", name)
    job(platform, "train", "long-ago", days=DAYS + 1)
    assert found(platform) == {"draft train": ["later"], "unevaluated train": ["two", "one"]}
    given_up = job(platform, "evaluate", "e", JobState.CANCELLED)
    at_work = job(platform, "evaluate", "e", JobState.RUNNING)
    for task_id, source in ((given_up, "one"), (at_work, "two")):
        row(platform, evaluations, task_id, single_gpu=1)
        row(platform, evaluation_models, task_id, place=0, source=source)
    assert found(platform)["unevaluated train"] == ["one"]


def test_waiting__the_way_of_pictures_through_annotation(platform: Platform) -> None:
    chosen = job(platform, "select", "挑图")
    row(platform, selections, chosen, output_path="images/v1", isshuffle=False)
    elsewhere = job(platform, "sample", "别处")
    row(platform, selections, elsewhere, output_path="selections/2", isshuffle=False)
    job(platform, "rework", "v2")
    assert found(platform) == {"uncut select": ["v2", "v1"]}

    cut = job(platform, "task_divide", "v1")
    row(platform, divisions, cut, version="v1", rejected=False)
    assert found(platform) == {"uncut select": ["v2"]}

    for finished in (3, 0):  # the second one fetches nothing new
        row(platform, downloads, job(platform, "linedown", "1..3", finished=finished), dest="v1")
    assert found(platform)["returned linedown"] == ["v1"]

    row(platform, label_runs, job(platform, "process_label", "v1 · a", rejected_pictures=2), version="v1", name="a")
    assert found(platform) == {"rejected process_label": ["v1"], "uncut select": ["v2"]}

    row(platform, divisions, job(platform, "task_divide", "v1"), version="v1", rejected=True)
    assert found(platform) == {"uncut select": ["v2"]}
    row(platform, label_runs, job(platform, "process_label", "v1 · b", rejected_pictures=1), version="v1", name="b")
    row(platform, label_runs, job(platform, "process_label", "v1 · c", rejected_pictures=0), version="v1", name="c")
    assert found(platform) == {"uncut select": ["v2"]}


def test_waiting__folders_that_nobody_has_had_checked(platform: Platform) -> None:
    for name in ("own", "known", ".hidden"):
        (platform.workspace.networks / name).mkdir()
    row(platform, networks, job(platform, "create_net", "known"), name="known", live=True)
    row(platform, networks, job(platform, "create_net", "own"), name="own", live=False)
    assert found(platform) == {"unchecked": ["own"]}


def test_waiting__names_five_and_looks_at_the_newest_jobs_alone(platform: Platform) -> None:
    job(platform, "train", "out of sight", JobState.CREATED)
    with platform.database.transaction() as db:
        for number in range(NEWEST):
            state = JobState.CREATED if number % 50 == 0 else JobState.QUEUED
            queue.submit(db, queue.Submission("train", {}, f"{number}", state=state))
    (drafts,) = waiting(platform)
    assert (drafts.number, [one.name for one in drafts.ones]) == (10, ["450", "400", "350", "300", "250"])
