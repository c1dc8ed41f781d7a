"""The tour with a real server, a tiny world and one epoch; and what goes wrong on the way."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from rich.console import Console

import import_folders as folders
from filled import TINY, go_round
from roadloop.client import Client, RefusedError
from roadloop.datasets.reader import DatasetReader
from roadloop.demo import cli, report
from roadloop.demo.camvid import CamvidTour, check_folder, script_of
from roadloop.demo.child import ServerChild, serving
from roadloop.demo.script import Found
from roadloop.demo.stage import Stage
from roadloop.demo.world.world import World
from roadloop.errors import InvalidValueError, JobError
from roadloop.imaging.decode import decode_label
from roadloop.settings import Settings
from roadloop.sources.service import open_set, read_splits, scan
from roadloop.storage import reading
from roadloop.storage.paths import Workspace


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """As a user has them: the short leases of other tests make a busy machine lose jobs."""
    return Settings(home=tmp_path / "home", port=0, min_free_mib=0, torch_threads=1)


@pytest.fixture
def server(settings: Settings) -> Iterator[ServerChild]:
    with serving(settings) as child:
        yield child


def test_script_of__another_network_on_a_gpu() -> None:
    fast, other = script_of(3, 1), script_of(3, 1, "pidnet-s", "0")
    assert (fast.template, fast.gpus, fast.train_con["cpu_processes"], fast.train_con["seed"]) == (
        "fast-scnn",
        "",
        2,
        1,
    )
    assert (other.template, other.gpus, other.epochs, other.train_con["seed"]) == ("pidnet-s", "0", 3, 1)


class Import(CamvidTour):
    """The first step alone."""

    def run(self) -> Found:
        self._sources()
        return self.found


def test_camvid__comes_in_as_any_folder_and_once(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "camvid"
    folders.camvid_ids(folder)
    check_folder(folder)
    stage, workspace = Stage(Console(quiet=True), "en"), Workspace(settings.home)
    with (
        serving(settings.model_copy(update={"roots": (f"{folder}:ro",)})) as server,
        Client(server.url, "en", alive=server.check) as client,
    ):
        for _ in range(2):
            Import(client, workspace, stage, script_of(1, 0), folder).run()
    assert [(step.path, step.result.en) for step in stage.steps] == [
        ("/offimport", "2 pictures"),
        ("/offimport", "already there"),
    ]
    source = open_set(workspace, "camvid")
    assert read_splits(source) == {"train/0001TP_1": "train", "val/0016E5_2": "val"}
    assert [c.raw_id for c in source.table.classes] == list(range(12))


def test_check_folder__no_camvid_with_its_split(tmp_path: Path) -> None:
    folders.camvid_colors(tmp_path / "colours")
    for folder in (tmp_path / "colours", tmp_path / "nowhere"):
        with pytest.raises(InvalidValueError, match="not a CamVid folder"):
            check_folder(folder)


def walk(server: ServerChild, home: Path) -> tuple[Found, Stage]:
    with Client(server.url, "en", alive=server.check) as client:
        found, stage = go_round(client, home)
        report.write_report(home, stage.steps, found, TINY)
        report.write_sheet(home, found, client.read)
    return found, stage


@pytest.mark.slow
def test_tour__goes_round_and_a_second_one_goes_on(server: ServerChild, settings: Settings) -> None:
    found, stage = walk(server, settings.home)
    assert [step.path for step in stage.steps] == [
        "/data", "/data", "/create_data", "/create_net", "/starttask", "/starteva", "/release",
        "tracks/", "/sele_value", "/task_divide", "inbox", "/linedown", "/process_label",
        "/create_data", "/starttask", "/create_data", "/starttask", "/starteva",
    ]  # fmt: skip
    assert found.counts == {"train": 12, "val": 6, "test": 6}
    assert found.tracks == {"train": 4, "val": 2, "test": 2}
    assert len(found.report["classes"]) == 13
    assert 0.0 <= report.demo_miou(found) <= 1.0
    assert found.shown == 6
    assert (settings.home / found.release["folder"]).is_dir()
    assert (settings.home / report.SHEET).stat().st_size > 1000
    check_second_lap(found, settings.home)

    again, stage = walk(server, settings.home)
    assert again.model == found.model
    assert again.release == found.release
    assert again.report["miou"] == found.report["miou"]
    assert again.gained == found.gained
    assert sum(step.result.en == "already there" for step in stage.steps) == 3  # two source sets, one release


def check_second_lap(found: Found, home: Path) -> None:
    """Both arms came back exact, from drives that the first lap never saw, and changed train alone."""
    gained = found.gained
    mined, control = set(gained.pictures["mined"]), set(gained.pictures["control"])
    assert (len(mined), len(control)) == (5, 5)
    assert gained.published == len(mined | control)

    samples = {sample.stem: sample for sample in scan(open_set(Workspace(home), gained.source)).samples}
    assert set(samples) == mined | control
    changed = 0
    for stem, sample in samples.items():
        city, _, place = stem.partition("-")
        track, index = place.split("_")
        assert int(track) in {4, 5}  # tracks 0 to 3 were the first lap's
        truth = World(0, city, (96, 72)).frame(int(track), int(index)).label
        changed += int(np.count_nonzero(decode_label(reading.read_bytes(sample.label)) != truth))
    assert changed == 0

    first = DatasetReader(home / "datasets" / "demo-data")
    for arm, wanted in (("mined", mined), ("control", control)):
        reader = DatasetReader(home / "datasets" / f"demo-data-{arm}")
        new = set(reader.split("train").names()) - set(first.split("train").names())
        assert {name.rpartition("/")[2] for name in new} == wanted
        for split in ("val", "test"):
            assert reader.split(split).names() == first.split(split).names()
        assert not set(reader.split("train").column("track")) & set(first.split("test").column("track"))
    assert gained.reports["before"]["miou"] == found.report["miou"]
    assert gained.comparison["verdict"] == "unclear"  # one run of each arm tells nothing


def test_client__failures_say_what_and_where(server: ServerChild) -> None:
    with Client(server.url, "en", alive=server.check) as client:
        with pytest.raises(RefusedError, match=r"/create_data answered 404: .*nowhere"):
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
        begun = [p for p in psutil.Process(os.getpid()).children(recursive=True) if p.pid not in before]
        assert begun
        child.check()
    gone, alive = psutil.wait_procs(begun, timeout=5)
    assert not alive, gone


def test_demo__a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("do not touch")
    with pytest.raises(InvalidValueError):
        cli.demo(home=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
