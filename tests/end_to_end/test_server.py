"""The server as a process: fresh homes, restarts, running jobs, refusals."""

import gc
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from live import LiveServer
from roadloop.cli import operate
from roadloop.cli.main import main
from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.settings import Settings
from roadloop.storage import objects
from roadloop.storage.platform import Platform, open_platform

pytestmark = pytest.mark.xdist_group("server")

Command = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server for the tests that leave it as it is."""
    home = tmp_path_factory.mktemp("standing") / "home"
    live = LiveServer(Settings(home=home, port=0, poll_seconds=0.05, min_free_mib=0, torch_threads=1))
    live.start()
    yield live
    live.close()


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `roadloop` in this process, as a process of its own spends two seconds on imports; exit code and output."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setattr(objects, "BRIEFLY", threading.Event())  # which a server sets for its whole process
    monkeypatch.setattr(operate, "start_log", lambda *_: None)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["roadloop", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0), "".join(capsys.readouterr())

    return run


def submit(live: LiveServer, *, steps: int = 1000, pause: float = 0.05) -> str:
    platform = open_platform(live.settings)
    with platform.database.transaction() as db:
        payload = {"steps": steps, "pause": pause, "name": "counted"}
        task_id = queue.submit(db, queue.Submission("rehearsal", payload, "数数"))
    platform.database.close()
    return task_id


def row(live: LiveServer, task_id: str) -> queue.Job:
    platform = open_platform(live.settings)
    with platform.database.reading() as db:
        job = queue.get(db, task_id)
    platform.database.close()
    return job


def until_running(live: LiveServer, task_id: str) -> queue.Job:
    deadline = time.monotonic() + 30
    while not ((job := row(live, task_id)).state is JobState.RUNNING and job.progress > 0):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return job


def test_serve__sets_up_a_fresh_home_and_answers(standing: LiveServer) -> None:
    client = standing.client()
    health = client.get("/v1/health").json()
    assert health["errno"] == 1
    assert health["data"]["jobs"]["running"] == 0
    assert client.get("/").status_code == 200
    assert "text/html" in client.get("/").headers["content-type"]
    assert client.get("/docs").status_code == 200
    assert (standing.home / "roadloop.db").exists()


def test_serve__unknown_paths_and_wrong_methods(standing: LiveServer) -> None:
    client = standing.client()
    missing = client.get("/v1/nothing")
    assert (missing.status_code, missing.json()["error"]) == (404, "not_found")
    wrong = client.get("/create_data")
    assert (wrong.status_code, wrong.json()["error"], wrong.headers["allow"]) == (405, "method_not_allowed", "POST")
    assert client.get("/static/../server.py").status_code == 404


def test_serve__stopping_leaves_jobs_running_and_says_so(server: LiveServer) -> None:
    task_id = submit(server)
    job = until_running(server, task_id)
    assert "go on without the server" in server.stop()
    before = row(server, task_id).progress
    time.sleep(1.5)
    assert row(server, task_id).progress > before
    server.start()
    client = server.client()
    found = client.get("/v1/jobs", params={"task_id": task_id}).json()["data"]
    assert (found["state"], found["attempt"]) == ("running", 1)
    assert row(server, task_id).pid == job.pid
    client.post(f"/v1/jobs/{task_id}/cancel")
    assert server.wait("/v1/jobs", task_id, seconds=15)["state"] == "cancelled"


def test_serve__stop_jobs_ends_them(settings: Settings) -> None:
    live = LiveServer(settings)
    live.start("--stop-jobs")
    task_id = submit(live)
    until_running(live, task_id)
    assert "no jobs are running" in live.stop()
    assert row(live, task_id).state is JobState.CANCELLED
    live.close()


def test_serve__killed_while_a_job_runs_disturbs_nothing(server: LiveServer) -> None:
    task_id = submit(server, steps=80)
    until_running(server, task_id)
    server.kill()
    server.start()
    done = server.wait("/v1/jobs", task_id)
    assert (done["state"], done["attempt"]) == ("succeeded", 1)


def test_serve__a_second_server_on_the_same_home_is_refused(standing: LiveServer) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "roadloop", "serve", "--home", str(standing.home), "--port", "0"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Another roadloop server" in done.stderr


def test_serve__a_taken_port_is_explained(standing: LiveServer, settings: Settings) -> None:
    port = standing.url.rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "-m", "roadloop", "serve", "--home", str(settings.home) + "2", "--port", port],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert done.returncode == 1
    assert f"Port {port} cannot be used" in done.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "::"])
def test_serve__other_addresses_are_refused(settings: Settings, command: Command, host: str) -> None:
    code, said = command("serve", "--home", str(settings.home), "--host", host)
    assert code == 1
    not_here = settings.database_url and host == "10.0.0.1"  # who has an account stands in rows that are asked later
    assert ("cannot be used" if not_here else "Refusing to listen") in said


def test_serve__other_addresses_are_refused_where_a_database_has_no_account(
    platform: Platform, command: Command
) -> None:
    code, said = command("serve", "--home", str(platform.settings.home), "--host", "0.0.0.0", "--port", "0")
    assert (code, "Refusing to listen" in said) == (1, True)
    gc.collect()  # a socket that was left open warns now, and warnings fail


def test_serve__a_database_locked_for_seconds_makes_callers_wait_not_fail(standing: LiveServer) -> None:
    client = standing.client()
    task_id = submit(standing)
    other = sqlite3.connect(standing.home / "roadloop.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert client.get("/v1/jobs").status_code == 200  # readers do not wait
    process = subprocess.Popen(
        [sys.executable, "-c", f"import httpx2; print(httpx2.post({standing.url!r} + '/v1/jobs/{task_id}/cancel', timeout=30).status_code)"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(2)
    assert process.poll() is None
    other.execute("COMMIT")
    other.close()
    assert process.communicate(timeout=30)[0].strip() == "200"


def test_commands__name_a_folder_that_is_no_workspace_and_leave_it(tmp_path: Path, command: Command) -> None:
    for name in (["status", "--once"], ["fsck"]):
        code, said = command(*name, "--home", str(tmp_path / "none"))
        assert code == 1
        assert "is no workspace of roadloop" in said
        assert "--home" in said
        assert not (tmp_path / "none").exists()
    assert command("migrate", "--home", str(tmp_path / "none"))[0] == 0  # it makes one
    assert command("fsck", "--home", str(tmp_path / "none"))[0] == 0


def test_status_and_fsck__as_a_user(standing: LiveServer, command: Command) -> None:
    task_id = submit(standing, steps=2)
    standing.wait("/v1/jobs", task_id)
    done = subprocess.run(
        [sys.executable, "-m", "roadloop", "status", "--once", "--home", str(standing.home)],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "PYTHONUTF8": "1", "COLUMNS": "80"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "completed!" in done.stdout
    assert "数数" in done.stdout
    for name, words in (("fsck", "0 problems"), ("migrate", "schema")):
        code, said = command(name, "--home", str(standing.home))
        assert (code, words in said) == (0, True), said
