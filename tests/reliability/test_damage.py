"""What is damaged in a finished workspace is found by `fsck`, by its place; bits flipped anywhere, too."""

import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

import import_folders
from full_disk import Disk
from job_cases import CASES, build_dataset, wait_for_helpers
from package_data import annotate, mask
from roadloop.cli.main import app
from roadloop.errors import ConflictError, NameTakenError, RoadloopError
from roadloop.evaluation import service as evaluation
from roadloop.evaluation.recipe import StartEvaluation
from roadloop.jobs import queue
from roadloop.jobs.findings import Report
from roadloop.jobs.fsck import inspect
from roadloop.jobs.history import status_text
from roadloop.jobs.lock import HomeLock
from roadloop.networks import service as networks
from roadloop.networks.recipe import CreateNet
from roadloop.settings import Settings
from roadloop.sources import offimport
from roadloop.sources.recipe import ImportRecipe
from roadloop.storage.platform import Platform, open_platform
from roadloop.training import store as training_store
from workers import Workers

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(900), pytest.mark.xdist_group("jobs")]

#: Where a flipped bit does no harm: logs, locks, people's own files that no work has taken in, and what was handed over.
HARMLESS: Final = ("logs/", ".supervisor.lock", "models/.index.lock", "tracks/", "tracks.txt", "imports/", "networks/n/manifest.json", "released/v1/1/",
                   "released/v1/2/", "outbox/", "tasks/任务/log/train.log", "tasks/suzhou/")  # fmt: skip


@dataclass(frozen=True)
class Done:
    """A finished workspace, copied for each damage.

    Attributes:
        kept: The copy that nobody touches: the home, and `root` beside it with an evaluation.
        settings: Of the home at the place where the copies are put.
    """

    kept: Path
    settings: Settings

    @contextmanager
    def copy(self) -> Iterator[Path]:
        """The folder with the home and the root, fresh."""
        place = self.settings.home.parent
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.kept, place)
        yield place

    def inspect(self, *, hashes: bool = True) -> Report:
        """What fsck finds."""
        platform = open_platform(self.settings)
        try:
            return inspect(platform, hashes=hashes)
        finally:
            platform.database.close()


@pytest.fixture(scope="module")
def done(disk: Disk, workers: Workers) -> Done:
    """One of each kind of finished job, all in one workspace."""
    place = Path(disk.home) / "damage" / "now"
    (place / "root").mkdir(parents=True)
    settings = Settings(
        home=place / "home", port=0, lease_seconds=60, poll_seconds=3600, min_free_mib=0, torch_threads=1,
        loader_workers=0, annotation_outbox="outbox", roots=(str(place / "root"),),
    )  # fmt: skip
    platform = open_platform(settings, upgrade=True)
    (settings.home / "outbox").mkdir()

    def finish(task_id: str) -> None:
        assert workers.run(platform, task_id) == 0
        with platform.database.reading() as db:
            job = queue.get(db, task_id)
        assert job.state is queue.JobState.SUCCEEDED, (job.kind, job.reason, job.error)

    for kind in ("train", "evaluate", "offimport"):
        CASES[kind].prepare(platform, finish)
        finish(CASES[kind].submit(platform))
    for kind in ("release", "sample", "import_preview", "health"):
        finish(CASES[kind].submit(platform))
    finish(_evaluate_outside(platform, place / "root" / "eva"))
    finish(_refer(platform, place / "root" / "pictures"))
    finish(CASES["task_divide"].submit(platform))
    for number in (1, 2):
        annotate(platform, "v1", number, lambda _stem: mask(5, 64, 64))
    label = next((settings.home / "released" / "v1" / "2").iterdir())
    label.write_bytes(b"no picture")
    for kind in ("process_label", "push_package"):
        finish(CASES[kind].submit(platform))
    wait_for_helpers(platform)
    platform.database.close()
    with closing(sqlite3.connect(settings.home / "roadloop.db")) as db:
        db.execute("PRAGMA journal_mode = DELETE")  # one file to damage
    kept = place.with_name("kept")
    shutil.copytree(place, kept)
    return Done(kept, settings)


def _evaluate_outside(platform: Platform, dest: Path) -> str:
    request = StartEvaluation(dicts={"suzhou": ["kd_ep-0001.params"]}, sour_dir="tracks", dest_dir=str(dest))
    return platform.database.write(lambda: evaluation.start(platform, request))


