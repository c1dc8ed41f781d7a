"""The public client against a real server: the documents' example, refusals, jobs that end badly, a server that is away."""

import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import import_folders as folders
from live import LiveServer
from roadloop import client as public
from roadloop.client import Client, JobError, RefusedError, Row, UnreachableError
from roadloop.jobs import queue
from roadloop.storage.platform import open_platform

DOCS = Path(__file__).parents[1] / "docs"


def example(document: str) -> str:
    """The script of a page."""
    (script,) = re.findall(r"```python\n(.*?)```", (DOCS / document).read_text(encoding="utf-8"), re.DOTALL)
    return str(script)


def run_example(server: LiveServer, folder: Path) -> list[str]:
    """Run it as somebody does who pastes it into a file; what it prints."""
    file = folder / "example.py"
    file.write_text(example("client.md").replace("http://127.0.0.1:8600", server.url), encoding="utf-8")
    command = [sys.executable, "-W", "error", file.name]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_example__builds_a_dataset_and_finds_it_again(server: LiveServer, tmp_path: Path) -> None:
    folders.camvid_ids(server.home / "imports" / "camvid")
    with Client(server.url, "en") as client:
        client.wait(client.post("/offimport", src="camvid", dest="camvid")["data"])
        first = run_example(server, tmp_path)
        assert first[0] == "source sets: camvid"
        assert (first[-2], first[-1]) == ("succeeded 100%", "{'train': 1, 'val': 1, 'test': 0}")
        picture = (tmp_path / "first.jpg").read_bytes()
        assert client.get("/v1/datasets/camvid-1")["data"]["counts"]["train"] == 1
        assert run_example(server, tmp_path) == [first[0], *first[-2:]]
        assert (tmp_path / "first.jpg").read_bytes() == picture

        again = {"data_name": "again", "sour_data": "camvid", "l_value": 0}
        assert client.post("/create_data", "one", **again) == client.post("/create_data", "one", **again)


def test_example__is_the_same_in_both_languages() -> None:
    assert example("client.md").replace(', "en")', ")") == example("client.zh.md")


@pytest.mark.parametrize("document", ["client.md", "client.zh.md"])
def test_documents__name_every_call_and_error(document: str) -> None:
    text = (DOCS / document).read_text(encoding="utf-8")
    calls = {name for name in vars(Client) if not name.startswith("_")}
    assert calls - {name for name in calls if f"`{name}(" in text} == set()
    assert {name for name in public.__all__ if name.endswith("Error")} == set(
        re.findall(r"^\| `(\w+Error)`", text, re.M)
    )


def test_client__says_what_the_server_says(server: LiveServer) -> None:
    with (
        Client(server.url, "en") as client,
        pytest.raises(RefusedError, match=r"/v1/jobs answered 404: Nothing") as caught,
    ):
        client.wait("nowhere")
    assert (caught.value.status, caught.value.error, caught.value.details["task_id"]) == (404, "not_found", "nowhere")


@pytest.mark.slow
def test_wait__outlives_the_server_and_names_a_bad_end(server: LiveServer) -> None:
    """The server is killed while a job runs, and another one takes its place; the job is then stopped."""
    platform = open_platform(server.settings)
    with platform.database.transaction() as db:
        payload = {"steps": 10_000, "pause": 0.05, "name": "long"}
        task_id = queue.submit(db, queue.Submission("rehearsal", payload, "long"))
    platform.database.close()
    port = int(server.url.rpartition(":")[2])
    second = LiveServer(server.settings.model_copy(update={"port": port}))
    starting = threading.Thread(target=second.start)
    seen: list[str] = []

    def show(row: Row) -> None:
        if row["state"] == "running" and starting.ident is None:
            server.kill()
            with pytest.raises(UnreachableError, match="does not answer"):
                client.post("/data_history")
            starting.start()
        elif row["state"] == "running" and not starting.is_alive():
            client.post(f"/v1/jobs/{task_id}/cancel")
        seen.append(row["state"])

    try:
        with Client(server.url, "en") as client:
            with pytest.raises(JobError, match=f"Job {task_id} did not succeed: ") as caught:
                client.wait(task_id, show, patience=250)
            assert f"{server.url}/output_log?task_id={task_id}" in caught.value.text.zh
            assert seen[-1] == "cancelled"
            second.kill()
            with pytest.raises(UnreachableError):
                client.wait(task_id, patience=0)
    finally:
        starting.join()
        second.close()
