"""A workspace is a folder: renamed or copied, it has everything that it had, and reads nothing of where it was."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

import import_folders
from job_cases import CASES
from roadloop.annotators import service as annotators
from roadloop.annotators.recipe import Push
from roadloop.evaluation.store import evaluations
from roadloop.jobs import queue, run
from roadloop.jobs.fsck import inspect
from roadloop.selection.store import selections
from roadloop.server import create_app
from roadloop.settings import Settings
from roadloop.sources.manifest import format_manifest, parse_rows
from roadloop.storage import publish
from roadloop.storage.database import metadata
from roadloop.storage.platform import Platform, open_platform

pytestmark = pytest.mark.xdist_group("moving")  # one workspace for all of it

PORT: Final = 8600
PLACES: Final = import_module("roadloop.storage.migrations.versions.0010_places")
#: Texts about the past, for people; nothing reads a place out of them.
TOLD: Final = ("jobs.reason", "jobs.note", "jobs.warnings", "job_events.text", "audit.facts")  # which quotes requests
#: A network that begins from a folder, as SegFormer does.
NETWORK: Final = """from pathlib import Path

from torch import nn


def build(num_classes, checkpoint):
    assert (Path(checkpoint) / "config.json").is_file(), checkpoint
    return nn.Conv2d(3, num_classes, 1)
"""
EVALUATION: Final[dict[str, Any]] = {"dicts": {"任务": ["m_ep-0002.params"]}, "type": "full", "single_gpu": 1}


@dataclass(frozen=True)
class Done:
    """A workspace with finished and unfinished work.

    Attributes:
        kept: Where it lies for now; copied from there by each test.
        first: Where the work was done; nothing is there any more.
        evaluation, selection: Finished jobs.
        stopped: A training task that can be gone on with.
        waiting: An evaluation in the queue.
    """

    kept: Path
    first: Path
    evaluation: str
    selection: str
    stopped: str
    waiting: str

    def copy(self, to: Path) -> Path:
        """The workspace at another place."""
        shutil.copytree(self.kept, to)
        return to


@contextmanager
def opened(home: Path) -> Iterator[tuple[Platform, TestClient]]:
    """A workspace and a client of its interface."""
    settings = Settings(home=home, min_free_mib=0, torch_threads=1, loader_workers=0, annotation_outbox="outbox")
    platform = open_platform(settings, upgrade=True)
    with TestClient(create_app(platform, PORT), base_url=f"http://127.0.0.1:{PORT}") as client:
        yield platform, client
    platform.database.close()


def finish(platform: Platform, task_id: str) -> str:
    """Run a queued job in this process; it must succeed."""
    with platform.database.transaction() as db:
        job = queue.claim(db, task_id, (), "test")
    run.run(platform, job)
    with platform.database.reading() as db:
        ended = queue.get(db, task_id)
    assert ended.state == "succeeded", (ended.kind, ended.reason)
    return task_id


def ask(client: TestClient, path: str, **values: Any) -> Any:
    """The interface answers; it must be a success."""
    get = path.startswith(("/v1/", "/model", "/release_tab"))
    answer = client.get(path, params=values) if get else client.post(path, json=values)
    assert answer.status_code == 200, (path, answer.text)
    return answer.json()


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Requests name places absolutely where they can."""
    home = tmp_path_factory.mktemp("moving") / "first-home"
    with opened(home) as (platform, client):
        (home / "outbox").mkdir()
        CASES["train"].prepare(platform, lambda task_id: finish(platform, task_id))
        finish(platform, CASES["train"].submit(platform))
        stopped = _stop_a_training(platform, client)
        CASES["evaluate"].prepare(platform, lambda task_id: finish(platform, task_id))
        pictures = {"sour_dir": f"{home}/tracks", **EVALUATION}
        evaluation = finish(platform, ask(client, "/starteva", dest_dir=f"{home}/out", **pictures)["data"])
        waiting = ask(client, "/starteva", dest_dir=f"{home}/later", **pictures)["data"]
        selection = CASES["select"].submit(platform)
        for task_id in (selection, CASES["release"].submit(platform)):
            finish(platform, task_id)
        finish(platform, CASES["task_divide"].submit(platform))
        push = platform.database.write(lambda: annotators.push(platform, Push(version="v1", number=1)))
        finish(platform, push)
        import_folders.plain(home / "imports" / "in")
        codes = {"source": "1", "annotype": "0", "datakind": "0", "imgoprange": "1", "author": "张三", "city": ""}
        for dest, way in (("copied", "copy"), ("referred", "reference")):
            sent = ask(client, "/offimport", src=f"{home}/imports/in", dest=dest, **codes, **{"import": way})
            finish(platform, sent["data"])
    kept = home.rename(home.with_name("kept"))
    return Done(kept, home, evaluation, selection, stopped, waiting)


