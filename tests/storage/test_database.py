import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from roadloop import server
from roadloop.errors import BusyError, ConflictError, OvertakenError
from roadloop.jobs import processes, queue
from roadloop.jobs.identity import MARK
from roadloop.networks import trust
from roadloop.networks.folder import digest
from roadloop.networks.store import trusted_sources
from roadloop.settings import Settings
from roadloop.storage import migrate, search, sqlite
from roadloop.storage.database import Database, Write, insert_new, metadata
from roadloop.storage.platform import Platform, open_platform
from roadloop.storage.sqlite import WAL_BYTES, sqlite_url


def test_migrations__give_the_tables_that_the_code_describes(platform: Platform) -> None:
    assert server.ROUTES  # every feature's tables are imported
    with platform.database.engine.connect() as connection:
        # The index for the search is no table that SQLAlchemy could describe; tests/storage/test_search.py has it.
        described = {
            "compare_type": True,
            "include_name": lambda name, *_: not (name or "").startswith(("search", "turn")),
        }
        context = MigrationContext.configure(connection, opts=described)
        assert compare_metadata(context, metadata) == []


@pytest.mark.sqlite
def test_open_platform__refuses_an_old_schema_and_says_the_command(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    (settings.home / "roadloop.db").touch()
    with pytest.raises(ConflictError, match="roadloop migrate"):
        open_platform(settings)


def test_open_platform__refuses_a_newer_schema(platform: Platform, settings: Settings) -> None:
    with platform.database.transaction() as db:
        db.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    for upgrade in (True, False):
        with pytest.raises(ConflictError, match="newer roadloop"):
            open_platform(settings, upgrade=upgrade)


def test_upgrade__twice_is_the_same_as_once(platform: Platform) -> None:
    assert migrate.upgrade(platform.database, platform.workspace.home) == ()
    assert migrate.current(platform.database) == migrate.newest()


def test_known__are_the_versions_of_the_scripts_in_their_order(platform: Platform) -> None:
    with platform.database.reading() as db:
        scripts = ScriptDirectory.from_config(migrate.config(db, platform.workspace.home))
        assert MigrationContext.configure(db).get_current_revision() == migrate.newest()
    assert migrate.known() == tuple(script.revision for script in scripts.walk_revisions())[::-1]


def of_version(settings: Settings, revision: str, rows: Mapping[str, Sequence[Mapping[str, object]]]) -> None:
    """Make the database of a new home as an older version has left it: its schema, and rows by table."""
    settings.home.mkdir(parents=True)
    database = Database(settings.database_url or sqlite_url(settings.home / "roadloop.db"))
    with database.transaction() as db:
        command.upgrade(migrate.config(db, settings.home.resolve()), revision)
    careless = {"sqlite": "PRAGMA foreign_keys = OFF", "postgresql": "SET session_replication_role = replica"}
    with database.engine.connect() as db:  # which asks for no job of a row
        db.exec_driver_sql(careless[db.dialect.name])
        for table, its in rows.items():
            described = sa.Table(table, sa.MetaData(), autoload_with=db)
            for row in its:
                db.execute(described.insert().values(**row))
        db.commit()
    database.close()


def test_upgrade__makes_places_relative_and_says_so(settings: Settings) -> None:
    home = settings.home.resolve()
    row = {"task_id": "a", "type": "full", "sour_dir": "/elsewhere", "dest_dir": "out", "dest_path": f"{home}/out"}
    rest = {"gpus": "", "single_gpu": True, "dicts": {}}
    of_version(settings, "0009", {"evaluations": [row | rest]})
    platform = open_platform(settings, upgrade=True)
    kept, said = platform.upgraded
    if platform.database.is_local:
        assert "backups/roadloop-0009.db" in kept.en
        with closing(sqlite3.connect(home / "backups" / "roadloop-0009.db")) as older:
            assert older.execute("SELECT dest_path FROM evaluations").fetchall() == [(f"{home}/out",)]
    else:
        assert "before_0009" in kept.en
    assert f"({home}) were made relative in the database, 1 in all" in said.en
    with platform.database.reading() as db:
        found = db.execute(sa.text("SELECT sour_dir, dest_dir, dest_path FROM evaluations")).one()
    assert tuple(found) == ("/elsewhere", "out", "out")
    assert (settings.home / ".installation").read_text().strip()
    platform.database.close()


@pytest.mark.sqlite
def test_upgrade__one_version_back_by_the_rows_that_were_kept(settings: Settings) -> None:
    """As docs/backup.md says: the kept file in place of the newer one is the database of the version before, whole."""
    before = migrate.known()[-2]
    of_version(
        settings,
        before,
        {
            "accounts": [
                {"name": "li", "folded": "li", "role": "admin", "password": "x", "disabled": False, "created_at": 1.0}
            ]
        },
    )
    open_platform(settings, upgrade=True).database.close()
    home = settings.home
    with closing(sqlite3.connect(home / "roadloop.db")) as newer:
        newer.execute("DELETE FROM accounts")
        newer.commit()
    for path in home.glob("roadloop.db*"):
        path.unlink()
    shutil.copy(home / "backups" / f"roadloop-{before}.db", home / "roadloop.db")
    with closing(sqlite3.connect(home / "roadloop.db")) as older:
        assert older.execute("SELECT version_num FROM alembic_version").fetchall() == [(before,)]
        assert older.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert older.execute("SELECT name FROM accounts").fetchall() == [("li",)]
    platform = open_platform(settings, upgrade=True)  # and forward again
    assert migrate.current(platform.database) == migrate.newest()
    platform.database.close()


def test_upgrade__a_job_that_runs_meanwhile_is_known_by_its_mark(settings: Settings) -> None:
    row = {
        "id": "a" * 32, "kind": "rehearsal", "title": "x", "pool": "other", "priority": 0, "state": "running", "token": 1,
        "attempt": 1, "losses": 0, "max_attempts": 3, "payload": {}, "gpus": "", "log": "l", "progress": 0.5,
        "warnings": [], "memo": {}, "finishing": False, "cancel_requested": False, "beat": 7, "queued_seq": 1,
        "created_at": 1.0, "host": None, "pid": 0, "pid_started": 5.0,
    }  # fmt: skip
    with subprocess.Popen(["sleep", "60"], env={MARK: f"{row['id']}:1"}) as process:
        of_version(settings, "0011", {"jobs": [row | {"pid": process.pid}]})
        platform = open_platform(settings, upgrade=True)
        with platform.database.reading() as db:
            (job,) = queue.running(db)
        platform.database.close()
        assert (job.pid, job.pid_ticks, job.boot_id, job.beat) == (process.pid, None, None, 7)
        assert processes.is_alive(job)
        process.kill()
    assert not processes.is_alive(job)


def test_upgrade__what_was_trained_before_may_still_run(settings: Settings) -> None:
    blank = dict.fromkeys(("data", "base_task", "task_desc", "net_desc", "data_desc", "start_date", "end_date"), "")
    recipe: dict[str, object] = {key: {} for key in ("label_map", "train_con", "data_con")}
    sources = {"a": "x = 1\n", "b": "x = 1\n", "c": None}
    tasks = [{"task_id": task, "name": task, "network": "own", "shown": {}, **blank} for task in sources]
    configs = [{"task_id": task, "source": source, **recipe} for task, source in sources.items()]
    of_version(settings, "0011", {"training_tasks": tasks, "training_configs": configs})
    platform = open_platform(settings, upgrade=True)
    with platform.database.reading() as db:
        (row,) = trust.listed(db)
    assert (row.digest, row.name, row.origin) == (digest("x = 1\n"), "own", "trained")
    platform.database.close()


def test_upgrade__numbers_and_indexes_the_rows_that_are_there(settings: Settings) -> None:
    row = {
        "kind": "train", "pool": "training", "priority": 0, "state": "failed", "token": 1, "attempt": 1, "losses": 0,
        "max_attempts": 3, "payload": {}, "gpus": "", "log": "a.log", "progress": 0, "warnings": [], "memo": {},
        "finishing": False, "cancel_requested": False, "beat": 0, "queued_seq": 1, "created_at": 1,
    }  # fmt: skip
    rows = [row | {"id": task_id, "title": title} for task_id, title in (("a", "苏州车道"), ("b", "Ring road"))]
    of_version(settings, "0011", {"jobs": rows})
    platform = open_platform(settings, upgrade=True)
    with platform.database.reading() as db:
        assert list(search.problems(db)) == []
        assert search.window(db, "jobs:train", 2, 9) == [2, 1]
        assert search.find(db, "jobs", "车道") == [1]
        assert search.find(db, "jobs:train", "ring") == [2]
        assert search.job_counts(db)["failed"] == 2
    platform.database.close()


@pytest.mark.sqlite
def test_database__its_log_of_changes_has_a_limit(platform: Platform) -> None:
    log = platform.workspace.home / "roadloop.db-wal"
    with platform.database.transaction() as db:
        db.execute(sa.text("CREATE TABLE long (text TEXT)"))
        db.execute(sa.text("INSERT INTO long VALUES (zeroblob(80000000))"))
    assert log.stat().st_size > WAL_BYTES
    with platform.database.transaction() as db:
        queue.submit(db, queue.Submission("rehearsal", {}, "x"))
    assert log.stat().st_size <= WAL_BYTES


def test_transaction__writers_wait_for_each_other(platform: Platform) -> None:
    def submit_some() -> None:
        for _ in range(20):
            with platform.database.transaction() as db:
                queue.submit(db, queue.Submission("rehearsal", {}, "x"))

    threads = [threading.Thread(target=submit_some) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with platform.database.reading() as db:
        assert len(queue.queued(db, limit=1000)) == 320


@pytest.mark.sqlite
def test_transaction__gives_up_after_the_seconds_that_it_is_given_and_says_who_holds_it(platform: Platform) -> None:
    file = str(Path(platform.workspace.home) / "roadloop.db")
    assert platform.database.holder() is None
    code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('BEGIN IMMEDIATE');"
    code += " print(flush=True); sys.stdin.read()"
    holding = subprocess.Popen([sys.executable, "-c", code, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with holding:
        assert holding.stdout is not None
        holding.stdout.readline()
        assert platform.database.holder() == holding.pid
        with pytest.raises(BusyError), platform.database.transaction(0.1):
            pass
    platform.database.patient = True
    with platform.database.transaction(), pytest.raises(BusyError), platform.database.transaction(0.1):
        pass
    assert platform.database.holder() is None


@pytest.mark.sqlite
def test_transaction__a_patient_one_waits_longer_than_others(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.1)
    platform = open_platform(settings, upgrade=True)
    platform.database.patient = True
    other = sqlite3.connect(settings.home / "roadloop.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    with other:

        def let_go() -> None:
            while len(caplog.records) < 2:
                time.sleep(0.05)
            other.execute("COMMIT")

        thread = threading.Thread(target=let_go)
        thread.start()
        with platform.database.transaction() as db:
            queue.submit(db, queue.Submission("rehearsal", {}, "x"))
        thread.join()
    other.close()
    assert "Waiting for it" in caplog.text
    platform.database.close()


def test_write__is_prepared_anew_when_its_rows_have_changed(platform: Platform) -> None:
    tries: list[int] = []

    def prepare() -> Write[int]:
        tries.append(len(tries))
        number = len(tries)

        def write(db: sa.Connection) -> int:
            queue.submit(db, queue.Submission("rehearsal", {}, f"x{number}"))
            if number < 3:
                raise OvertakenError
            return number

        return write

    assert platform.database.write(prepare) == 3
    with platform.database.reading() as db:
        assert [job.title for job in queue.queued(db)] == ["x3"]  # what was overtaken left nothing


def test_write__gives_up_when_others_never_stop(platform: Platform) -> None:
    def overtaken(_db: sa.Connection) -> None:
        raise OvertakenError

    with pytest.raises(BusyError, match="nothing was changed"):
        platform.database.write(lambda: overtaken)


@pytest.mark.sqlite
def test_transaction__waits_while_another_process_holds_the_database(platform: Platform) -> None:
    other = sqlite3.connect(
        Path(platform.workspace.home) / "roadloop.db", isolation_level=None, check_same_thread=False
    )
    other.execute("BEGIN IMMEDIATE")

    def let_go() -> None:
        time.sleep(1)
        other.execute("COMMIT")
        other.close()

    thread = threading.Thread(target=let_go)
    thread.start()
    with platform.database.transaction() as db:
        queue.submit(db, queue.Submission("rehearsal", {}, "x"))
    thread.join()


def test_insert_new__leaves_the_row_that_another_has_added(platform: Platform) -> None:
    row = {"digest": "d", "name": "n", "origin": "trained", "since": 1.0, "approved_by": ""}
    with platform.database.transaction() as db:
        assert insert_new(db, trusted_sources, row)
        assert not insert_new(db, trusted_sources, {**row, "name": "other"})
    with pytest.raises(sa.exc.IntegrityError, match=r"(?i)not.null"), platform.database.transaction() as db:
        insert_new(db, trusted_sources, {**row, "digest": "e", "name": None})
    with platform.database.reading() as db:
        assert db.scalars(sa.select(trusted_sources.c.name)).all() == ["n"]
