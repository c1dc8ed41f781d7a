"""S02: a model file whose code leaves a mark when it runs, asked for wherever a model can be: it runs where an operator said so."""

import hashlib
import json
import re
import shlex
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from conftest import BRIGHTEST
from mining_data import write_drives
from roadloop.cli.main import app
from roadloop.devices import service as devices
from roadloop.errors import InvalidValueError, RoadloopError, UntrustedCodeError
from roadloop.imaging.encode import encode_color, encode_label
from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.labels.table import ClassTable, LabelClass
from roadloop.models.load import Blueprint, load_start_weights
from roadloop.networks.folder import TEMPLATES, read_source
from roadloop.server import create_app
from roadloop.settings import Settings
from roadloop.sources.writer import NewSample, writing_set
from roadloop.storage.platform import Platform, open_platform
from signed_in import Team, make_each

RunJob = Callable[[Platform, str], queue.Job]
FILE = "canary_ep-0001.params"


@pytest.fixture
def platform(settings: Settings, tmp_path: Path) -> Iterator[Platform]:
    """A workspace with one writable root, pictures to evaluate, drives to mine, and a source set."""
    root = tmp_path / "root"
    root.mkdir()
    opened = open_platform(settings.model_copy(update={"roots": (str(root),)}), upgrade=True)
    write_drives(opened)
    picture, label = encode_color(np.full((8, 8, 3), 200, np.uint8)), encode_label(np.full((8, 8), 10, np.uint8))
    for folder in ("图片", "images/v1"):
        (opened.workspace.home / folder).mkdir(parents=True)
        (opened.workspace.home / folder / "a_1.png").write_bytes(picture)
    with writing_set(opened.workspace, "镇", ClassTable("t", (LabelClass(10, "red", "红", (255, 0, 0), 0),))) as writer:
        writer.add(NewSample("1", "a_1", picture, label))
    yield opened
    opened.database.close()


@pytest.fixture
def client(platform: Platform) -> TestClient:
    return TestClient(create_app(platform, 8600), base_url="http://127.0.0.1:8600", headers={"Accept-Language": "en"})


class Canary:
    """The model file, at every place that one can stand, and its mark."""

    def __init__(self, platform: Platform, write_model: Callable[..., Path], tmp_path: Path) -> None:
        self.mark = tmp_path / "it-ran"
        source = f"from pathlib import Path\nPath({str(self.mark)!r}).touch()\n{BRIGHTEST}"
        self.digest = hashlib.sha256(source.encode()).hexdigest()
        network = {"name": "canary\x1b[2J", "digest": self.digest, "settings": {}, "source": source}
        original = write_model(tmp_path / "original", "canary", 1, network=network)
        self.home = platform.workspace.home
        self.tasks, self.weights = self.home / "tasks" / "planted" / "output" / "models", self.home / "weights"
        self.release = self.home / "models" / "车道线" / "1" / "test-0"
        self.inboxes = [self.home / "imports" / "drop", self.home / "imports" / "annotations" / "1"]
        self.root = tmp_path / "root" / "models"
        for folder in (self.tasks, self.weights, self.release, self.root, *self.inboxes):
            shutil.copytree(original.parent, folder, dirs_exist_ok=True)

    def ran(self) -> bool:
        """Whether it ran since the last call."""
        found = self.mark.exists()
        self.mark.unlink(missing_ok=True)
        return found

    def command(self, *arguments: str, text: str = "") -> tuple[str, RoadloopError | None]:
        """What `roadloop` prints, and how it ended."""
        result = CliRunner().invoke(app, [*arguments, "--home", str(self.home)], input=text, env={"LC_ALL": "C.UTF-8"})
        assert result.exception is None or isinstance(result.exception, RoadloopError | SystemExit), result.exception
        return result.output, result.exception if isinstance(result.exception, RoadloopError) else None


@pytest.fixture
def canary(platform: Platform, write_model: Callable[..., Path], tmp_path: Path) -> Canary:
    return Canary(platform, write_model, tmp_path)