def _stop_a_training(platform: Platform, client: TestClient) -> str:
    home = platform.workspace.home
    publish.write_text(home / "networks" / "n" / "network.py", NETWORK)
    publish.seal(home / "networks" / "n")
    (home / "weights" / "begin").mkdir()
    (home / "weights" / "begin" / "config.json").write_text("{}")
    task_id: str = ask(client, "/create_train", train_name="后来", network="n", data="d", task_desc="")["data"]
    settings = {"network_settings": {"checkpoint": f"{home}/weights/begin"}, "log_every": 1}
    sizes = {"num_epoch": 1, "batch_size": 2, "num_classes": 2, "model": "m"}
    ask(client, "/starttask", task_id=task_id, train_con=settings, data_con={"crop": [24, 32]}, **sizes)
    ask(client, "/endtask", task_id=task_id)
    other = ask(client, "/create_train", train_name="未开始", network="n", data="d", task_desc="")["data"]
    ask(client, "/train_config", task_id=other, train_con=settings)
    return task_id


def check_shown(platform: Platform, client: TestClient, done: Done) -> None:
    """Everything that was done is shown, and nothing is wrong."""
    row = ask(client, "/eva_rate", task_id=done.evaluation)["data"]
    assert (row["sour_dir"], row["dest_dir"]) == ("tracks", "out")
    shown = ask(client, "/show", task_id=done.evaluation, cur_img=8)
    assert (shown["total_img"], bool(shown["or_data"]), len(shown["la_data"])) == (8, True, 1)
    taken = ask(client, "/auto_sele", task_id=done.selection)["data"]["summary"]["pictures"]
    pictures = ask(client, f"/v1/selections/{done.selection}/pictures")["data"]
    assert len([p for p in pictures if p["arm"] == "mined"]) == taken > 0
    assert client.get(f"/v1/selections/{done.selection}/sheet/mined").status_code == 200
    assert list(ask(client, "/release_tab", page=1)["data"]) == ["2"]
    assert "m_ep-0002.params" in ask(client, "/model")["data"]["任务"]
    assert ask(client, "/data_history")["data"][0]["data_name"] == "d"
    report = inspect(platform, hashes=True)
    assert (report.problems, report.notes) == ([], [])


def go_on(platform: Platform, client: TestClient, done: Done) -> None:
    """What was stopped or waits is finished, and a referred set is read."""
    ask(client, "/continue_task", task_id=done.stopped)
    finish(platform, done.stopped)
    finish(platform, done.waiting)
    assert ask(client, "/show", task_id=done.waiting, cur_img=1)["total_img"] == 8
    values = {"train": 0.5, "val": 0.5, "test": 0, "l_value": 1, "thread": 1, "data_type": "all", "data_desc": ""}
    built = ask(client, "/create_data", data_name="referred", sour_data="referred", split_by="picture", **values)
    finish(platform, built["data"])


def mentions(home: Path, platform: Platform, text: str) -> list[str]:
    """Every file and every column that holds a text; logs and texts for people excepted."""
    files = [p for p in home.rglob("*") if p.is_file() and p.suffix != ".log" and not p.name.startswith("roadloop.db")]
    found = [p.relative_to(home).as_posix() for p in files if text.encode() in p.read_bytes()]
    with platform.database.reading() as db:
        for table in metadata.sorted_tables:
            for row in db.execute(sa.select(table)).mappings():
                found += [f"{table.name}.{name}: {value}" for name, value in row.items() if text in str(value)]
    return [place for place in found if not place.startswith(TOLD)]


