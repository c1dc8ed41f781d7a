"""Which model files there are, in which order, and what can start a training."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from roadloop.errors import InvalidNameError, NotFoundError, PathOutsideError
from roadloop.jobs import queue
from roadloop.models import files, service
from roadloop.networks.folder import NetworkInfo, digest
from roadloop.storage.platform import Platform

SavePair = Callable[..., Path]


def submit(platform: Platform, task: str) -> None:
    with platform.database.transaction() as db:
        queue.submit(db, queue.Submission("train", {}, task, pool="training"))


def test_model__newest_task_and_epoch_first(platform: Platform, client: TestClient, save_pair: SavePair) -> None:
    for task, epochs in (("b", (1, 12, 3)), ("a", (1,)), ("苏州", (10000,))):
        submit(platform, task)
        for epoch in epochs:
            save_pair(service.models_folder(platform.workspace, task), epoch=epoch)
    save_pair(service.models_folder(platform.workspace, "by hand"))
    (platform.workspace.tasks / "empty").mkdir()
    folder = service.models_folder(platform.workspace, "b")
    files.description_path(folder / "kd_suzhou_ep-0003.params").unlink()  # half a pair is no model
    (folder / ".kd_suzhou_ep-0004.params.partial").touch()
    reply = client.get("/model").json()
    assert reply["errno"] == 1
    assert list(reply["data"]) == ["苏州", "a", "b", "by hand"]
    assert reply["data"]["b"] == [
        "kd_suzhou_ep-0012.params",
        "kd_suzhou_ep-0012.json",
        "kd_suzhou_ep-0001.params",
        "kd_suzhou_ep-0001.json",
    ]
    assert reply["data"]["苏州"][0] == "kd_suzhou_ep-10000.params"


def test_model__q_finds_tasks_and_files_by_their_names(
    platform: Platform, client: TestClient, save_pair: SavePair
) -> None:
    for task, epochs in (("b", (1, 12)), ("苏州 Ring", (1,))):
        submit(platform, task)
        for epoch in epochs:
            save_pair(service.models_folder(platform.workspace, task), epoch=epoch)

    def found(q: str) -> dict[str, int]:
        return {task: len(files) for task, files in client.get("/model", params={"q": q}).json()["data"].items()}

    assert found("ring") == {"苏州 Ring": 2}  # the task's name: all its files
    assert found("苏州") == {"苏州 Ring": 2}
    assert found("EP-0012") == {"b": 2}  # a file's name: that pair alone
    assert found("0012.json") == {"b": 2}
    assert found("nothing") == {}
    assert found("") == {"苏州 Ring": 2, "b": 4}


def test_compatible_weights__same_network_first(platform: Platform, save_pair: SavePair, tmp_path: Path) -> None:
    for task in ("old", "newest", "self"):
        submit(platform, task)
    tasks = platform.workspace
    save_pair(service.models_folder(tasks, "old"), epoch=1)
    save_pair(service.models_folder(tasks, "old"), epoch=2)
    other = "from torch import nn\ndef build(num_classes):\n    return nn.Conv2d(3, num_classes, 1)\n"
    part = {"name": "other", "digest": digest(other), "settings": {}, "source": other}
    save_pair(service.models_folder(tasks, "newest"), network=part)
    save_pair(service.models_folder(tasks, "self"))
    imported = save_pair(tasks.weights, "imported", num_classes=5)
    (tasks.weights / "cityscapes_rna-a1_cls19_s8_ep-0001.params").write_bytes(b"foreign")
    (tasks.weights / "notes.txt").touch()
    (tasks.weights / "z.pth").touch()
    source = files.load_description(imported).network.source
    network = NetworkInfo("c_network", tmp_path, digest(source))
    found = service.compatible_weights(platform, network, 3, leave_out="self")
    assert found == [
        "old/kd_suzhou_ep-0002.params",
        "old/kd_suzhou_ep-0001.params",
        "imported_ep-0005.params",
        "newest/kd_suzhou_ep-0005.params",
        "cityscapes_rna-a1_cls19_s8_ep-0001.params",
        "z.pth",
    ]
    for name in found:
        assert service.find_weights(platform, name).name == name.rpartition("/")[2]
    renamed = NetworkInfo("other", tmp_path, "0" * 64)
    assert service.compatible_weights(platform, renamed, 3)[0] == "newest/kd_suzhou_ep-0005.params"


def test_find_model__refuses_unknown_and_outside(platform: Platform, save_pair: SavePair) -> None:
    path = save_pair(service.models_folder(platform.workspace, "suzhou"))
    assert service.find_model(platform, "suzhou", path.name) == path
    with pytest.raises(NotFoundError, match=r"newest are: kd_suzhou_ep-0005\.params"):
        service.find_model(platform, "suzhou", "kd_suzhou_ep-0009.params")
    with pytest.raises(NotFoundError):
        service.find_model(platform, "suzhou", files.description_path(path).name)
    (platform.workspace.weights / "foreign.safetensors").touch()
    assert service.find_weights(platform, "foreign.safetensors").name == "foreign.safetensors"
    with pytest.raises(NotFoundError):  # start weights, but no model
        service.find_model(platform, "weights", "foreign.safetensors")
    with pytest.raises(NotFoundError, match="newest are: none"):
        service.find_weights(platform, "absent.params")
    for name in ("../suzhou/x.params", "a/../../x.params", "suzhou/", "/etc/passwd"):
        with pytest.raises(InvalidNameError):
            service.find_weights(platform, name)


@pytest.mark.parametrize("ending", [".params", ".json"])
def test_weights__links_out_of_the_roots_are_no_models(
    platform: Platform, save_pair: SavePair, tmp_path: Path, ending: str
) -> None:
    inside, outside = save_pair(platform.workspace.weights), save_pair(tmp_path / "outside")
    link = inside.with_suffix(ending)
    link.unlink()
    link.symlink_to(outside.with_suffix(ending))
    with pytest.raises(PathOutsideError, match="leads out"):
        service.find_model(platform, "weights", inside.name)
    if ending == ".params":
        info = NetworkInfo("kd", tmp_path, "0" * 64)
        assert service.compatible_weights(platform, info) == []
