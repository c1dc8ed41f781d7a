"""Several ranks, real processes, gloo on the CPU."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from roadloop.training import checkpoint
from roadloop.training.crew import Crew, RankLostError, train_together


def ranks() -> list[psutil.Process]:
    """The rank processes of this process, the first rank first."""
    return [p for p in psutil.Process().children(recursive=True) if is_rank(p)]


def is_rank(process: psutil.Process) -> bool:
    """Whether a process is a rank that runs."""
    try:
        return "roadloop.training.rank" in process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):  # it has just ended
        return False


def when(condition: Callable[[], object], then: Callable[[], object]) -> None:
    """Do something in the background as soon as a condition holds."""

    def wait() -> None:
        while not condition():
            time.sleep(0.01)
        then()

    threading.Thread(target=wait, daemon=True).start()


def test_train_together__a_killed_rank_costs_steps_not_bits(bench: Any) -> None:
    values = {"cpu_processes": 2, "batch_size": 4, "num_epoch": 4, "checkpoint_every": 1}
    whole, work = bench.work("whole", **values), bench.work("killed", **values)
    alone = bench.work("alone", **values)
    assert train_together(whole, size=2, cuda=False, reporter=bench.notes())
    notes = bench.notes()
    when(lambda: len(notes.shares) >= 3, lambda: ranks()[1].send_signal(signal.SIGKILL))
    assert train_together(work, size=2, cuda=False, reporter=notes)
    assert [text.en[:26] for text in notes.warnings] == ["Rank 1 was killed by SIGKI"]
    assert bench.outcome(work) == bench.outcome(whole)
    assert not ranks()
    bench.run(alone)  # the same pictures in the same order; only batch norm sees half of them at once
    one, two = (bench.lines(w)[0]["loss"] for w in (alone, whole))
    assert one == pytest.approx(two, rel=0.05)


def test_run__a_frozen_rank_is_noticed_and_all_end(bench: Any) -> None:
    notes = bench.notes()
    work = bench.work(cpu_processes=2, batch_size=4, num_epoch=500)
    when(lambda: len(notes.shares) >= 2, lambda: ranks()[0].send_signal(signal.SIGSTOP))
    with pytest.raises(RankLostError, match="no life"):
        Crew(work, 2, notes, cuda=False).run(silent_seconds=8)
    assert not ranks()


def test_train_together__stops_when_asked(bench: Any) -> None:
    work = bench.work(cpu_processes=2, batch_size=4, num_epoch=500)
    assert train_together(work, size=2, cuda=False, reporter=bench.notes(1, 3)) is False
    assert checkpoint.listed(work.checkpoints)
    assert not ranks()


def test_ranks_end_with_the_job_s_process(bench: Any, tmp_path: Path) -> None:
    work = bench.work(cpu_processes=2, batch_size=4, num_epoch=5000)
    (tmp_path / "work.json").write_text(work.to_json(), encoding="utf-8")
    code = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[2])\n"
        "from conftest import Notes\n"
        "from roadloop.training.crew import train_together\n"
        "from roadloop.training.work import Work\n"
        "work = Work.from_json(pathlib.Path(sys.argv[1]).read_text(encoding='utf-8'))\n"
        "train_together(work, size=2, cuda=False, reporter=Notes())\n"
    )
    with (tmp_path / "log").open("wb") as log:
        job = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "work.json"), str(Path(__file__).parent)],
            stdout=log,
            stderr=log,
        )
    try:
        while not work.metrics.is_file() or not work.metrics.read_text():
            assert job.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.05)
        family = psutil.Process(job.pid).children(recursive=True)
        assert len(family) >= 2
    finally:
        os.kill(job.pid, signal.SIGKILL)
        job.wait()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive
