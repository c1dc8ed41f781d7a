"""`roadloop fsck` as an operator meets it: what it says, asks, does and leaves with."""

import hashlib
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from damaged_database import change_id
from roadloop.cli.main import app
from roadloop.errors import ConflictError
from roadloop.jobs import queue, store
from roadloop.jobs.lock import alone
from roadloop.releases.index import INDEX, index_of, read_json
from roadloop.storage import publish
from roadloop.storage.platform import Platform

HINT = "roadloop fsck --repair offers what can be done, one by one."
Fsck = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def fsck(platform: Platform) -> Fsck:
    """Run it on the test's workspace; how it leaves, and its lines with places as they stand in the home."""

    def run(*options: str, answers: str = "", lang: str = "C.UTF-8") -> tuple[int, list[str]]:
        home = platform.workspace.home
        runner = CliRunner(env={"LANG": lang, "LC_ALL": lang, "COLUMNS": "200"})
        done = runner.invoke(app, ["fsck", "--home", str(home), *options], input=answers)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, [line for line in done.output.replace(f"{home}/", "").splitlines() if line]

    return run


def stranger(platform: Platform, path: str, **files: str) -> Path:
    """A sealed folder that no row knows."""
    folder = platform.workspace.home / path
    folder.mkdir(parents=True)
    for name, text in {"a.txt": "1", **files}.items():
        (folder / name).write_text(text)
    publish.seal(folder)
    return folder


def unknown(path: str) -> str:
    return f"✗ No row of the database knows {path}."


def test_fsck__nothing_is_wrong(fsck: Fsck) -> None:
    assert fsck() == (0, ["0 jobs, 0 files checked: 0 problems, 0 notes"])
    assert fsck("--repair") == (0, ["0 jobs, 0 files checked: 0 problems, 0 notes"])


def test_fsck__says_what_is_wrong_in_the_language_and_changes_nothing(platform: Platform, fsck: Fsck) -> None:
    stranger(platform, "datasets/x[red]")
    counts = "0 jobs, 1 file checked: 1 problem, 0 notes"
    assert fsck() == (1, [unknown("datasets/x[red]"), counts, HINT])
    code, lines = fsck(lang="zh_CN.UTF-8")
    assert (code, lines[0], lines[2]) == (
        1, "✗ 数据库里没有 datasets/x[red] 的记录。", "roadloop fsck --repair 会逐个询问如何处理。",
    )  # fmt: skip
    assert list(platform.workspace.quarantine.glob("*")) == []
    code, lines = fsck("--repair", answers="n\n", lang="zh_CN.UTF-8")
    assert (code, lines[0]) == (1, "✗ 数据库里没有 datasets/x[red] 的记录。")
    assert lines[1].startswith("  → 把 datasets/x[red] 移到 quarantine/（不删除）?")


def test_fsck__quick_reads_no_content(platform: Platform, fsck: Fsck) -> None:
    folder = stranger(platform, "datasets/x")
    (folder / "a.txt").write_text("2")
    changed = "✗ datasets/x/a.txt has changed."
    assert fsck()[1][:2] == [changed, unknown("datasets/x")]
    assert fsck("--quick")[1][0] == unknown("datasets/x")


def test_repair__does_what_is_answered_with_yes(platform: Platform, fsck: Fsck) -> None:
    for name in "xy":
        stranger(platform, f"datasets/{name}")
    offers = [f"  → move datasets/{name} to quarantine/ (nothing is deleted)" for name in "xy"]
    code, lines = fsck("--repair", answers="n\ny\n")
    assert (code, lines[-3:]) == (1, [unknown("datasets/x"), "0 jobs, 2 files checked: 1 problem, 0 notes", HINT])
    assert [line.partition("?")[0] for line in lines if "→" in line] == offers
    assert len(list(platform.workspace.quarantine.glob("*/datasets/y/a.txt"))) == 1
    assert fsck("--repair", "--yes") == (
        0,
        [unknown("datasets/x"), offers[0], "0 jobs, 1 file checked: 0 problems, 0 notes"],
    )
    assert not list(platform.workspace.datasets.glob("*"))


def test_repair__one_cure_of_several_problems_is_offered_once(platform: Platform, fsck: Fsck) -> None:
    folder = stranger(platform, "datasets/x")
    (folder / "a.txt").unlink()
    code, lines = fsck("--repair", answers="n\n")
    assert (code, sum("→" in line for line in lines)) == (1, 1)
    assert lines[-4:-2] == ["✗ datasets/x/a.txt is missing.", unknown("datasets/x")]