def evaluation(source: str = "weights", n: int = 1) -> dict[str, Any]:
    return {"dicts": {source: [FILE]}, "type": "full", "sour_dir": "图片", "dest_dir": f"out{n}", "single_gpu": 1}


def mining(weights_dir: str) -> dict[str, Any]:
    return {"weights_dir": weights_dir, "output_dir": "picked", "ratio": "2", "track_file": "tracks.txt", "gpus": "cpu"}


def release(source: str) -> dict[str, Any]:
    place = {"version": "2", "env": "test", "adcode": "0", "type": "车道线", "page": "1", "desc": "", "time": ""}
    return {"dicts": {source: [FILE, FILE.replace(".params", ".json")]}, **place}


def test_every_request_for_an_unknown_code_is_refused_by_name(client: TestClient, canary: Canary) -> None:
    requests = [
        *(("/starteva", evaluation(source)) for source in ("weights", "planted", "车道线/1")),
        *(("/sele_value", mining(place)) for place in ("weights", "planted", f"weights/{FILE}", str(canary.root))),
        *(("/release", release(source)) for source in ("weights", "planted")),
        ("/task_divide", {"version": "v1", "step": 5, "types": "full", "pre_model": FILE}),
        ("/v1/sources/镇/health", {"model": FILE}),
    ]
    for path, body in requests:
        answer = client.post(path, json=body)
        said = answer.json()
        assert (answer.status_code, said["error"]) == (403, "untrusted_code"), (path, body, said)
        assert said["details"]["digest"] == canary.digest
        assert "Nothing of it was run" in said["message"]
        assert f"roadloop weights trust {shlex.quote(said['details']['file'])} --home {canary.home}" in said["message"]
    assert (
        "没有运行其中的任何代码"
        in client.post(*requests[0][:1], json=requests[0][1], headers={"Accept-Language": "zh"}).json()["message"]
    )
    assert not canary.ran()


def test_roles__nobody_has_an_unknown_code_run_over_http(platform: Platform, canary: Canary) -> None:
    """S02 with accounts: who works is told what an operator would have to approve; who does not work is told nothing."""
    make_each(platform)
    team, refused = Team(platform), Counter[str]()
    requests = [
        *(("/starteva", evaluation(source)) for source in ("weights", "planted", "车道线/1")),
        ("/sele_value", mining("weights")),
        ("/release", release("weights")),
        ("/task_divide", {"version": "v1", "step": 5, "types": "full", "pre_model": FILE}),
        ("/v1/sources/镇/health", {"model": FILE}),
    ]
    for role in ("viewer", "annotator", "engineer", "admin"):
        browser = team.browser(role)
        for path, body in requests:
            answer = browser.post(path, json=body)
            assert answer.status_code == 403, (role, path, answer.text)
            refused[f"{role}: {answer.json()['error']}"] += 1
            assert (canary.digest in answer.text) == (role in {"engineer", "admin"})
    assert refused == {
        "viewer: access_refused": 7, "annotator: access_refused": 7, "engineer: untrusted_code": 7, "admin: untrusted_code": 7,
    }  # fmt: skip
    assert not canary.ran()
    print(f"\n{refused.total()} requests, {dict(refused)}")