def test_a_workspace_has_everything_at_another_place(done: Done, tmp_path: Path) -> None:
    with opened(done.copy(tmp_path / "second")) as (platform, client):
        assert mentions(tmp_path / "second", platform, "tracks")
        assert mentions(tmp_path / "second", platform, str(done.first)) == []
        check_shown(platform, client, done)
        go_on(platform, client, done)


@pytest.mark.slow
def test_rows_of_a_home_that_was_moved_before_are_mended(done: Done, tmp_path: Path) -> None:
    """As an older roadloop left them: absolute, in the place where the work was done, which is no longer there."""
    first = str(done.first)
    with opened(done.copy(tmp_path / "second")) as (platform, _), platform.database.transaction() as db:
        for table, column in ((evaluations, "dest_path"), (selections, "output_path")):
            db.execute(table.update().values({column: sa.literal(f"{first}/") + table.c[column]}))
        for row in db.execute(sa.select(queue.jobs).where(queue.jobs.c.kind == "evaluate")).all():
            models = [{**model, "path": f"{first}/{model['path']}"} for model in row.payload["models"]]
            values = {**row.payload, "models": models, "sour_dir": f"{first}/tracks", "dest_path": f"{first}/later"}
            db.execute(queue.jobs.update().where(queue.jobs.c.id == row.id).values(payload=values))
        db.execute(evaluations.update().values(sour_dir=f"{first}/tracks"))
        (said,) = PLACES.mend(db, platform.workspace.home)
    with opened(tmp_path / "second") as (platform, client):
        assert "7 in all" in said.en
        assert first in said.en
        assert mentions(tmp_path / "second", platform, first) == []
        check_shown(platform, client, done)
        finish(platform, done.waiting)


def test_migration__a_folder_behind_a_link_teaches_no_former_home(done: Done, tmp_path: Path) -> None:
    """`results/out` was resolved through a link to another disk: what stands there is not ours to rename."""
    second, disk = done.copy(tmp_path / "second"), tmp_path / "disk"
    (disk / "results").mkdir(parents=True)
    shutil.move(second / "out", disk / "results" / "out")
    (second / "results").symlink_to(disk / "results")
    with opened(second) as (platform, _), platform.database.transaction() as db:
        values = {"dest_dir": "results/out", "dest_path": f"{disk}/results/out", "sour_dir": f"{disk}/pictures"}
        db.execute(evaluations.update().where(evaluations.c.task_id == done.evaluation).values(**values))
        assert PLACES.mend(db, second) == []
    with opened(second) as (platform, _):
        with platform.database.reading() as db:
            row = db.execute(sa.select(evaluations).where(evaluations.c.task_id == done.evaluation)).one()
        assert {name: row._mapping[name] for name in values} == values


def test_fsck__finds_what_is_gone_and_what_points_outside(done: Done, tmp_path: Path) -> None:
    home = done.copy(tmp_path / "second")
    with opened(home) as (platform, _):
        gone = ("out", "images/v1", "datasets/d", "networks/n", "tasks/任务", "sources/copied", "packages/v1/1")
        for folder in (*gone, f"models/{next((home / 'models').glob('*/*/*')).relative_to(home / 'models')}"):
            shutil.rmtree(home / folder)
        with platform.database.transaction() as db:
            db.execute(evaluations.update().values(sour_dir="/elsewhere/pictures"))
        manifest = home / "sources" / "referred" / "manifest.csv"
        old = [row._replace(image=f"/elsewhere/\udcc3/{row.stem}.jpg") for row in parse_rows(manifest.read_bytes())]
        manifest.write_bytes(format_manifest(old))
        words = [problem.text.en for problem in inspect(platform, hashes=False).problems]
        for folder in (*gone, "models/车道线/2/北京-110000"):
            assert len([line for line in words if f"its folder {folder} is gone" in line]) == 1, (folder, words)
        assert any("/elsewhere/pictures" in line and "--root" in line for line in words)
        assert any(r"referred points outside the workspace and its roots: /elsewhere/\xc3." in line for line in words)
        assert len(words) == len(gone) + 4, words  # and the set whose manifest was changed
