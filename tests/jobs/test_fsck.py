"""Each thing that `fsck` looks at, in a small workspace; tests/reliability/test_damage.py damages one of each kind of work."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from package_data import annotate, mask, write_images
from postgres import Cluster
from roadloop.jobs import fsck, queue, run, store
from roadloop.jobs.findings import Problem, Repair, Report
from roadloop.packages import service
from roadloop.packages.recipe import Divide, ProcessLabel
from roadloop.settings import Settings
from roadloop.storage import publish
from roadloop.storage.platform import Platform, open_platform

pytestmark = pytest.mark.xdist_group("fsck")  # one workspace for all of it

SET = "full-aug-20261123"


@pytest.fixture(scope="module")
def finished(fresh_home: Path, tmp_path_factory: pytest.TempPathFactory, cluster: Cluster | None) -> Path:
    """A workspace in which two packages were made, one came back, and its labels were published."""
    home = tmp_path_factory.mktemp("finished") / "home"
    shutil.copytree(fresh_home, home)
    url = "" if cluster is None else cluster.create("finished", "fresh")
    platform = open_platform(Settings(home=home, port=0, database_url=url))
    write_images(platform, "v1", ["a_1.jpg", "a_2.jpg"])
    _run(platform, platform.database.write(lambda: service.divide(platform, Divide(version="v1", step=1))))
    annotate(platform, "v1", 1, lambda _stem: mask(1))
    request = ProcessLabel(version="v1", types="union")
    _run(platform, platform.database.write(lambda: service.publish_labels(platform, request, "20261123")))
    platform.database.close()
    return home


def _run(platform: Platform, task_id: str) -> None:
    with platform.database.transaction() as db:
        job = queue.claim(db, task_id, (), "here")
    run.run(platform, job)
    with platform.database.reading() as db:
        assert queue.get(db, task_id).state is queue.JobState.SUCCEEDED


@pytest.fixture
def used(finished: Path, settings: Settings, cluster: Cluster | None) -> Iterator[Platform]:
    """A copy of that workspace."""
    shutil.copytree(finished, settings.home)
    if cluster is not None:
        cluster.create(settings.database_url.rpartition("/")[2], "finished")
    opened = open_platform(settings)
    yield opened
    opened.database.close()


def inspect(platform: Platform, *, hashes: bool = True) -> Report:
    return fsck.inspect(platform, hashes=hashes)


def said(problems: list[Problem], home: Path) -> list[str]:
    """What is wrong, with places as they stand in the home."""
    return [problem.text.en.replace(f"{home}/", "") for problem in problems]


def keys(problems: list[Problem], home: Path) -> list[str | None]:
    """Whose cure is offered."""
    return [None if p.cure is None else p.cure.key.removeprefix(f"{home}/") for p in problems]


def flip(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])


def repair(platform: Platform, report: Report) -> None:
    """All that is offered, each once."""
    at_work = Repair(platform)
    for cure in dict.fromkeys(problem.cure for problem in report.problems):
        assert cure is not None
        cure.apply(at_work)


def note_sum(platform: Platform, path: str, data: bytes, *, state: str | None = None) -> None:
    """A file that a job has left, and its sum."""
    place = platform.workspace.home / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    with platform.database.transaction() as db:
        task_id = db.scalar(queue.jobs.select().with_only_columns(queue.jobs.c.id).limit(1))
        db.execute(store.seals.insert().values(path=path, task_id=task_id, sha256=hashlib.sha256(data).hexdigest()))
        if state is not None:
            db.execute(queue.jobs.update().where(queue.jobs.c.id == task_id).values(error=state))


def test_inspect__nothing_is_wrong_and_every_byte_is_counted(used: Platform) -> None:
    told: list[tuple[int, int]] = []
    (used.workspace.weights / "x.params").write_bytes(b"12345")
    description = {"params_sha256": hashlib.sha256(b"12345").hexdigest()}
    (used.workspace.weights / "x.json").write_text(json.dumps(description))
    report = fsck.inspect(used, hashes=True, progress=lambda done, total: told.append((done, total)))
    assert (said(report.problems, used.workspace.home), report.notes, report.edits) == ([], [], [])
    assert (report.jobs, report.unverified) == (2, [])
    sealed = [used.workspace.packages / "v1" / "1", used.workspace.packages / "v1" / "2", used.workspace.sources / SET]
    manifests = [publish.read_manifest(folder)["files"] for folder in sealed]
    total = 5 + sum(entry["bytes"] for files in manifests for entry in files.values())
    assert told[-1] == (total, total)
    assert {whole for _, whole in told} == {total}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    sums = 4  # three manifests, and the report of what was published
    assert report.files == sums + 2 + sum(map(len, manifests))


@pytest.mark.parametrize("path", ["packages/v1/1/ext-a_1.jpg", f"sources/{SET}/1/a_1.jpg"])
def test_inspect__changed_bytes_are_seen_only_where_they_are_read(used: Platform, path: str) -> None:
    flip(used.workspace.home / path)
    report = inspect(used)
    assert said(report.problems, used.workspace.home) == [f"{path} has changed."]
    (cure,) = (problem.cure for problem in report.problems)
    assert cure is not None
    whole = (
        "note as lost: The package 1." if path.startswith("packages") else f"{used.workspace.sources / SET} was changed"
    )
    assert cure.offer.en.startswith(whole)
    assert inspect(used, hashes=False).problems == []


def test_inspect__finished_work_that_is_gone_is_said_once(used: Platform) -> None:
    shutil.rmtree(used.workspace.packages / "v1" / "2")
    (problem,) = inspect(used, hashes=False).problems
    assert "its folder packages/v1/2 is gone; put it back" in problem.text.en
    assert problem.cure is not None
    assert problem.cure.key == str(used.workspace.packages / "v1" / "2")
    assert problem.cure.offer.en.startswith("note as lost: ")
    repair(used, inspect(used, hashes=False))
    assert inspect(used).problems == []


def test_inspect__a_manifest_that_is_gone_or_changed_is_named(used: Platform) -> None:
    (used.workspace.packages / "v1" / "1" / publish.MANIFEST).unlink()
    manifest = used.workspace.packages / "v1" / "2" / publish.MANIFEST
    manifest.write_bytes(manifest.read_bytes() + b" ")
    report = inspect(used, hashes=False)
    assert said(report.problems, used.workspace.home) == [
        "packages/v1/1/manifest.json is missing.",
        "packages/v1/2/manifest.json has changed.",
        "packages/v1/1 has no valid manifest.json.",
    ]
    assert keys(report.problems, used.workspace.home) == ["packages/v1/1", "packages/v1/2", "packages/v1/1"]


def test_inspect__a_file_too_many_is_wrong_in_a_jobs_folder_and_not_in_peoples(used: Platform) -> None:
    for folder in (used.workspace.packages / "v1" / "1", used.workspace.sources / SET / "1"):
        (folder / "notes.txt").write_text("mine")
    problems = inspect(used).problems
    assert said(problems, used.workspace.home) == ["packages/v1/1/notes.txt is not in the manifest."]


def test_inspect__what_a_source_set_lacks_can_be_taken_as_it_is(used: Platform) -> None:
    """One that somebody made by hand has no row; its manifest is roadloop's by its sums."""
    own = used.workspace.sources / "mine"
    (own / "1").mkdir(parents=True)
    (own / "1" / "a").write_text("1")
    publish.seal(own)
    (own / "1" / "a").unlink()
    other = used.workspace.sources / "theirs"
    other.mkdir()
    (other / publish.MANIFEST).write_text('{"version": 3}')
    report = inspect(used)
    assert said(report.problems, used.workspace.home) == ["sources/mine/1/a is missing."]
    assert report.problems[0].cure is not None
    assert "sources/mine was changed on purpose" in report.problems[0].cure.offer.en
    assert report.unverified == [other]