def test_every_command_refuses_it_too(canary: Canary, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    for folder in (canary.weights, canary.tasks, canary.release, canary.root, *canary.inboxes):
        file = str(folder / FILE)
        for command in (
            ("export", file, "--onnx", "--out", out),
            ("export", file, "--check", str(canary.home / "图片"), "--out", out),
            ("health", "镇", "--model", file, "--out", out),
        ):
            _, error = canary.command(*command)
            assert isinstance(error, UntrustedCodeError), (command, error)
    _, error = canary.command("weights", "import", str(canary.inboxes[0] / FILE), "--name", "again")
    assert error is not None
    assert error.details == {"parameter": "network"}  # tensors for a network that is not here
    assert not canary.ran()
    assert not (tmp_path / "out").exists()


def test_a_model_where_pictures_come_in_never_runs(client: TestClient, canary: Canary) -> None:
    """Approved or not, behind a link or not."""
    said, _ = canary.command("weights", "trust", str(canary.inboxes[0] / FILE), "--yes", canary.digest)
    assert re.search(r"Approved.*\n.*move the \.params and its \.json to weights/", said)
    (canary.weights / "link").mkdir()
    for half in (canary.inboxes[0] / FILE, (canary.inboxes[0] / FILE).with_suffix(".json")):
        (canary.weights / "link" / half.name).symlink_to(half)
    for place in ("imports/drop", f"imports/drop/{FILE}", "imports/annotations/1", "weights/link"):
        answer = client.post("/sele_value", json=mining(place)).json()
        assert answer["error"] == "untrusted_code", (place, answer)
        assert "move the .params and its .json to weights/" in answer["message"]
    for folder in canary.inboxes:
        _, error = canary.command("export", str(folder / FILE), "--onnx")
        assert isinstance(error, UntrustedCodeError)
    assert not canary.ran()


def test_trust__shows_the_code_and_lets_it_run_until_it_is_revoked(
    client: TestClient, platform: Platform, run_job: RunJob, canary: Canary
) -> None:
    file = str(canary.weights / FILE)
    shown, _ = canary.command("weights", "trust", file, text="n\n")
    assert "torch.nn.Conv2d(3, num_classes, 1, bias=False)" in shown
    assert f"canary\\x1b[2J, sha256 {canary.digest}" in shown
    assert "\x1b" not in shown
    assert "It was not approved" in shown
    _, error = canary.command("weights", "trust", file, "--yes", "0" * 64)
    assert error is not None
    assert client.post("/starteva", json=evaluation()).status_code == 403

    assert "Approved" in canary.command("weights", "trust", file, text="y\n")[0]
    assert "may run" in canary.command("weights", "trust", file)[0]
    assert canary.digest in canary.command("weights", "trust", "--list")[0]
    assert run_job(platform, client.post("/starteva", json=evaluation(n=1)).json()["data"]).state is JobState.SUCCEEDED
    assert canary.ran()

    queued = client.post("/starteva", json=evaluation(n=2)).json()["data"]
    assert "Revoked" in canary.command("weights", "trust", "--revoke", canary.digest[:12])[0]
    job = run_job(platform, queued)
    assert job.state is JobState.FAILED
    assert job.reason is not None
    assert canary.digest in job.reason.en
    assert client.post("/starteva", json=evaluation(n=3)).status_code == 403
    assert "revoked by" in canary.command("weights", "trust", "--list")[0]
    assert not canary.ran()


def test_start_weights_are_tensors_alone(canary: Canary) -> None:
    enet = Blueprint(read_source(TEMPLATES / "enet"), 3, {"width": 0.25})
    with pytest.raises(InvalidValueError, match="does not fit this network"):
        load_start_weights(canary.weights / FILE, enet.build(), enet)
    assert not canary.ran()


def test_processes_import_nothing_that_lies_where_they_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """A library's name is no code of its own: here the NVIDIA library's, in the folder that the server runs in."""
    (tmp_path / "pynvml.py").write_text(f"open({str(tmp_path / 'it-ran')!r}, 'w')\nimport time\ntime.sleep(60)\n")
    monkeypatch.chdir(tmp_path)
    asked: dict[Any, Any] = {}
    monkeypatch.setattr(devices, "_cache", asked)
    devices.inventory(settings)
    while any(cache.asked is not None for cache in asked.values()):  # on a slow host; who hangs is given up
        time.sleep(0.05)
        devices.inventory(settings)
    assert not (tmp_path / "it-ran").exists()


def test_other_code_under_an_approved_digest_is_a_broken_file(client: TestClient, canary: Canary) -> None:
    canary.command("weights", "trust", str(canary.weights / FILE), "--yes", canary.digest)
    path = (canary.weights / FILE).with_suffix(".json")
    values = json.loads(path.read_text())
    values["network"]["source"] += "\n"
    path.write_text(json.dumps(values))
    assert client.post("/starteva", json=evaluation()).json()["error"] == "broken_file"
    assert not canary.ran()