def _refer(platform: Platform, folder: Path) -> str:
    import_folders.plain(folder)
    recipe = offimport.prepare(platform.workspace, ImportRecipe(src=str(folder), dest="referred", mode="reference"))
    return platform.database.write(lambda: offimport.create(platform, recipe))


# --- damages ------------------------------------------------------------------------------------------------------

Damage = Callable[[Path], object]  # done to a path


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def flip(path: Path, place: int | None = None, bit: int = 3) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2 if place is None else place] ^= 1 << bit
    path.write_bytes(data)


def add(path: Path) -> None:
    path.write_bytes(b"x")


def sql(*statements: str) -> Damage:
    def run(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            for statement in statements:
                db.execute(statement)

    return run


def corrupt_index(path: Path) -> None:
    """Change what an index says of a row."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ix_jobs_queue'").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    data = bytearray(path.read_bytes())
    start = data.index(b"succeeded", (page - 1) * size)
    assert start < page * size
    data[start] ^= 1
    path.write_bytes(data)


#: Name -> (what is damaged, how, what fsck must say of it).
DAMAGES: Final[dict[str, tuple[str, Damage, str]]] = {
    "dataset gone": ("home/datasets/d", remove, "datasets/d is gone"),
    "dataset: manifest gone": ("home/datasets/d/manifest.json", remove, "datasets/d"),
    "dataset: manifest cut": ("home/datasets/d/manifest.json", cut, "datasets/d"),
    "dataset: shard flipped": ("home/datasets/d/train-*.arrow", flip, "datasets/d/train-"),
    "dataset: shard gone": ("home/datasets/d/val-*.arrow", remove, "datasets/d/val-"),
    "dataset: table of classes changed": ("home/datasets/d/classes.csv", flip, "datasets/d/classes.csv"),
    "dataset: a file too many": ("home/datasets/d/more", add, "datasets/d/more is not in the manifest"),
    "task gone": ("home/tasks/任务", remove, "tasks/任务 is gone"),
    "task: tensors gone": ("home/tasks/任务/output/models/m_ep-0001.params", remove, "m_ep-0001.params is missing"),
    "task: description gone": ("home/tasks/任务/output/models/m_ep-0001.json", remove, "m_ep-0001.json is missing"),
    "task: pair gone": ("home/tasks/任务/output/models/m_ep-0001.*", remove, "m_ep-0001.json is missing"),
    "task: tensors flipped": ("home/tasks/任务/output/models/m_ep-0002.params", flip, "m_ep-0002.params has changed"),
    "task: description flipped": ("home/tasks/任务/output/models/m_ep-0002.json", flip, "m_ep-0002.json has changed"),
    "task: checkpoint flipped": ("home/tasks/任务/checkpoints/*2-*/tensors.safetensors", flip, "tensors.safetensors has"),
    "task: checkpoint's manifest gone": ("home/tasks/任务/checkpoints/*2-*/manifest.json", remove, "manifest.json is mi"),
    "task: recipe changed": ("home/tasks/任务/conf/recipe.json", flip, "conf/recipe.json has changed"),
    "task: curves cut": ("home/tasks/任务/log/metrics.jsonl", cut, "log/metrics.jsonl has changed"),
    "half a model put there by hand": ("home/tasks/suzhou/output/models/kd_ep-0001.json", remove, "kd_ep-0001.json is"),
    "network gone": ("home/networks/n", remove, "networks/n is gone"),
    "evaluation gone": ("home/out", remove, "out is gone"),
    "evaluation: prediction flipped": ("home/out/**/id/d0/d0_001.png", flip, "d0_001.png has changed"),
    "evaluation outside gone": ("root/eva", remove, "root/eva is gone"),
    "evaluation outside: prediction flipped": ("root/eva/**/id/d0/d0_001.png", flip, "d0_001.png has changed"),
    "evaluation outside: manifest gone": ("root/eva/manifest.json", remove, "root/eva"),
    "release gone": ("home/models/车道线", remove, "models/车道线/2/北京-110000 is gone"),
    "release: tensors flipped": ("home/models/*/*/*/*.params", flip, ".params has changed"),
    "release: record gone": ("home/models/*/*/*/release.json", remove, "release.json is missing"),
    "release: index gone": ("home/models/index.json", remove, "models/index.json is not the index"),
    "release: index cut": ("home/models/index.json", cut, "models/index.json is not the index"),
    "selection gone": ("home/images/v1", remove, "images/v1 is gone"),
    "selection: picture flipped": ("home/images/v1/d*.jpg", flip, ".jpg has changed"),
    "selection: manifest gone": ("home/images/v1/manifest.json", remove, "images/v1"),
    "package gone": ("home/packages/v1/1", remove, "packages/v1/1 is gone"),
    "package: picture flipped": ("home/packages/v1/1/ext-*.jpg", flip, ".jpg has changed"),
    "package: manifest cut": ("home/packages/v1/1/manifest.json", cut, "packages/v1/1"),
    "rejected label gone": ("home/released/v1/rejected/*/report.csv", remove, "report.csv is missing"),
    "source set gone": ("home/sources/苏州", remove, "sources/苏州 is gone"),
    "source set: picture flipped": ("home/sources/苏州/*/t_1.jpg", flip, "t_1.jpg has changed"),
    "source set: label gone": ("home/sources/苏州/*/t_1.png", remove, "t_1.png is missing"),
    "source set: manifest cut": ("home/sources/苏州/manifest.csv", cut, "manifest.csv has changed"),
    "source set that no job made: picture flipped": ("home/sources/镇/1/t3_007.jpg", flip, "t3_007.jpg has changed"),
    "labels published: set gone": ("home/sources/lane-aug-20261123", remove, "sources/lane-aug-20261123 is gone"),
    "referred picture flipped": ("root/pictures/*/t_1.jpg", flip, "t_1.jpg has changed"),
    "referred label gone": ("root/pictures/*/t_1.png", remove, "t_1.png is missing"),
    "health gone": ("home/health/*/health.json", remove, "health.json is missing"),
    "preview flipped": ("home/previews/*/*.jpg", flip, "previews"),
    "rows of a dataset deleted": ("home/roadloop.db", sql("DELETE FROM datasets"), "has no row in the table"),
    "rows of a job deleted": ("home/roadloop.db", sql("DELETE FROM jobs WHERE kind = 'create_data'"), "lost the row of"),
    "events deleted": ("home/roadloop.db", sql("DELETE FROM job_events"), "its state differs"),
    "every row of a task deleted": (
        "home/roadloop.db",
        sql(
            *(f"DELETE FROM {t} WHERE task_id IN (SELECT task_id FROM training_tasks)" for t in ("training_configs", "seals")),
            "DELETE FROM job_events WHERE job_id IN (SELECT task_id FROM training_tasks)",
            "DELETE FROM training_tasks", "DELETE FROM jobs WHERE kind = 'train'",
        ),
        "tasks/任务",
    ),
    "every row of an evaluation deleted": (
        "home/roadloop.db",
        sql(
            "DELETE FROM evaluation_models", "DELETE FROM evaluations",
            "DELETE FROM seals WHERE task_id IN (SELECT id FROM jobs WHERE kind = 'evaluate')",
            "DELETE FROM job_events WHERE job_id IN (SELECT id FROM jobs WHERE kind = 'evaluate')",
            "DELETE FROM jobs WHERE kind = 'evaluate'",
        ),
        "home/out",
    ),
    "rows of the packages deleted": (
        "home/roadloop.db", sql("DELETE FROM packages", "DELETE FROM package_pictures"), "No row of the database knows"
    ),
    "index corrupt": ("home/roadloop.db", corrupt_index, "missing from index ix_jobs_queue"),
}  # fmt: skip


def test_damage__there_is_none_at_first(done: Done) -> None:
    with done.copy():
        quick, report = done.inspect(hashes=False), done.inspect()
    assert (quick.problems, quick.notes, report.problems, report.notes) == ([], [], [], [])
    assert report.unverified == []
    assert [Path(edit.en.split()[0]).name for edit in report.edits] == ["data.json", "network.py", "train.json"]


@pytest.mark.parametrize("name", DAMAGES)
def test_damage__is_found_by_its_place(done: Done, name: str) -> None:
    pattern, damage, words = DAMAGES[name]
    with done.copy() as place:
        places = sorted(place.glob(pattern)) or [place / pattern]
        for path in places if name.endswith("pair gone") else places[:1]:
            damage(path)
        said = [problem.text.en for problem in done.inspect().problems]
        assert any(words in line for line in said), said


def test_damage__flipped_bits_are_found_or_harmless(done: Done, times: Callable[[int], int]) -> None:
    rng, table = np.random.default_rng(11), list[tuple[str, int, int, str]]()
    flips = 30 if times(500) < 500 else 500
    with done.copy() as place:
        files = sorted(p for p in place.rglob("*") if p.is_file() and p.stat().st_size and p.name != "roadloop.db")
        for start in range(0, flips, 10):
            chosen = rng.choice(len(files), min(10, flips - start), replace=False)
            table += _flip_some(done, [files[int(n)] for n in chosen], rng)
    lines = "\n".join(f"{file} byte {byte} bit {bit}: {verdict}" for file, byte, bit, verdict in table)
    assert len(table) == flips
    assert not [verdict for *_, verdict in table if verdict == "NOT FOUND"], lines


def _flip_some(done: Done, files: list[Path], rng: np.random.Generator) -> list[tuple[str, int, int, str]]:
    """Flip a bit in each file, look, and put them back; who is hidden by another's damage is tried alone."""
    places = {f: (int(rng.integers(f.stat().st_size)), int(rng.integers(8))) for f in files}
    before = {f: f.read_bytes() for f in files}
    verdicts: dict[Path, str] = {}
    for group in ([*files], *([f] for f in files)):
        left = [f for f in group if verdicts.get(f) != "found"]
        for file in left:
            flip(file, *places[file])
        said = _said(done) if left else []
        for file in left:
            short = file.relative_to(done.settings.home.parent).as_posix()
            harmless = short.removeprefix("home/").startswith(HARMLESS)
            alone = file.parent if len(group) == 1 else f"{file.parent} has no valid"  # a manifest tells of the others
            named = any(str(file) in line or str(alone) in line for line in said)
            verdicts[file] = "found" if named else "harmless" if harmless else "NOT FOUND"
            file.write_bytes(before[file])
    return [(f.relative_to(done.settings.home.parent).as_posix(), *places[f], verdicts[f]) for f in files]


def _said(done: Done) -> list[str]:
    """What fsck says; a damaged id of the installation is said when the home is opened."""
    try:
        report = done.inspect()
    except RoadloopError as error:
        return [error.text.en]
    return [*(problem.text.en for problem in report.problems), *(edit.en for edit in report.edits)]


def test_damage__a_flipped_bit_of_the_database_is_found_or_changes_no_row(
    done: Done, times: Callable[[int], int], rng: random.Random
) -> None:
    """No flip ends in a traceback. The index of the search is made from the rows and may have changed, as SQLite's statistics."""
    with done.copy() as place:
        file = place / "home" / "roadloop.db"
        data = file.read_bytes()
        rows = _rows(file)
        assert isinstance(rows, dict)
        before, unseen = _said(done), []
        for _ in range(times(100)):
            byte, bit = rng.randrange(len(data)), rng.randrange(8)
            for path in file.parent.glob("roadloop.db-*"):
                path.unlink()
            file.write_bytes(data)
            flip(file, byte, bit)
            found = _rows(file)
            if _said(done) == before and found != rows:
                differ = found if isinstance(found, str) else sorted(n for n in rows if found.get(n) != rows[n])
                unseen.append((byte, bit, differ))
    assert unseen == []


def _rows(file: Path) -> dict[str, int] | str:
    """Each table's rows and the schema; what SQLite says where they cannot be read."""
    found = {}
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)) as db:
            names = [str(name) for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for name in names:
                if not name.startswith(("search", "sqlite_")):
                    found[name] = hash(tuple(sorted(map(repr, db.execute(f'SELECT * FROM "{name}"')))))
            found[""] = hash(
                tuple(
                    sorted(
                        map(
                            repr,
                            db.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%'"),
                        )
                    )
                )
            )
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return str(error)
    return found


# --- repairs ------------------------------------------------------------------------------------------------------


def repair(done: Done, *options: str, answers: str = "") -> tuple[int, str]:
    """`roadloop fsck --repair` as an operator runs it."""
    root = done.settings.roots[0]
    runner = CliRunner(env={"LANG": "C.UTF-8", "COLUMNS": "200"})
    ran = runner.invoke(app, ["fsck", "--home", str(done.settings.home), "--root", root, *options], input=answers)
    assert ran.exception is None or isinstance(ran.exception, SystemExit | RoadloopError), ran.exception
    return ran.exit_code, f"{ran.output}{ran.exception}" if isinstance(ran.exception, RoadloopError) else ran.output


DAMAGED: Final = (
    "dataset: shard flipped", "task gone", "network gone", "evaluation: prediction flipped", "evaluation outside gone",
    "release gone", "selection: picture flipped", "package gone", "source set: picture flipped", "labels published: set gone",
    "health gone", "index corrupt",
)  # fmt: skip


def test_repair__deletes_nothing_and_frees_the_names(done: Done) -> None:
    with done.copy() as place:
        for name in DAMAGED:
            pattern, damage, _ = DAMAGES[name]
            damage(sorted(place.glob(pattern))[0])
        before = _bytes(place / "home")
        code, said = repair(done, "--repair", answers="n\n" * 50)
        assert (code, _bytes(place / "home")) == (1, before), said
        code, said = repair(done, "--repair", "--yes")
        assert code == 0, said
        assert not before - _bytes(place / "home")
        assert list((place / "home" / "quarantine").glob("*/datasets/d/manifest.json"))
        assert "The dataset d: its files are lost" in (place / "home" / "logs" / "repairs.log").read_text()
        code, said = repair(done)
        assert (code, "0 problems" in said) == (0, True), said
        _use_again(done)


def _bytes(home: Path) -> set[bytes]:
    """The content of every file but the database, the manifests that are written anew, and the logs."""
    files = [
        p for p in home.rglob("*") if p.is_file() and not p.name.startswith(("roadloop.db", "index.json", "manifest"))
    ]
    return {p.read_bytes() for p in files if p.parent.name != "logs"}


def _use_again(done: Done) -> None:
    """What was lost is listed as lost, and its name is taken by the same call."""
    platform = open_platform(done.settings)
    with platform.database.reading() as db:
        ended = [queue.get(db, task_id) for task_id in db.scalars(sa.select(queue.jobs.c.id))]
    lost = {"create_data", "create_net", "train", "evaluate", "release", "sample", "process_label"}
    assert {job.kind for job in ended if status_text(job) == "lost"} == lost
    build_dataset(platform)
    platform.database.write(lambda: networks.create(platform, CreateNet(name="n", template="fast-scnn")))
    with platform.database.reading() as db:
        assert training_store.find_name(db, "任务") is None
    for kind in ("release", "evaluate", "process_label"):
        CASES[kind].submit(platform)
    platform.database.close()


def test_fsck__lists_what_has_no_sums_when_asked(done: Done) -> None:
    with done.copy() as place:
        (place / "home" / "sources" / "镇" / "manifest.json").unlink()
        sql("DELETE FROM seals WHERE path LIKE 'tasks/%'")(place / "home" / "roadloop.db")
        remove(place / "home" / "tasks" / "任务" / "checkpoints")
        code, said = repair(done, "--quick", "--unverified")
        assert code == 0, said
        assert [line for line in said.splitlines() if "no sums" in line] == [
            f"· {done.settings.home / path}: has no sums and cannot be verified"
            for path in ("sources/镇", "tasks/任务")
        ]


def test_repair__takes_what_a_new_database_does_not_know_aside(done: Done) -> None:
    with done.copy() as place:
        home = place / "home"
        (home / "roadloop.db").unlink()
        with pytest.raises(ConflictError, match=r"is missing\. None was begun"):
            open_platform(done.settings, upgrade=True)
        begun = CliRunner().invoke(app, ["migrate", "--home", str(home), "--begin-anew"])
        assert begun.exit_code == 0, begun.output
        code, said = repair(done)
        unknown = ("datasets/d", "models/车道线/2/北京-110000", "out", "packages/v1/1", "tasks/任务")
        assert (code, [f"No row of the database knows {home / path}." in said for path in unknown]) == (1, [True] * 5)
        code, said = repair(done, "--repair", "--yes")
        assert (code, "models/index.json is not the index" in said) == (0, True), said
        code, said = repair(done)
        assert (code, "0 problems" in said) == (0, True), said


def test_repair__is_named_where_a_lost_dataset_holds_its_name(done: Done) -> None:
    with done.copy() as place:
        remove(place / "home" / "datasets" / "d")
        platform = open_platform(done.settings)
        with pytest.raises(NameTakenError, match=r"datasets/d is gone.*roadloop fsck --repair"):
            build_dataset(platform)
        platform.database.close()


def test_repair__waits_until_no_server_is_at_work(done: Done) -> None:
    with done.copy() as place, closing(HomeLock(place / "home")):
        code, said = repair(done, "--repair", "--yes")
        assert (code, "Another roadloop server is using" in said) == (1, True), said


def test_fsck__tells_programs_what_it_found(done: Done) -> None:
    with done.copy() as place:
        remove(place / "home" / "models" / "index.json")
        code, said = repair(done, "--json", "--quick")
        found = json.loads(said)
    assert code == 1
    assert [(p["en"].split()[0], "anew" in p["repair"]["en"]) for p in found["problems"]] == [
        (str(done.settings.home / "models" / "index.json"), True)
    ]