def test_repair__a_set_that_was_changed_on_purpose_is_taken_as_it_is(used: Platform) -> None:
    """Its row's sum of the manifest, too."""
    flip(used.workspace.sources / SET / "1" / "a_1.jpg")
    repair(used, inspect(used))
    assert inspect(used).problems == []
    said_so = f"{used.workspace.sources / SET}: its manifest was written anew, of what stands there | "
    log = (used.workspace.logs / "repairs.log").read_text()
    assert said_so in log
    assert f"{used.workspace.sources / SET} 按现状重写了清单" in log
    assert not list(used.workspace.quarantine.glob("*"))


def test_inspect__a_file_of_a_job_that_is_gone_or_changed(used: Platform) -> None:
    note_sum(used, "health/x/health.json", b"1")
    note_sum(used, "health/y/health.json", b"1")
    note_sum(used, "networks/n/network.py", b"1")
    (used.workspace.home / "health/x/health.json").unlink()
    flip(used.workspace.home / "health/y/health.json")
    flip(used.workspace.home / "networks/n/network.py")
    report = inspect(used)
    assert said(report.problems, used.workspace.home) == [
        "health/x/health.json is missing.", "health/y/health.json has changed.",
    ]  # fmt: skip
    assert [problem.cure and problem.cure.offer.en.split()[0] for problem in report.problems] == ["expect", "move"]
    assert [edit.en for edit in report.edits] == [f"{used.workspace.networks / 'n' / 'network.py'} has changed."]
    repair(used, report)
    assert inspect(used).problems == []
    assert len(list(used.workspace.quarantine.glob("*/health/y/health.json"))) == 1
    assert inspect(used, hashes=False).edits == []


