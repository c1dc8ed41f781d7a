"""The record: lines follow each other, nothing is changed, taken out, put in or cut off unseen."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import sqlalchemy as sa

from roadloop.audit import record
from roadloop.errors import BrokenDatabaseError, RoadloopError
from roadloop.storage.platform import Platform


def write(platform: Platform, count: int = 5) -> record.Head:
    for number in range(count):
        with platform.database.transaction() as db:
            record.add(db, "李", "create_train", {"name": f"任务 {number}", "gpus": [0, 1], "share": 0.1, "all": True})
    return verify(platform)


def verify(platform: Platform, known: record.Head | None = None) -> record.Head:
    with platform.database.reading() as db:
        return record.verify(db, known)


def without_triggers(platform: Platform, *statements: str) -> None:
    """What somebody does who owns the file or the database, and knows of the triggers."""
    with platform.database.transaction() as db:
        if db.dialect.name == "sqlite":
            for verb in ("update", "delete"):
                db.execute(sa.text(f"DROP TRIGGER IF EXISTS audit_no_{verb}"))
        else:
            db.execute(sa.text("DROP TRIGGER IF EXISTS audit_no_change ON audit"))
        for statement in statements:
            db.execute(sa.text(statement))


def test_verify__an_empty_record_and_a_whole_one(platform: Platform) -> None:
    assert verify(platform).seq == 0
    head = write(platform)
    assert (head.seq, len(head.hash)) == (5, 64)
    assert verify(platform, head) == head


def test_lines__newest_first_by_who_and_what_and_in_pages(platform: Platform) -> None:
    write(platform)
    with platform.database.transaction() as db:
        record.add(db, "王", "release", {})
    with platform.database.reading() as db:
        assert [line["seq"] for line in record.lines(db)] == [6, 5, 4, 3, 2, 1]
        assert [line["seq"] for line in record.lines(db, who="李", before=5, limit=2)] == [4, 3]
        assert [line["who"] for line in record.lines(db, what="release")] == ["王"]
        assert next(record.lines(db, what="create_train"))["facts"] == {
            "name": "任务 4", "gpus": "[0, 1]", "share": 0.1, "all": True,
        }  # fmt: skip


@pytest.mark.parametrize("statement", ["UPDATE audit SET who = 'x' WHERE seq = 2", "DELETE FROM audit WHERE seq = 5"])
def test_rows__the_database_refuses_to_change_or_remove_a_line(platform: Platform, statement: str) -> None:
    head = write(platform)
    with pytest.raises((sa.exc.DBAPIError, RoadloopError), match="only added"), platform.database.transaction() as db:
        db.execute(sa.text(statement))
    assert verify(platform) == head


TAMPERING = {
    "who": "UPDATE audit SET who = 'somebody else' WHERE seq = 3",
    "facts": "UPDATE audit SET facts = '{}' WHERE seq = 3",
    "time": "UPDATE audit SET at = at + 1 WHERE seq = 3",
    "a line taken out": "DELETE FROM audit WHERE seq = 3",
    "a line taken out, the rest moved up": "DELETE FROM audit WHERE seq = 3; UPDATE audit SET seq = seq - 1 WHERE seq > 3",
    "a line put in": "INSERT INTO audit SELECT 6, at, who, what, facts, hash FROM audit WHERE seq = 5",
    "two lines change places": "UPDATE audit SET seq = 9 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4;"
    " UPDATE audit SET seq = 4 WHERE seq = 9",
}


@pytest.mark.parametrize("change", TAMPERING)
def test_verify__names_the_first_line_that_does_not_fit(platform: Platform, change: str) -> None:
    write(platform)
    without_triggers(platform, *TAMPERING[change].split(";"))
    with pytest.raises(BrokenDatabaseError) as caught:
        verify(platform)
    assert caught.value.details["seq"] == (6 if change == "a line put in" else 3)


def test_verify__an_end_that_was_cut_off_is_seen_by_who_kept_a_line(platform: Platform) -> None:
    head = write(platform)
    without_triggers(platform, "DELETE FROM audit WHERE seq > 3")
    assert verify(platform).seq == 3
    with pytest.raises(BrokenDatabaseError):
        verify(platform, head)
    write(platform, 4)  # who fills it up again does not get that line's hash
    with pytest.raises(BrokenDatabaseError):
        verify(platform, head)


def test_add__lines_of_many_at_once_follow_each_other(platform: Platform) -> None:
    def add(number: int) -> None:
        with platform.database.transaction() as db:
            record.add(db, f"person {number % 7}", "log_in", {"number": number})

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(200)))
    assert verify(platform).seq == 200


def test_add__what_is_rolled_back_leaves_no_gap(platform: Platform) -> None:
    write(platform, 2)
    with suppress(ZeroDivisionError), platform.database.transaction() as db:
        record.add(db, "李", "release", {})
        raise ZeroDivisionError
    assert write(platform, 1).seq == 3


@pytest.mark.parametrize(
    "odd", ["\ud800", "a\0b", "x" * 5000, "=cmd|' /C calc'!A0", {"deep": [1, {"x": None}]}, "<script>", float("1e300")]
)
def test_add__odd_values_are_kept_short_and_readable(platform: Platform, odd: object) -> None:
    with platform.database.transaction() as db:
        record.add(db, "李", "release", {"odd": odd})
    assert verify(platform).seq == 1
    with platform.database.reading() as db:
        said = next(record.lines(db))["facts"]["odd"]
    assert len(str(said)) <= record.MOST_SAID + 1
