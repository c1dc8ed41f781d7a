"""The tour with a real server, a tiny world and one epoch; and what goes wrong on the way."""

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from roadloop.demo import cli, report
from roadloop.demo.child import ServerChild, serving
from roadloop.demo.client import Client
from roadloop.demo.stage import Stage
from roadloop.demo.tour import Found, Script, Tour
from roadloop.errors import InvalidValueError, JobError
from roadloop.settings import Settings
from roadloop.storage.paths import Workspace

TINY = Script(
    size=(96, 72),
    tracks=4,
    frames=3,
    shares=(0.5, 0.25, 0.25),
    epochs=1,
    batch=4,
    train_con={"optimizer": "adamw", "base_lr": 0.005, "network_settings": {"auxiliary": False, "width": 0.25}},
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """As a user has them: the short leases of other tests make a busy machine lose jobs."""
    return Settings(home=tmp_path / "home", port=0, min_free_mib=0, torch_threads=1)


@pytest.fixture
def server(settings: Settings) -> Iterator[ServerChild]:
    with serving(settings) as child:
        yield child


def walk(server: ServerChild, home: Path) -> tuple[Found, Stage]:
    stage = Stage(Console(quiet=True), "en")
    with Client(server.url, "en", server.check) as client:
        found = Tour(client, Workspace(home), stage, TINY, processes=1).run()
        report.write_report(home, stage.steps, found, TINY)
        report.write_sheet(home, found, client.read)
    return found, stage


def test_tour__goes_round_and_a_second_one_goes_on(server: ServerChild, settings: Settings) -> None:
    found, stage = walk(server, settings.home)
    assert [step.path for step in stage.steps] == [
        "/data", "/data", "/create_data", "/create_net", "/starttask", "/starteva", "/release",
    ]  # fmt: skip
    assert found.counts == {"train": 12, "val": 6, "test": 6}
    assert found.tracks == {"train": 4, "val": 2, "test": 2}
    assert len(found.report["classes"]) == 13
    assert 0.0 <= report.demo_miou(found) <= 1.0
    assert found.shown == 6
    assert (settings.home / found.release["folder"]).is_dir()
    assert (settings.home / report.SHEET).stat().st_size > 1000

    again, stage = walk(server, settings.home)
    assert again.model == found.model
    assert again.release == found.release
    assert again.report["miou"] == found.report["miou"]
    assert sum(step.result.en == "already there" for step in stage.steps) == 3  # two source sets, one release


def test_client__failures_say_what_and_where(server: ServerChild) -> None:
    with Client(server.url, "en", server.check) as client:
        with pytest.raises(JobError, match=r"/create_data answered 404: .*nowhere"):
            client.post("/create_data", data_name="x", sour_data="nowhere")
        server.stop()
        with pytest.raises(JobError, match=r"The server has ended .*demo-serve\.log"):
            client.get("/data")


def test_serving__a_port_that_is_taken_is_told(server: ServerChild, settings: Settings, tmp_path: Path) -> None:
    port = int(server.url.rsplit(":", 1)[1])
    other = settings.model_copy(update={"home": tmp_path / "other", "port": port})
    with pytest.raises(JobError, match=f"Port {port} cannot be used"), serving(other):
        pass


def test_serving__the_server_ends_with_the_block(settings: Settings) -> None:
    before = {p.pid for p in psutil.Process(os.getpid()).children(recursive=True)}
    with serving(settings) as child:
        begun = {p.pid for p in psutil.Process(os.getpid()).children(recursive=True)} - before
        assert begun
        child.check()
    gone, alive = psutil.wait_procs([psutil.Process(pid) for pid in begun if psutil.pid_exists(pid)], timeout=5)
    assert not alive, gone


def test_demo__a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("do not touch")
    with pytest.raises(InvalidValueError):
        cli.demo(home=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
