"""The same work in several processes: order, limits, errors and losses; `test_together.py` does it with Ray."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hands import ProcessTeam, open_nothing, open_squares
from roadloop.cluster import spread as spreading
from roadloop.cluster.hand import Opening, pack, unpack
from roadloop.cluster.spread import AHEAD, AT_ONCE, Share, There, opening, shared, spread
from roadloop.cluster.wire import PROOF
from roadloop.jobs import queue
from roadloop.jobs.context import TaskContext
from roadloop.storage.platform import Platform

Make = Callable[..., Share[Any, int]]


class Site:
    """Where the hands work, and what was said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.free = {"a": 1, "b": 2}
        self.alone: list[Any] = []
        self.team: ProcessTeam

    def share(self, opened: Any = open_squares) -> Share[Any, int]:
        self.team = ProcessTeam(pack(Opening({"home": str(self.folder)}, opened, self.folder, {})))
        return Share(self.team, lambda: self.free, self.here, 3, self.check, self.said.append)

    def check(self) -> None:
        """The item "both" is held up until both nodes are ready."""
        if len(self.said) == 2:
            (self.folder / "both").touch()

    def here(self, items: Iterable[Any]) -> Iterator[int]:
        for item in items:
            self.alone.append(item)
            yield item * item


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / PROOF).write_text("seen")
    made = Site(tmp_path)
    yield made
    made.team.close()


def test_shared__gives_what_one_process_gives(site: Site) -> None:
    assert list(shared(site.share(), ["both", *range(1, 100)])) == [n * n for n in range(100)]
    assert site.alone == []
    assert site.team.most == AT_ONCE
    assert sorted(site.said) == ["node=a works on it, too", "node=b works on it, too"]


def test_shared__reads_no_further_than_the_slowest_chunk_allows(site: Site) -> None:
    read: list[Any] = []
    calls: list[int] = []

    def stream() -> Iterator[Any]:
        for item in ["slow", *range(1, 1000)]:
            read.append(item)
            yield item

    def check() -> None:
        calls.append(len(read))
        if len(site.said) == 2 and calls[-10:] == [len(read)] * 10:  # nothing moves any more
            (site.folder / "slow").touch()

    found: list[int] = []
    for result in shared(replace(site.share(), check=check), stream()):
        if not found:
            assert len(read) <= AHEAD * AT_ONCE * 2 * 6  # two nodes, six items in the larger one's chunks
        found.append(result)
    assert found == [n * n for n in range(1000)]


def test_shared__an_error_names_its_node_and_has_its_traceback(site: Site) -> None:
    with pytest.raises(ValueError, match="minus one") as raised:
        list(shared(site.share(), [1, 2, 3, 4, -1]))
    note = "".join(raised.value.__notes__)
    assert "on the node " in note
    assert "in squares" in note


def test_shared__a_killed_node_loses_nothing_and_doubles_nothing(site: Site) -> None:
    found = []
    for number, result in enumerate(shared(site.share(), ["both", *range(1, 40), "go", *range(41, 200)])):
        found.append(result)
        if number == 10:
            site.team.processes["a"].kill()
            (site.folder / "go").touch()
    assert found == [n * n if n != 40 else 0 for n in range(200)]
    assert site.alone == []
    assert "node=a does not work on it any more: killed" in site.said


def test_shared__goes_on_alone_when_all_are_lost_without_doing_anything_twice(site: Site) -> None:
    found = []
    for number, result in enumerate(shared(site.share(), ["both", *range(1, 300)])):
        found.append(result)
        if number == 10:
            for process in site.team.processes.values():
                process.kill()
    assert found == [n * n for n in range(300)]
    assert site.alone == sorted(set(site.alone))
    assert 0 not in site.alone
    assert 299 in site.alone


def test_shared__a_node_that_cannot_open_it_is_left_out_for_good(site: Site) -> None:
    assert list(shared(site.share(open_nothing), range(5))) == [0, 1, 4, 9, 16]
    assert site.alone == [0, 1, 2, 3, 4]
    assert "no such model here" in site.said[0]


def test_shared__a_workspace_that_is_gone_makes_no_results(site: Site) -> None:
    (site.folder / PROOF).unlink()
    assert list(shared(site.share(), range(20))) == [n * n for n in range(20)]
    assert len(site.alone) == 20


def test_shared__a_node_with_other_work_gets_no_more(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreading, "FREE_SECONDS", 0)
    found = []
    for number, result in enumerate(shared(site.share(), ["both", *range(1, 300)])):
        found.append(result)
        if number == 10:
            site.free = {"b": 2}
        if number == 290:
            assert not site.team.processes["a"].is_alive()
    assert found == [n * n for n in range(300)]


def test_hand__ends_by_itself_when_nobody_shows_life(tmp_path: Path) -> None:
    program = (
        "import time; from roadloop.cluster import hand; hand.ALONE_SECONDS = 0.5;"
        " one = hand.Hand(b'', 1); one.beat(); time.sleep(60)"
    )
    began = time.monotonic()
    assert subprocess.run([sys.executable, "-c", program], check=False, cwd=tmp_path).returncode == 1
    assert time.monotonic() - began < 30


def test_spread__is_the_work_itself_without_a_cluster_and_tells_hands_no_secrets(platform: Platform) -> None:
    told = {"label_studio_token": "t", "mlflow_url": "http://m", "track_service_url": "http://t", "database_url": "x"}
    settings = platform.settings.model_copy(update=told)
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission("select", {}, "s"))
        job = queue.get(db, task_id)
    context = TaskContext(Platform(settings, platform.database, platform.workspace), job)
    there = There(open_squares, platform.workspace.home, 3)
    with spread(context, list, there, 10**9) as work:
        assert work is list
    known = unpack(pack(opening(context, there))).settings
    assert known["track_service_url"] == "http://t"  # this kind fetches pictures from there
    assert not {"label_studio_token", "mlflow_url", "database_url"} & known.keys()