def test_inspect__the_files_of_a_job_that_is_noted_as_lost_are_not_asked_for(used: Platform) -> None:
    note_sum(used, "health/x/health.json", b"1", state=store.LOST)
    (used.workspace.home / "health/x/health.json").unlink()
    assert not [line for line in said(inspect(used).problems, used.workspace.home) if "health" in line]


def test_inspect__what_no_row_knows_is_named(used: Platform) -> None:
    home = used.workspace.home
    for place in ("datasets/x", "packages/v1/9", "images/v9", "tasks/t/conf", "evaluations/e", "datasets/sub/y"):
        (home / place).mkdir(parents=True)
        (home / place / "recipe.json").write_text("{}")
        publish.seal(home / place)
    (home / "quarantine/2026/datasets/z").mkdir(parents=True)
    publish.seal(home / "quarantine/2026/datasets/z")
    with used.database.reading() as db:
        (task_id, *_) = db.scalars(queue.jobs.select().with_only_columns(queue.jobs.c.id))
    (home / "datasets" / task_id).mkdir()
    publish.seal(home / "datasets" / task_id)
    problems = inspect(used).problems
    places = ["datasets/sub/y", "datasets/x", "evaluations/e", "packages/v1/9", "tasks/t"]
    assert said(problems, home) == [f"No row of the database knows {place}." for place in places]
    assert keys(problems, home) == places
    repair(used, inspect(used))
    assert inspect(used).problems == []
    assert len(list(home.glob("quarantine/*/evaluations/e/manifest.json"))) == 1


def test_inspect__which_folders_are_somebodys_output(used: Platform) -> None:
    """Evaluations stand where people like, and are known by their report; a checkpoint by its place."""
    home = used.workspace.home
    reported, other = '{"files": {"report.json": {"sha256": "0", "bytes": 2}}}', '{"version": 3}'
    for place, manifest in (
        ("mine/e", reported),
        ("mine/other", other),
        ("mine/quarantine/q", reported),
        ("imports/e", reported),
    ):
        (home / place).mkdir(parents=True)
        (home / place / "report.json").write_text("{}")
        (home / place / publish.MANIFEST).write_text(manifest)
    for place in (
        "mine/plain",
        "tasks/t/checkpoints/ep-0001",
        "tasks/t/output/x",
        "tasks/t/checkpoints/ep-0001/deeper",
    ):
        (home / place).mkdir(parents=True)
        (home / place / "a").write_text("1")
    publish.seal(home / "mine" / "plain")
    assert said(inspect(used, hashes=False).problems, home) == [
        "tasks/t/checkpoints/ep-0001 has no valid manifest.json.",
        "No row of the database knows mine/e.",
        "No row of the database knows mine/quarantine/q.",
    ]
    assert [line for line in said(inspect(used).problems, home) if "changed" in line] == [
        "mine/e/report.json has changed.", "mine/quarantine/q/report.json has changed.",
    ]  # fmt: skip


def test_inspect__a_claim_says_whether_its_place_must_be_there(used: Platform) -> None:
    """A job at work names places that need not exist yet; below a folder that is gone nothing more is asked for."""
    with used.database.transaction() as db:
        queue.submit(db, queue.Submission("rehearsal", {"out": str(used.workspace.home / "later")}, "x"))
    assert inspect(used).problems == []
    shutil.rmtree(used.workspace.sources / SET)
    (problem,) = inspect(used).problems
    assert f"its folder sources/{SET} is gone; put it back from a backup" in problem.text.en
    assert "不见了；请从备份恢复它" in problem.text.zh


def test_inspect__a_folder_whose_name_is_no_text(used: Platform) -> None:
    place = used.workspace.datasets / os.fsdecode("苏州".encode("gb18030"))
    place.mkdir()
    publish.seal(place)
    (problem,) = inspect(used).problems
    assert problem.cure is not None
    assert problem.cure.key == str(place)


