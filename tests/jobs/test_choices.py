"""Choice lists: what is finished, newest first, in parts, searched."""

import pytest

from roadloop.errors import NotFoundError
from roadloop.jobs import queue
from roadloop.jobs.choices import ready
from roadloop.networks.store import networks
from roadloop.parameters import Choices
from roadloop.storage.platform import Platform


def add(platform: Platform, name: str, *, state: str = "succeeded", live: bool = True, text: str = "") -> None:
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission("create_net", {}, name))
        db.execute(queue.jobs.update().where(queue.jobs.c.id == task_id).values(state=state))
        row = {"task_id": task_id, "name": name, "template": "enet", "description": text, "live": live}
        db.execute(networks.insert().values(**row))


def names(platform: Platform, **choices: object) -> list[str]:
    with platform.database.reading() as db:
        return ready(db, networks, Choices.model_validate(choices))


def test_ready__only_what_succeeded_and_holds_its_name(platform: Platform) -> None:
    add(platform, "first")
    add(platform, "failed", state="failed")
    add(platform, "given up", live=False)
    add(platform, "waits", state="queued")
    add(platform, "last")
    assert names(platform) == ["last", "first"]


def test_ready__goes_on_after_a_name(platform: Platform) -> None:
    for number in range(5):
        add(platform, f"net {number}")
    assert names(platform, page_size=2) == ["net 4", "net 3"]
    assert names(platform, page_size=2, after="net 3") == ["net 2", "net 1"]
    assert names(platform, page_size=2, after="net 1") == ["net 0"]
    assert names(platform, page_size=2, after="net 0") == []
    with pytest.raises(NotFoundError, match="'none'"):
        names(platform, after="none")


def test_ready__q_looks_at_older_rows_until_there_are_enough(platform: Platform) -> None:
    add(platform, "车道 a", text="for lanes")
    add(platform, "b")
    for number in range(4):
        add(platform, f"车道 {number}", state="failed")
    add(platform, "车道 z")
    assert names(platform, q="车道", page_size=2) == ["车道 z", "车道 a"]  # four matches are looked at together
    assert names(platform, q="车道", page_size=9) == ["车道 z", "车道 a"]
    assert names(platform, q="车道", page_size=9, after="车道 z") == ["车道 a"]
    assert names(platform, q="LANES") == ["车道 a"]
