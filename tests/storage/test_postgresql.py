"""What only PostgreSQL has: transactions beside each other, a server that dies, and moving there. Its own server.

The suites of jobs, storage, web and the whole loop run on it with `--database postgresql`.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from live import LiveServer
from postgres import Cluster
from roadloop.cli.main import app
from roadloop.errors import BusyError, ConflictError, DatabaseAwayError, InvalidValueError, OvertakenError
from roadloop.jobs import fsck, queue
from roadloop.jobs.states import ENDED, JobState
from roadloop.networks.store import networks
from roadloop.server import create_app
from roadloop.settings import Settings
from roadloop.storage import move, postgresql, search
from roadloop.storage.database import Database
from roadloop.storage.platform import Platform, open_platform

pytestmark = pytest.mark.xdist_group("postgresql")


@pytest.fixture
def platform(there: Settings) -> Iterator[Platform]:
    opened = open_platform(there, upgrade=True)
    yield opened
    opened.database.close()


def submit(platform: Platform, **payload: object) -> str:
    name = str(payload.pop("name", "x"))
    with platform.database.transaction() as db:
        return queue.submit(db, queue.Submission("rehearsal", {"name": name, "steps": 1, "pause": 0, **payload}, name))


def read(platform: Platform, task_id: str) -> queue.Job:
    with platform.database.reading() as db:
        return queue.get(db, task_id)


def in_threads(count: int, work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def again_and_again(database: Database, work: Callable[[sa.Connection], object]) -> object:
    """Do a write until nobody is in its way."""
    while True:
        with suppress(OvertakenError), database.transaction() as db:
            return work(db)


def test_nothing_rests_on_turns(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight submit and claim beside each other, each GPU wanted by all; what is left is as if they had come in a row."""
    monkeypatch.setattr(postgresql, "TAKE_TURNS", False)
    databases = [Database(platform.database.url) for _ in range(8)]  # each takes turns with itself
    claimed: list[tuple[str, str]] = []

    def work(number: int) -> None:
        for step in range(10):
            name = f"{number}-{step}"
            submission = queue.Submission("rehearsal", {}, name)
            again_and_again(databases[number], partial(queue.submit, submission=submission))
        for _ in range(10):
            with platform.database.reading() as db:
                first, gpu = queue.queued(db, 1)[0], f"GPU-{number % 4}"
            with suppress(ConflictError):
                claim = partial(queue.claim, task_id=first.id, gpu_uuids=(gpu,), host="here")
                again_and_again(databases[number], claim)
                claimed.append((first.id, gpu))

    in_threads(8, work)
    for database in databases:
        database.close()
    with platform.database.reading() as db:
        assert list(search.problems(db)) == []
        assert search.length(db, "jobs") == 80
        running, held = queue.running(db), queue.held_gpus(db)
    assert 1 <= len(running) <= 4
    assert sorted((task, gpu) for gpu, task in held.items()) == sorted(claimed)
    assert sorted(task for task, _ in claimed) == sorted(job.id for job in running)
    assert all((job.token, job.attempt) == (1, 1) for job in running)


