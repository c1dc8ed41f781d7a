"""Whether fsck sees that the index of releases is not what the bundles say."""

import json
from pathlib import Path

import pytest

from roadloop.jobs import queue
from roadloop.jobs.findings import Repair
from roadloop.jobs.states import JobState
from roadloop.releases import fsck
from roadloop.releases.index import INDEX, RELEASE, read_json
from roadloop.storage.platform import Platform


def bundle(models: Path, folder: str) -> dict[str, str]:
    """A published bundle, as far as the index looks; its record."""
    (models / folder).mkdir(parents=True)
    record = {"folder": folder, "category": "车道线"}
    (models / folder / RELEASE).write_text(json.dumps(record))
    return record


def said(platform: Platform) -> list[str]:
    return [problem.text.en.rpartition("/")[2] for problem in fsck.index(platform, hashes=True)]


@pytest.mark.parametrize("index", [None, "{", '{"format": "roadloop-releases/1", "releases": []}'])
def test_index__is_wrong_when_it_is_gone_damaged_or_old_and_can_be_made_anew(
    platform: Platform, index: str | None
) -> None:
    models = platform.workspace.models
    records = [bundle(models, folder) for folder in ("c/1/env-0", "c/2/env-0")]
    if index is not None:
        (models / INDEX).write_text(index)
    (problem,) = fsck.index(platform, hashes=False)
    assert problem.text.en == f"{models / INDEX} is not the index of the bundles."
    assert problem.cure is not None
    assert problem.cure.key == str(models / INDEX)
    problem.cure.apply(Repair(platform))
    assert read_json(models / INDEX) == {"format": "roadloop-releases/1", "releases": records}
    assert said(platform) == []
    assert f"{models / INDEX} was made anew from the bundles" in (platform.workspace.logs / "repairs.log").read_text()


def test_index__where_nothing_was_published_there_is_none(platform: Platform) -> None:
    assert said(platform) == []
    (platform.workspace.models / INDEX).write_text("{}")  # which some bundle must have stood in
    assert said(platform) == ["index.json is not the index of the bundles."]


def test_index__a_release_at_work_is_between_its_renames(platform: Platform) -> None:
    bundle(platform.workspace.models, "c/1/env-0")
    with platform.database.transaction() as db:
        queue.submit(db, queue.Submission("rehearsal", {}, "x"))
        job = queue.claim(db, queue.submit(db, queue.Submission("release", {}, "x")), (), "here")
    assert said(platform) == []
    with platform.database.transaction() as db:
        queue.finish(db, job, JobState.FAILED)
    assert said(platform) == ["index.json is not the index of the bundles."]