def test_inspect__scratch_files_are_noted_unless_their_job_is_at_work(used: Platform) -> None:
    with used.database.transaction() as db:
        (ended, *_) = db.scalars(queue.jobs.select().with_only_columns(queue.jobs.c.id))
        live = queue.submit(db, queue.Submission("rehearsal", {}, "x"))
    names = [publish.attempt_name("x", live, 1), publish.attempt_name("x", ended, 1), publish.hidden_name("x", "push")]
    for name in names:
        (used.workspace.datasets / name).mkdir()
        publish.seal(used.workspace.datasets / name)
    report = inspect(used)
    assert report.problems == []
    assert sorted(keys(report.notes, used.workspace.home), key=str) == sorted(f"datasets/{name}" for name in names[1:])
    assert "a temporary left by an interruption; it may be deleted" in report.notes[0].text.en


def test_inspect__what_a_killed_job_has_chosen_is_still_coming(used: Platform) -> None:
    """The row says what recovery is going to move: half of it may stand there already."""
    home = used.workspace.home
    half = home / "tasks/t/output/models/m_ep-0001.params"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"1")
    (home / "datasets/d").mkdir()
    (home / "datasets/d" / publish.MANIFEST).write_text('{"files": {"a": {"sha256": "", "bytes": 1}}}')
    before = said(inspect(used).problems, home)
    assert "tasks/t/output/models/m_ep-0001.json is missing." in before
    assert "datasets/d/a is missing." in before
    with used.database.transaction() as db:
        job = queue.claim(db, queue.submit(db, queue.Submission("rehearsal", {}, "x")), (), "here")
        targets = ("tasks/t/output/models/m_ep-0001.json", "datasets/d")
        queue.fenced(db, job.id, job.token, {"moves": [[f"{target}.partial", target] for target in targets]})
    assert said(inspect(used).problems, home) == []


Damage = Callable[[Path], Any]


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (lambda json_: json_.write_text("{}"), "weights/sub/x.json cannot be read."),
        (lambda json_: json_.write_text("{"), "weights/sub/x.json cannot be read."),
        (lambda json_: json_.with_suffix(".params").unlink(), "weights/sub/x.params is missing."),
        (lambda json_: flip(json_.with_suffix(".params")), "weights/sub/x.params has changed."),
    ],
)
def test_inspect__model_files_come_in_pairs(used: Platform, damage: Damage, line: str) -> None:
    description = used.workspace.weights / "sub" / "x.json"
    description.parent.mkdir()
    description.with_suffix(".params").write_bytes(b"12345")
    description.write_text(json.dumps({"params_sha256": hashlib.sha256(b"12345").hexdigest()}))
    (used.workspace.weights / "notes.json").write_text("{}")  # no model's, so nobody's business
    damage(description)
    problems = inspect(used).problems
    assert (said(problems, used.workspace.home), keys(problems, used.workspace.home)) == (
        [line],
        ["weights/sub/x.json"],
    )
    assert len(inspect(used, hashes=False).problems) == ("changed" not in line)
    repair(used, inspect(used))
    assert inspect(used).problems == []
    assert not description.exists()


def test_inspect__half_a_pair_of_a_training_task(used: Platform) -> None:
    models = used.workspace.tasks / "t" / "output" / "models"
    models.mkdir(parents=True)
    for name in ("m_ep-0001.params", ".m_ep-0002.params"):
        (models / name).write_bytes(b"1")
    problems = inspect(used).problems
    assert said(problems, used.workspace.home) == ["tasks/t/output/models/m_ep-0001.json is missing."]
    assert keys(problems, used.workspace.home) == ["tasks/t/output/models/m_ep-0001.json"]


def test_inspect__a_damaged_description_goes_aside_with_its_tensors(used: Platform) -> None:
    description = used.workspace.tasks / "t" / "output" / "models" / "m_ep-0001.json"
    text = json.dumps({"params_sha256": hashlib.sha256(b"12345").hexdigest()})
    note_sum(used, used.workspace.store_path(description), text.encode())
    description.with_suffix(".params").write_bytes(b"12345")
    assert inspect(used).problems == []
    description.write_text(text + " ")
    report = inspect(used)
    assert said(report.problems, used.workspace.home) == ["tasks/t/output/models/m_ep-0001.json has changed."]
    repair(used, report)
    assert list(description.parent.iterdir()) == []
    assert inspect(used).problems == []


def test_inspect__a_place_outside_the_roots_and_a_row_that_makes_no_sense(used: Platform) -> None:
    with used.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission("rehearsal", {"src": ["/nowhere/x"]}, "x"))
    (problem,) = inspect(used).problems
    assert problem.text.en.startswith(f"Job {task_id} points outside the workspace and its roots: /nowhere/x.")
    with used.database.transaction() as db:
        db.execute(queue.jobs.update().where(queue.jobs.c.id == task_id).values(moves=[["one"]]))
    assert "A row of the database makes no sense (ValueError: " in inspect(used).problems[-1].text.en
