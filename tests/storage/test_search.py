import random

import pytest
import sqlalchemy as sa

from roadloop.jobs import queue
from roadloop.jobs.queue import JobState
from roadloop.networks.store import networks
from roadloop.storage import search
from roadloop.storage.platform import Platform

ALPHABET = [*"abAB 苏州任务线路\"'*-_.%·éÉ\n\t（1） 12", "😀", "\u200d", "Ｆ", "e\u0301"]


def submit(platform: Platform, *titles: str, kind: str = "rehearsal") -> list[int]:
    """Queue a job for each title; the numbers of their rows."""
    with platform.database.transaction() as db:
        ids = [queue.submit(db, queue.Submission(kind, {}, title)) for title in titles]
        return [queue.get(db, task_id).seq for task_id in ids]


def found(platform: Platform, text: str, name: str = "jobs", **how: int) -> list[int]:
    with platform.database.reading() as db:
        return search.find(db, name, text, how.pop("size", search.MOST), **how)


def test_find__finds_what_stands_anywhere_in_a_text_whatever_its_case(platform: Platform) -> None:
    draw = random.Random(7)
    titles = ["".join(draw.choices(ALPHABET, k=draw.randrange(1, 30))) for _ in range(300)]
    ids = submit(platform, *titles)
    spaced = [title.translate({ord(c): " " for c in "\n\r\t"}).lower() for title in titles]
    for _ in range(300):
        title = draw.choice(titles)
        start = draw.randrange(len(title))
        text = title[start : start + draw.choice([1, 2, 2, 3, 4, 8])]
        wanted = text.translate({ord(c): " " for c in "\n\r\t"}).lower()
        expected = [number for number, full in zip(ids, spaced, strict=True) if wanted in full]
        assert found(platform, text) == expected[::-1], (text, title)
        assert found(platform, text.upper()) == expected[::-1] or text.upper().lower() != text.lower()


@pytest.mark.parametrize("text", ["车", "车道", "车道线", "道线", "第二", "ROAD", "d 2"])
def test_find__short_chinese_words(platform: Platform, text: str) -> None:
    submit(platform, "路牌识别")
    (wanted,) = submit(platform, "苏州车道线 第二轮 road 2")
    assert found(platform, text) == [wanted]


def test_find__goes_on_below_a_row(platform: Platform) -> None:
    ids = submit(platform, *(f"lane {n}" for n in range(10)))[::-1]
    assert found(platform, "lane", size=3) == ids[:3]
    assert found(platform, "lane", size=3, below=ids[5]) == ids[6:9]


def test_lists__keep_apart_and_see_only_what_is_theirs(platform: Platform) -> None:
    (preview,) = submit(platform, "suzhou", kind="import_preview")
    (other,) = submit(platform, "suzhou")
    assert found(platform, "suzhou", "jobs:import_preview") == [preview]
    assert found(platform, "suzhou") == [other, preview]
    assert found(platform, "suzhou", "networks") == []
    with platform.database.reading() as db:
        assert search.window(db, "jobs:import_preview", 1, 5) == [preview]


def test_window__is_a_range_of_numbers_from_the_newest(platform: Platform) -> None:
    ids = submit(platform, *"abcdefg")[::-1]
    with platform.database.reading() as db:
        assert search.length(db, "jobs") == 7
        assert [search.window(db, "jobs", last, 3) for last in (7, 4, 1, -2)] == [ids[:3], ids[3:6], ids[6:], []]


def test_find__follows_a_text_that_changes(platform: Platform) -> None:
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission("create_net", {}, "lane_net"))
        row = {"task_id": task_id, "name": "lane_net", "template": "enet", "description": "first", "live": True}
        db.execute(networks.insert().values(**row))
        db.execute(networks.update().values(description="second"))
    assert found(platform, "second", "networks") == [1]
    assert found(platform, "first", "networks") == []
    assert found(platform, "lane_net", "networks") == [1]


def test_filling__gives_what_one_row_after_the_other_gives(platform: Platform) -> None:
    ids = submit(platform, "苏州 lane", "上海 lane")
    with platform.database.transaction() as db, search.filling(db):
        more = [queue.submit(db, queue.Submission("rehearsal", {}, title)) for title in ("北京 lane", "lane 大连")]
        db.execute(queue.jobs.update().where(queue.jobs.c.id == more[0]).values(state=JobState.FAILED.value))
    with platform.database.reading() as db:
        ids += [queue.get(db, task_id).seq for task_id in more]
        assert search.window(db, "jobs", 4, 9) == ids[::-1]
        assert search.job_counts(db) | {"queued": 3, "failed": 1} == search.job_counts(db)
        assert list(search.problems(db)) == []
    assert found(platform, "lane") == ids[::-1]
    assert found(platform, "北京") == [ids[2]]
    ids += submit(platform, "lane")
    assert found(platform, "lane") == ids[::-1]


def test_job_counts__follow_every_change_of_state(platform: Platform) -> None:
    submit(platform, "a", "b")
    with platform.database.transaction() as db:
        db.execute(queue.jobs.update().where(queue.jobs.c.title == "a").values(state="running"))
    with platform.database.reading() as db:
        counts = search.job_counts(db)
        assert (counts["queued"], counts["running"], sum(counts.values())) == (1, 1, 2)
        assert list(search.problems(db)) == []


def test_problems__names_numbers_and_tallies_that_are_wrong(platform: Platform) -> None:
    submit(platform, "a", "b")
    with platform.database.transaction() as db:
        db.execute(search.listed.delete().where(search.listed.c.number == 2))
        db.execute(search.job_tallies.update().values(jobs=7))
        told = [text.en for text in search.problems(db)]
        assert any(text.startswith("The list jobs: queued says 7 rows; there are 2.") for text in told)
        assert any(text.startswith("The list jobs says 1 rows; there are 2.") for text in told)
        search.rebuild(db)
        assert list(search.problems(db)) == []


def test_problems__names_a_list_that_has_another_row_in_a_place(platform: Platform) -> None:
    submit(platform, "a", "b")
    with platform.database.transaction() as db:
        db.execute(search.listed.update().where(search.listed.c.number == 2).values(row_id=77))
        told = [text.en for text in search.problems(db)]
        assert told[0].startswith("The list jobs says 1 rows; there are 2.")
        search.rebuild(db)
        assert list(search.problems(db)) == []


def test_triggers__are_those_that_the_code_describes(platform: Platform) -> None:
    triggers = {
        "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name",
        "postgresql": "SELECT tgname, pg_get_triggerdef(t.oid), prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = tgfoid"
        " WHERE NOT tgisinternal ORDER BY tgname",
    }[platform.database.engine.dialect.name]
    with platform.database.transaction() as db:
        migrated = db.execute(sa.text(triggers)).all()
        search.install(db)
        assert db.execute(sa.text(triggers)).all() == migrated
        assert len(migrated) > 2 * len(search.LISTS) - 5