def test_a_name_is_taken_once(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check and the insertion stand in one transaction; both see what another has done, or fail."""
    monkeypatch.setattr(postgresql, "TAKE_TURNS", False)
    databases = [Database(platform.database.url) for _ in range(6)]
    refused: list[int] = []

    def work(number: int) -> None:
        def create(db: sa.Connection) -> None:
            if db.scalar(sa.select(sa.func.count()).where(networks.c.name == "lane", networks.c.live)):
                refused.append(number)
                return
            task_id = queue.submit(db, queue.Submission("create_net", {}, "lane"))
            row = {"task_id": task_id, "name": "lane", "template": "enet", "description": "", "live": True}
            db.execute(networks.insert().values(**row))

        again_and_again(databases[number], create)

    in_threads(6, work)
    for database in databases:
        database.close()
    with platform.database.reading() as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(networks)) == 1
    assert len(set(refused)) == 5


def test_turns__who_waits_too_long_is_told_and_who_sleeps_loses_his(
    platform: Platform, rows_server: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(rows_server.url("there")) as other:
        other.execute("LOCK TABLE turn IN EXCLUSIVE MODE")
        with pytest.raises(BusyError), platform.database.transaction(0.1):
            pass
        with platform.database.transaction(turn=False) as db:  # a sign of life goes by
            assert db.scalar(sa.select(sa.literal(7))) == 7
    monkeypatch.setattr(postgresql, "IDLE_SECONDS", 1)
    sleeper, waited = Database(platform.database.url), time.monotonic()
    with pytest.raises(DatabaseAwayError), sleeper.transaction():
        submit(platform)
    assert time.monotonic() - waited < 15
    sleeper.close()
    with platform.database.reading() as db:
        assert search.length(db, "jobs") == 1


def test_text_that_it_cannot_keep_is_refused_by_name(platform: Platform) -> None:
    with pytest.raises(InvalidValueError, match=r"U\+0000"):
        submit(platform, name="a\0b")


def test_a_server_that_is_killed__requests_say_so_and_patient_ones_wait(
    platform: Platform, rows_server: Cluster
) -> None:
    with TestClient(create_app(platform, 8600), base_url="http://127.0.0.1:8600") as client:
        assert client.get("/v1/jobs").status_code == 200
        rows_server.stop("immediate")
        answer = client.get("/v1/jobs", headers={"accept-language": "en"})
        assert (answer.status_code, answer.json()["error"]) == (503, "database_away")
        assert int(answer.headers["retry-after"]) >= 1
        assert "work goes on by itself when it is back" in answer.json()["message"]
        refused = client.post("/create_net", json={"network_name": "lane", "src_net": "enet"})
        assert refused.status_code == 503
        patient = Database(platform.database.url)
        patient.patient = True
        done: list[str] = []

        def wait() -> None:
            work = queue.Submission("rehearsal", {}, "waited")
            done.append(patient.write(lambda: lambda db: queue.submit(db, work)))

        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(1)
        assert not done
        rows_server.start()
        thread.join(timeout=30)
        assert len(done) == 1
        patient.close()
        assert client.get("/v1/jobs").json()["total"] == 1
        assert client.post("/create_net", json={"network_name": "lane", "src_net": "enet"}).status_code == 200


def test_one_of_two_addresses_that_answers_is_taken(there: Settings, rows_server: Cluster) -> None:
    away = f"postgresql://postgres@/there?host=127.0.0.1:9&host=127.0.0.1:{rows_server.port}&target_session_attrs=read-write"
    platform = open_platform(there.model_copy(update={"database_url": away}), upgrade=True)
    submit(platform)
    platform.database.close()


@pytest.mark.reliability
def test_r25__the_server_is_killed_while_a_job_runs(
    there: Settings, rows_server: Cluster, times: Callable[[int], int]
) -> None:
    live = LiveServer(there)
    live.start()
    platform = open_platform(there)
    platform.database.patient = True
    try:
        task_id = submit(platform, steps=10**5, pause=0.01)
        slowest = 0.0
        for _ in range(times(10)):
            before = _until(platform, task_id, lambda job: job.beat > 0)
            rows_server.stop("immediate")
            time.sleep(0.5)
            rows_server.start()
            began = time.monotonic()
            _until(platform, task_id, lambda job, beat=before.beat: job.beat > beat)  # type: ignore[misc]
            slowest = max(slowest, time.monotonic() - began)
        with platform.database.transaction() as db:
            queue.cancel(db, task_id)
        job = _until(platform, task_id, lambda job: job.state in ENDED)
        assert (job.state, job.attempt, job.losses) == (JobState.CANCELLED, 1, 0)
        print(f"R25: slowest sign of life after a restart {slowest:.1f} s")
        assert slowest < 10 * 10
        assert fsck.inspect(platform, hashes=True).problems == []
    finally:
        live.close()
        platform.database.close()


def _until(platform: Platform, task_id: str, condition: Callable[[queue.Job], bool]) -> queue.Job:
    deadline = time.monotonic() + 100
    while not condition(job := read(platform, task_id)):
        assert time.monotonic() < deadline, job
        time.sleep(0.05)
    return job


@pytest.fixture
def old(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A workspace on SQLite with some rows, one with both kinds of nothing in it, whatever the other tests run on."""
    monkeypatch.delenv("ROADLOOP_DATABASE_URL", raising=False)
    settings = settings.model_copy(update={"database_url": ""})
    platform = open_platform(settings, upgrade=True)
    for number in range(3):
        submit(platform, name=f"苏州车道 {number}")
    with platform.database.transaction() as db:
        first = queue.queued(db)[0]
        queue.claim(db, first.id, ("GPU-a",), "here")
        queue.finish(db, queue.get(db, first.id), JobState.SUCCEEDED)
    platform.database.close()
    return settings


def moved(home: Path, *options: str) -> str:
    done = CliRunner().invoke(app, ["migrate", "--home", str(home), *options], env={"COLUMNS": "300"})
    assert done.exit_code == 0, done.output or done.exception
    return done.output


def test_migrate__moves_all_rows_there_and_back(
    old: Settings, rows_server: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROADLOOP_LANG", "en")
    before = open_platform(old)
    with before.database.reading() as db:
        rows = db.execute(sa.select(queue.jobs).order_by(queue.jobs.c.seq)).all()
        nothing = "SELECT count(*) FROM jobs WHERE moves IS NULL"
        nulls = db.exec_driver_sql(nothing).scalar()
    before.database.close()
    url = rows_server.create("moved")
    said = moved(old.home, "--to", url)
    assert "were moved and compared" in said
    assert not (old.home / "roadloop.db").exists()
    assert list(old.home.glob("quarantine/*/roadloop.db"))
    with pytest.raises(ConflictError, match="its database is missing"):
        open_platform(old)
    platform = open_platform(old.model_copy(update={"database_url": url}))
    with platform.database.reading() as db:
        assert db.execute(sa.select(queue.jobs).order_by(queue.jobs.c.seq)).all() == rows
        assert db.exec_driver_sql(nothing).scalar() == nulls
        assert list(search.problems(db)) == []
        assert len(search.find(db, "jobs", "车道")) == 3
    submit(platform, name="new")
    with platform.database.reading() as db:
        assert [job.seq for job in queue.queued(db)] == [2, 3, 4]
    platform.database.close()
    moved(old.home, "--from", url, "--to", f"sqlite:///{old.home / 'roadloop.db'}")
    with pytest.raises(ConflictError, match="no pair"):
        open_platform(old.model_copy(update={"database_url": url}))
    platform = open_platform(old)
    with platform.database.reading() as db:
        assert len(db.execute(sa.select(queue.jobs)).all()) == 4
    platform.database.close()


def test_migrate__what_cannot_be_moved_leaves_all_as_it_was(old: Settings, rows_server: Cluster) -> None:
    url = rows_server.create("refusing")
    platform = open_platform(old)
    submit(platform, name="a\0b")
    target = Database(url)
    with pytest.raises(InvalidValueError, match="table jobs cannot be kept"):
        move.move(platform.database, target, old.home)
    with target.reading() as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(queue.jobs)) == 0
    assert (old.home / "roadloop.db").exists()
    with platform.database.transaction() as db:
        db.execute(queue.jobs.update().where(queue.jobs.c.seq == 4).values(title="b", payload={}))
    move.move(platform.database, target, old.home)
    with pytest.raises(ConflictError, match="has rows in the table"):
        move.move(target, target, old.home)
    target.close()
    platform.database.close()