def test_repair__also_offers_what_a_cure_brings_to_light(platform: Platform, fsck: Fsck) -> None:
    """An unknown bundle goes aside; then the index names one too many."""
    models = platform.workspace.models
    stranger(platform, "models/c/1/env-0", **{"release.json": '{"folder": "c/1/env-0"}'})
    publish.write_json(models / INDEX, index_of(models))
    code, lines = fsck("--repair", answers="y\nn\n")
    wrong = f"✗ models/{INDEX} is not the index of the bundles."
    assert (code, lines[-3:]) == (1, [wrong, "0 jobs, 2 files checked: 1 problem, 0 notes", HINT])
    assert fsck("--repair", "--yes")[0] == 0
    assert read_json(models / INDEX) == index_of(models)


@pytest.mark.sqlite
def test_repair__a_cure_that_fails_says_so_and_the_problem_stays(platform: Platform, fsck: Fsck) -> None:
    with platform.database.transaction() as db:
        ids = [queue.submit(db, queue.Submission("rehearsal", {}, "x")) for _ in range(2)]
    platform.database.close()
    change_id(platform.workspace.home, ids[1], ids[0])
    code, lines = fsck("--repair", "--yes")
    assert code == 1
    assert "  → make the database's indexes anew from its rows" in lines
    assert any(line.startswith("  ✗ Two rows of the database are the same (UNIQUE") for line in lines)
    assert lines[-1] == HINT


def test_repair__waits_for_no_server_and_lets_none_begin(platform: Platform, fsck: Fsck) -> None:
    with closing(alone(platform)):
        assert fsck()[0] == 0  # to look is always allowed
        with pytest.raises(ConflictError, match="Another roadloop server"):
            fsck("--repair")
    assert fsck("--repair")[0] == 0


def test_fsck__notes_edits_and_what_has_no_sums_are_no_problems(platform: Platform, fsck: Fsck) -> None:
    home = platform.workspace.home
    (home / "datasets" / publish.hidden_name("x", "push")).write_text("")
    scratch = next((home / "datasets").iterdir()).name
    (home / "sources" / "mine").mkdir()
    network = home / "networks" / "n" / "network.py"
    network.parent.mkdir()
    network.write_text("2")
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission("rehearsal", {}, "x"))
        queue.finish(db, queue.claim(db, task_id, (), "here"), queue.JobState.SUCCEEDED)
        sha256 = hashlib.sha256(b"1").hexdigest()
        db.execute(store.seals.insert().values(path="networks/n/network.py", task_id=task_id, sha256=sha256))
    lines = [
        f"· datasets/{scratch} is a temporary left by an interruption; it may be deleted.",
        "· Not as roadloop wrote them: edited, or damaged:",
        "    networks/n/network.py has changed.",
    ]
    counts = "1 job, 1 file checked: 0 problems, 1 note"
    assert fsck() == (0, [*lines, counts])
    assert fsck("--unverified") == (0, [*lines, "· sources/mine: has no sums and cannot be verified", counts])
    code, said = fsck("--json")
    found = json.loads("".join(said))
    assert (code, found["jobs"], found["files"], found["problems"]) == (0, 1, 1, [])
    assert [(note["en"], note["repair"]["en"].split()[0]) for note in found["notes"]] == [(lines[0][2:], "move")]
    assert found["notes"][0]["zh"] == f"datasets/{scratch} 是中断留下的临时文件，可以删除。"
    assert [edit["en"] for edit in found["edits"]] == ["networks/n/network.py has changed."]
    assert found["unverified"] == ["sources/mine"]
    code, said = fsck("--repair", "--yes")
    assert (code, said[-1]) == (0, "1 job, 1 file checked: 0 problems, 0 notes")
    assert len(list(platform.workspace.quarantine.glob(f"*/datasets/{scratch}"))) == 1


def test_fsck__a_problem_without_a_cure_is_offered_none(platform: Platform, fsck: Fsck) -> None:
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission("rehearsal", {"src": "/nowhere/x"}, "x"))
    said = f"✗ Job {task_id} points outside the workspace and its roots: /nowhere/x."
    for options in ((), ("--repair", "--yes")):
        code, lines = fsck(*options)
        assert (code, lines[0].startswith(said), len(lines)) == (1, True, 2)
    found = json.loads("".join(fsck("--json")[1]))
    assert [problem["repair"] for problem in found["problems"]] == [None]
    assert fsck("--root", "/nowhere:ro")[0] == 0
