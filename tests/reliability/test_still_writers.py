"""A writer beside the requests that read the most files: it never waits for them."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import WriteModel
from roadloop.evaluation import service as evaluation
from roadloop.evaluation.recipe import StartEvaluation
from roadloop.jobs import queue
from roadloop.selection import service as selection
from roadloop.selection.recipe import Sample
from roadloop.storage.database import Database, Write
from roadloop.storage.platform import Platform

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(300)]

MOST_SECONDS = 2.5  # ten times what a transaction may take


@contextmanager
def writer(database: Database) -> Iterator[list[float]]:
    """Writes without a pause, as heartbeats and progress do; how many seconds each write took from asking to commit."""
    took: list[float] = []
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            began = time.monotonic()
            with database.transaction() as db:
                db.execute(queue.jobs.update().where(queue.jobs.c.id == "none").values(beat=1))
            took.append(time.monotonic() - began)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield took
    finally:
        stop.set()
        thread.join()


def beside(platform: Platform, took: list[float], prepare: Callable[[], Write[str]]) -> queue.Job:
    """Submit a job; the writer must have got through meanwhile, again and again."""
    before = len(took)
    task_id = platform.database.write(prepare)
    assert len(took) - before > 1
    with platform.database.reading() as db:
        return queue.get(db, task_id)


def test_writer__beside_a_long_list_and_a_full_folder(
    platform: Platform, write_model: WriteModel, times: Callable[[int], int]
) -> None:
    size = times(10)
    home = platform.workspace.home
    (home / "surveys.txt").write_text("".join(f"{i % 50_000}\n" for i in range(100_000 * size)))
    fill(home / "pictures", 2_000 * size)
    write_model(platform.workspace.weights)
    sampled = Sample(sele_ratio="10", task_file="surveys.txt")
    scored = StartEvaluation(dicts={"weights": ["tiny_ep-0001.params"]}, sour_dir="pictures")
    with writer(platform.database) as took:
        job = beside(platform, took, lambda: selection.start_sampling(platform, sampled))
        assert len(job.payload["tasks"]) == 50_000
        beside(platform, took, lambda: evaluation.start(platform, scored))
    assert max(took) < MOST_SECONDS


def fill(folder: Path, files: int) -> None:
    """A folder of so many files that are no pictures, and one picture behind them."""
    (folder / "z").mkdir(parents=True)
    for number in range(files):
        (folder / f"{number}.txt").touch()
    (folder / "z" / "t_1.jpg").touch()
