"""Creating networks: names, jobs, digests."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from roadloop.errors import InvalidNameError, InvalidValueError, NameTakenError, NotFoundError
from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.networks import folder, service
from roadloop.networks.recipe import CreateNet
from roadloop.storage.platform import Platform

RunJob = Callable[[Platform, str], queue.Job]


def create(platform: Platform, name: str = "c_network", template: str = "kd-seg.template") -> str:
    request = CreateNet(name=name, template=template, description="神经网络")
    return platform.database.write(lambda: service.create(platform, request))


def test_create__job_copies_the_template_and_says_its_cost(platform: Platform, run_job: RunJob) -> None:
    task_id = create(platform, "车道网络")
    assert service.list_networks(platform) == []
    job = run_job(platform, task_id)
    assert job.state is JobState.SUCCEEDED
    copy = platform.workspace.networks / "车道网络"
    assert sorted(p.name for p in copy.iterdir()) == sorted(folder.FILES)
    assert (copy / "network.py").read_bytes() == (folder.TEMPLATES / "enet" / "network.py").read_bytes()
    assert list(platform.workspace.networks.iterdir()) == [copy]
    assert job.result is not None
    assert job.result["parameters"] == 358_484
    assert job.result["digest"] == service.require(platform, "车道网络").digest


def test_create__network_with_a_boundary_head_in_training(platform: Platform, run_job: RunJob) -> None:
    job = run_job(platform, create(platform, "pid", "pidnet-s"))
    assert job.state is JobState.SUCCEEDED
    assert job.result is not None
    assert job.result["parameters"] == 7_623_651  # with 3 classes: 16 * 129 fewer than with 19


def test_list_networks__newest_first(platform: Platform, run_job: RunJob) -> None:
    for name in ("b", "a", "c"):
        run_job(platform, create(platform, name, "fast-scnn"))
    create(platform, "waiting")
    assert service.list_networks(platform) == ["c", "a", "b"]


def test_require__digest_follows_the_team_s_edit(platform: Platform, run_job: RunJob) -> None:
    run_job(platform, create(platform))
    before = service.require(platform, "c_network")
    (before.folder / "network.py").write_text("# 改动\n", encoding="utf-8")
    assert service.require(platform, "c_network").digest != before.digest
    (before.folder / "network.py").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidValueError, match="UTF-8"):
        service.require(platform, "c_network")
    (before.folder / "network.py").unlink()
    with pytest.raises(NotFoundError, match="put it back"):
        service.require(platform, "c_network")


def test_require__unknown_or_unfinished(platform: Platform) -> None:
    create(platform)
    with pytest.raises(NotFoundError, match="No finished network is named 'c_network'"):
        service.require(platform, "c_network")


def test_create__name_taken_carries_the_existing_task(platform: Platform) -> None:
    first = create(platform)
    with pytest.raises(NameTakenError) as caught:
        create(platform, template="enet")
    assert caught.value.details == {"task_id": first}


def test_create__name_taken_by_a_folder_of_somebody(platform: Platform) -> None:
    (platform.workspace.networks / "own").mkdir()
    with pytest.raises(NameTakenError):
        create(platform, "own")


@pytest.mark.parametrize("name", ["", "a/b", ".hidden", "-x", "a\n", "x" * 101])
def test_create__refuses_names_that_are_no_folder(platform: Platform, name: str) -> None:
    with pytest.raises(InvalidNameError):
        create(platform, name)


def test_create__unknown_template_names_those_there_are(platform: Platform) -> None:
    with pytest.raises(NotFoundError, match=r"enet, fast-scnn, pidnet-s.*, kd-seg\.template"):
        create(platform, template="../enet")


def test_create__failed_job_leaves_nothing_and_gives_the_name_up(
    platform: Platform, run_job: RunJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "network.py").write_text("def build(num_classes):\n    raise KeyError('层')\n")
    with monkeypatch.context() as patch:
        patch.setattr(folder, "TEMPLATES", tmp_path)
        job = run_job(platform, create(platform, template="broken"))
    assert job.state is JobState.FAILED
    assert job.reason is not None
    assert "network.py, line 2 (raise KeyError('层')) failed: KeyError" in job.reason.en
    assert list(platform.workspace.networks.iterdir()) == []
    again = run_job(platform, create(platform))
    assert again.state is JobState.SUCCEEDED
    assert service.list_networks(platform) == ["c_network"]


def test_read_defaults__team_s_broken_json_is_named(tmp_path: Path) -> None:
    assert folder.read_defaults(tmp_path, folder.TRAIN) == {}
    (tmp_path / folder.TRAIN).write_text('{\n "batch_size": 8,\n}')
    with pytest.raises(InvalidValueError, match=r"train\.json.*line [23]"):
        folder.read_defaults(tmp_path, folder.TRAIN)
    (tmp_path / folder.TRAIN).write_text("[1]")
    with pytest.raises(InvalidValueError, match="list"):
        folder.read_defaults(tmp_path, folder.TRAIN)
    (tmp_path / folder.TRAIN).unlink()
    os.mkfifo(tmp_path / folder.TRAIN)
    with pytest.raises(InvalidValueError, match="a named pipe instead of a file"):
        folder.read_defaults(tmp_path, folder.TRAIN)
