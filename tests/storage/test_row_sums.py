"""The sums of the rows follow whatever roadloop writes, and nothing that others write."""

import random
import sqlite3
import string
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from roadloop.errors import BrokenDatabaseError
from roadloop.jobs import findings, queue
from roadloop.jobs.findings import Repair
from roadloop.jobs.fsck import inspect
from roadloop.storage import integrity, migrate, row_sums
from roadloop.storage.database import Database
from roadloop.storage.platform import Platform
from roadloop.storage.sqlite import sqlite_url

pytestmark = pytest.mark.sqlite

TABLE = (
    "CREATE TABLE things (id INTEGER PRIMARY KEY, a TEXT, b FLOAT, c INTEGER, d BLOB, e VARCHAR(9) UNIQUE,"
    " parent INTEGER REFERENCES things(id) ON DELETE CASCADE)"
)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """One with a table of each kind of column."""
    url = sqlite_url(tmp_path / "rows.db")
    with closing(Database(url)) as first, first.transaction() as db:
        db.exec_driver_sql(TABLE)
        db.exec_driver_sql(f"CREATE TABLE {row_sums.TABLE} (name TEXT PRIMARY KEY, sum BIGINT NOT NULL)")
        row_sums.begin(db)
    return Database(url)


def value(rng: random.Random) -> object:
    return rng.choice([
        None, rng.randrange(-(2**63), 2**63), rng.uniform(-1e300, 1e300), float(rng.randrange(9)), -0.0, 1e-320, float("inf"),
        float("nan"), "".join(rng.choices(string.printable + "车道é\0", k=rng.randrange(9))), rng.randbytes(5), "12", "1e3", True, "",
    ])  # fmt: skip


def test_sums__follow_every_kind_of_write_of_every_kind_of_value(database: Database, rng: random.Random) -> None:
    ids, count = range(1, 30), 0
    for _ in range(60):
        with database.transaction() as db:
            for _ in range(10):
                one, a, b, c, d, e = rng.choice(ids), *(value(rng) for _ in range(5))
                statement, values = rng.choice([
                    ("INSERT INTO things(id, a, b, c, d, e, parent) VALUES(?, ?, ?, ?, ?, ?, (SELECT max(id) FROM things)) ON CONFLICT DO NOTHING", (one, a, b, c, d, e)),
                    ("INSERT INTO things(id, a, b) VALUES(?, ?, ?) ON CONFLICT(id) DO UPDATE SET a = excluded.a, c = ?", (one, a, b, c)),
                    ("UPDATE OR IGNORE things SET a = ?, b = ?, c = ?, d = ?, e = ? WHERE id >= ?", (a, b, c, d, e, one)),
                    ("DELETE FROM things WHERE id = ?", (one,)),
                    ("INSERT INTO things(a, b, c) SELECT a, b, c FROM things WHERE id = ?", (one,)),
                    ("DELETE FROM things WHERE id > 60", ()),
                ])  # fmt: skip
                db.exec_driver_sql(statement, tuple(values))
        with database.reading() as db:
            assert row_sums.differing(db) == []
            count = db.exec_driver_sql("SELECT count(*) FROM things").scalar_one()
    assert count > 5
    with database.transaction() as db:
        db.exec_driver_sql("DELETE FROM things")
    with database.reading() as db:
        assert db.exec_driver_sql(f"SELECT sum FROM {row_sums.TABLE} WHERE name = 'things'").scalar_one() == 0
    database.close()


def test_sums__that_were_rolled_back_are_those_of_before(database: Database) -> None:
    with pytest.raises(sa.exc.IntegrityError), database.transaction() as db:
        db.exec_driver_sql("INSERT INTO things(id, e) VALUES(1, 'x'), (2, 'y'), (3, 'x')")
    with database.reading() as db:
        assert row_sums.differing(db) == []
    database.close()


def test_fsck__names_the_table_that_another_program_has_changed(platform: Platform) -> None:
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission("rehearsal", {"steps": 1}, "数数"))
    assert inspect(platform, hashes=True).problems == []
    with closing(sqlite3.connect(str(platform.database.engine.url.database))) as foreign:
        foreign.execute("UPDATE jobs SET title = '数树' WHERE id = ?", (task_id,))
        foreign.commit()
    assert inspect(platform, hashes=False).problems == []  # --quick reads no rows for this
    (found,) = inspect(platform, hashes=True).problems
    assert "table jobs are not as roadloop wrote them" in found.text.en
    assert "表 jobs 的行" in found.text.zh
    assert found.cure == findings.take_rows()
    with platform.database.transaction() as db:  # what is written afterwards mends nothing
        queue.cancel(db, task_id)
    assert [problem.cure for problem in inspect(platform, hashes=True).problems] == [findings.take_rows()]
    found.cure.apply(Repair(platform))
    assert inspect(platform, hashes=True).problems == []
    assert "taken as they are" in (platform.workspace.logs / "repairs.log").read_text()


def test_text__that_is_none_is_a_damaged_database_and_no_bug(database: Database) -> None:
    with closing(sqlite3.connect(str(database.engine.url.database))) as foreign:
        foreign.execute("INSERT INTO things(id, a) VALUES(1, CAST(x'ff' AS TEXT))")
        foreign.commit()
    with pytest.raises(BrokenDatabaseError), database.transaction() as db:
        db.exec_driver_sql("UPDATE things SET c = 1")
    database.close()


def older(platform: Platform, *, running: bool) -> None:
    """Make the database one of before there were sums."""
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission("rehearsal", {"steps": 1}, "数数"))
        if running:
            queue.claim(db, task_id, (), "here")
        row_sums.leave(db)
        db.exec_driver_sql(f"DROP TABLE {row_sums.TABLE}")
        db.execute(sa.text(f"UPDATE alembic_version SET version_num = '{migrate.known()[-2]}'"))


def test_migration__of_a_database_from_before_begins_the_sums(platform: Platform) -> None:
    older(platform, running=False)
    migrate.upgrade(platform.database, platform.workspace.home)
    with platform.database.transaction() as db:
        queue.submit(db, queue.Submission("rehearsal", {"steps": 1}, "再数"))
    assert integrity.has_sums(platform.database)
    assert integrity.flaws(platform.database, quick=False) == []


def test_migration__while_a_job_of_the_older_program_runs_leaves_the_sums_to_the_next_start(platform: Platform) -> None:
    older(platform, running=True)
    migrate.upgrade(platform.database, platform.workspace.home)
    with closing(sqlite3.connect(str(platform.database.engine.url.database))) as foreign:  # as that job writes
        foreign.execute("UPDATE jobs SET progress = 0.5")
        foreign.commit()
    report = inspect(platform, hashes=True)
    assert report.problems == []
    assert ["no sums yet" in note.text.en for note in report.notes] == [True]
    with platform.database.transaction() as db:
        db.execute(sa.text("UPDATE jobs SET state = 'failed'"))
    migrate.upgrade(platform.database, platform.workspace.home)
    assert integrity.has_sums(platform.database)
    assert integrity.flaws(platform.database, quick=False) == []
