"""Several ranks, real processes, gloo on the CPU."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from roadloop.errors import JobError, WorkerLostError
from roadloop.training import checkpoint
from roadloop.training.crew import Crew


def ranks() -> list[psutil.Process]:
    """The rank processes of this process, the first rank first."""
    return [p for p in psutil.Process().children(recursive=True) if is_rank(p)]


def is_rank(process: psutil.Process) -> bool:
    """Whether a process is a rank that runs."""
    try:
        return "roadloop.training.rank" in process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):  # it has just ended
        return False


def train_together(work: Any, reporter: Any) -> bool:
    """Two ranks from their start to their end."""
    return Crew(work, 2, reporter, cuda=False).run(silent_seconds=120)  # however busy the machine is


class Disturbed:
    """A reporter that kills and stops ranks while they wait for its answer: 0, 1, 0 stopped, 1 stopped, and again."""

    KINDS = (signal.SIGKILL, signal.SIGKILL, signal.SIGSTOP, signal.SIGSTOP)

    def __init__(self, notes: Any, number: int) -> None:
        self.notes = notes
        self.number = number
        self.calls = 0
        self.lost: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.notes, name)

    def should_stop(self) -> bool:
        self._disturb()
        return bool(self.notes.should_stop())

    def reach(self, point: str) -> None:
        self._disturb()
        self.notes.reach(point)

    def _disturb(self) -> None:
        done = len(self.lost)
        self.calls += 1
        if done < self.number and self.calls > 3 + done % 5:
            self.calls = 0
            ranks()[done % 2].send_signal(self.KINDS[done % len(self.KINDS)])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_r22__a_lost_rank_costs_steps_not_bits(bench: Any, times: Callable[[int], int]) -> None:
    number = times(10)
    values = {"cpu_processes": 2, "batch_size": 4, "num_epoch": 3 + 2 * number, "checkpoint_every": 1}
    whole, work = bench.work("whole", **values), bench.work("disturbed", **values)
    assert train_together(whole, bench.notes())
    reporter, finished = Disturbed(bench.notes(), number), False
    while not finished:
        try:
            finished = Crew(work, 2, reporter, cuda=False).run(silent_seconds=8)
        except WorkerLostError as error:  # the job's process would leave, and its next attempt begin so
            assert not ranks()  # the others have been ended before it is said
            reporter.lost.append(error.text.en.partition(";")[0])
    lost = [
        "Rank 0 was killed by SIGKILL",
        "Rank 1 was killed by SIGKILL",
        "Rank 0 showed no life",
        "Rank 1 showed no life",
    ]
    assert reporter.lost == [lost[n % 4] for n in range(number)]
    assert not ranks()
    assert bench.outcome(work) == bench.outcome(whole)


#: Nothing in it depends on how a batch is divided.
PLAIN = """
from torch import nn


def build(num_classes):
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, num_classes, 1))
"""


@pytest.mark.slow
def test_train_together__goes_on_with_another_number_of_ranks(bench: Any) -> None:
    """Two, then one, then two: the same samples in the same order, so the same curve; hard pixels are those of all."""
    values = {
        "source": PLAIN,
        "cpu_processes": 2,
        "batch_size": 4,
        "num_epoch": 4,
        "ema_decay": 0.9,
        "ohem_threshold": 0.5,
    }
    whole, work = bench.work("whole", **values), bench.work("elastic", **values)
    bench.run(whole)
    assert train_together(work, bench.notes(1, 3)) is False
    notes = bench.notes(2, 2)
    assert bench.run(work, notes).finished is False
    assert ["devices 2 -> 1" in text.zh and "devices 2 -> 1" in text.en for text in notes.warnings] == [True]
    assert train_together(work, bench.notes(3))
    kinds = [[line["kind"] for line in bench.lines(one)] for one in (whole, work)]
    assert kinds[0] == kinds[1]
    assert kinds[0].count("step") == 8
    losses = [[line["loss"] for line in bench.lines(one)] for one in (whole, work)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert len({round(loss, 6) for loss in losses[0]}) == len(losses[0])


#: A part that stays, one that learns faster, and norms whose statistics are the batch's.
SYNCED = {
    "cpu_processes": 2, "batch_size": 4, "num_epoch": 2, "sync_norm": True, "network_settings": {"dropout": 0.0},
    "frozen": ("0",), "lr_factors": {"7": 2.0},
}  # fmt: skip


def test_train_together__with_sync_norm_ranks_learn_as_one_device(bench: Any) -> None:
    whole, work = bench.work("whole", **SYNCED), bench.work("together", **SYNCED)
    bench.run(whole)
    assert train_together(work, bench.notes())
    losses = [[line["loss"] for line in bench.lines(one) if line["kind"] == "step"] for one in (whole, work)]
    assert len(losses[0]) == 4
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    one, two = (checkpoint.read(checkpoint.listed(w.checkpoints)[-1], w.recipe.digest()).tensors for w in (whole, work))
    assert one.keys() == two.keys()
    assert all(torch.allclose(one[name], two[name], rtol=1e-4, atol=1e-5) for name in one)
    assert not torch.equal(one["network.1.running_mean"], torch.zeros(8))


@pytest.mark.slow
def test_train_together__with_sync_norm_stopped_it_ends_in_the_same_bits(bench: Any) -> None:
    whole, work = bench.work("whole", **SYNCED), bench.work("stopped", **SYNCED)
    assert train_together(whole, bench.notes())
    assert train_together(work, bench.notes(1, 3)) is False
    assert train_together(work, bench.notes(2))
    assert bench.outcome(work) == bench.outcome(whole)


#: Ends its process where it is first run.
LEAVING = """
import os
import sys

from torch import nn


class Leaving(nn.Conv2d):
    def forward(self, x):
        if not self.training:
            return super().forward(x)
        {leave}


def build(num_classes):
    return Leaving(3, num_classes, 1)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("leave", "words"),
    [
        ("os._exit(3)", r"Rank \d ended itself \(exit code 3\)"),
        ("sys.exit(3)", r"SystemExit: 3\) in networks/\w+/network.py, line 12 \(forward\)"),
    ],
)
def test_train_together__a_network_that_ends_its_rank_is_named(bench: Any, leave: str, words: str) -> None:
    work = bench.work(source=LEAVING.format(leave=leave), cpu_processes=2, batch_size=4)
    with pytest.raises(JobError, match=words):
        train_together(work, bench.notes())


def test_train_together__stops_when_asked(bench: Any) -> None:
    work = bench.work(cpu_processes=2, batch_size=4, num_epoch=500)
    assert train_together(work, bench.notes(1, 3)) is False
    assert checkpoint.listed(work.checkpoints)
    assert not ranks()


@pytest.mark.slow
def test_ranks_end_with_the_job_s_process(bench: Any, tmp_path: Path) -> None:
    work = bench.work(cpu_processes=2, batch_size=4, num_epoch=5000)
    (tmp_path / "work.json").write_text(work.to_json(), encoding="utf-8")
    code = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[2])\n"
        "from conftest import Notes\n"
        "from roadloop.training.crew import Crew\n"
        "from roadloop.training.work import Work\n"
        "work = Work.from_json(pathlib.Path(sys.argv[1]).read_text(encoding='utf-8'))\n"
        "Crew(work, 2, Notes(), cuda=False).run()\n"
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
