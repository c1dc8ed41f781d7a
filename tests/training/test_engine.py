"""The engine in this process: it learns, resumes bit by bit, and names what goes wrong."""

import contextlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from failing_networks import BROKEN, HUNGRY, memory_limit
from roadloop.datasets.reader import DatasetReader
from roadloop.errors import BrokenFileError, InvalidValueError, JobError, NonFiniteLossError, OutOfMemoryError, Text
from roadloop.evaluation.metrics import Counts
from roadloop.models.load import load_model
from roadloop.networks.folder import TEMPLATES
from roadloop.storage import publish
from roadloop.training import checkpoint, measured
from roadloop.training.curves import curves
from roadloop.training.engine import first_network
from roadloop.training.failures import named_failures
from roadloop.training.kernels import Trial


def test_run__learns_two_classes(bench: Any) -> None:
    work = bench.work(num_epoch=12, optimizer="adamw", base_lr=0.02, momentum=0.9, batch_size=4)
    notes = bench.run(work)
    assert notes.finished is True
    assert notes.memo["best"]["miou"] > 0.95
    assert notes.shares == sorted(notes.shares)
    network, record = load_model(work.results / notes.memo["best"]["file"], work.trust)
    assert record.training["miou"] == notes.memo["best"]["miou"]
    assert record.input.size == (32, 48)
    assert sum(p.numel() for p in network.parameters()) > 0


def test_run__every_epoch_has_its_figures_and_the_table_behind_them(bench: Any) -> None:
    work = bench.work(num_epoch=2)
    notes = bench.run(work)
    lines = [line for line in bench.lines(work) if line["kind"] == "epoch"]
    for line in lines:
        found = Counts(np.array(line["confusion"]), np.array(line["void"]), np.array(0)).scores()
        assert line["miou"] == pytest.approx(found.miou)
        assert line["miou_void_fp"] == pytest.approx(found.miou_void_fp)
        assert all(0 <= line[name] <= 1 for name in ("image_miou", "boundary_miou", "ece"))
        assert len(line["boundary_iou"]) == len(line["iou"]) == len(line["void"])
    assert "confusion" not in notes.memo["latest"]
    assert notes.memo["latest"]["ece"] == lines[-1]["ece"]
    assert all("confusion" not in line for line in curves(work.metrics, 10)["epochs"])


def test_run__log_lines_and_model_files(bench: Any) -> None:
    work = bench.work(num_epoch=5, save_every=3, log_every=2)
    notes = bench.run(work)
    steps = [line for line in notes.lines if "images_per_second" in line]
    assert len(steps) == 6
    waits = [float(re.search(r" loader_wait=(\d+\.\d)%$", line)[1]) for line in steps]  # type: ignore[index]
    assert all(0 <= wait <= 100 for wait in waits)
    assert sum(waits) > 0  # without loader processes, decoding is waiting
    speed = notes.memo["speed"]
    assert f"images_per_second={speed['images_per_second']:.1f}" in steps[-1]
    assert waits[-1] == pytest.approx(100 * speed["loader_wait"], abs=0.06)
    assert all(f"{key}=" in line for line in notes.lines for key in ("epoch", "step", "loss", "lr"))
    best = {line["epoch"] for line, said in zip(
        [x for x in bench.lines(work) if x["kind"] == "epoch"], [x for x in notes.lines if "finished" in x], strict=True
    ) if said.endswith("best=True")}  # fmt: skip
    saved = {int(path.stem[-4:]) for path in work.results.glob("*.params")}
    assert saved == {3, 5} | best
    assert len(checkpoint.listed(work.checkpoints)) <= 3


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_run__stopped_anywhere_ends_in_the_same_bits(bench: Any, optimizer: str) -> None:
    whole = bench.work("whole", num_epoch=3, optimizer=optimizer)
    bench.run(whole)
    for stops in ([1], [2], [4], [6], [1, 1, 1, 1], [7, 2]):
        work = bench.work(f"stopped {stops}", num_epoch=3, optimizer=optimizer)
        for attempt, stop in enumerate(stops):
            assert bench.run(work, bench.notes(attempt, stop)).finished is False
        assert bench.run(work, bench.notes(99)).finished is True
        assert bench.outcome(work) == bench.outcome(whole)


EVERYTHING = {
    "ema_decay": 0.9, "accumulate": 2, "batch_size": 4, "clip_norm": 1.0, "ohem_threshold": 0.7, "dice_weight": 0.5,
    "lovasz_weight": 0.5, "decay_norms": False, "schedule": "cosine", "warmup_steps": 2, "num_epoch": 3,
}  # fmt: skip


def test_run__everything_at_once_stopped_anywhere_ends_in_the_same_bits(bench: Any) -> None:
    whole = bench.work("whole", **EVERYTHING)
    bench.run(whole)
    for stops in ([1], [3], [4, 1]):
        work = bench.work(f"stopped {stops}", **EVERYTHING)
        for attempt, stop in enumerate(stops):
            assert bench.run(work, bench.notes(attempt, stop)).finished is False
        assert bench.run(work, bench.notes(99)).finished is True
        assert bench.outcome(work) == bench.outcome(whole)


@pytest.mark.parametrize("freeze_norms", [False, True])
def test_run__parts_that_learn_otherwise_resume_bit_by_bit(bench: Any, freeze_norms: bool) -> None:
    """The first convolution and its norm stay, the last learns ten times as fast, and norms may keep their statistics."""
    values = {
        "frozen": ("0", "1"), "lr_factors": {"4": 0.5, "7": 10.0, "7.bias": 1.0}, "freeze_norms": freeze_norms,
        "sync_norm": True, "decay_norms": False, "ema_decay": 0.5, "optimizer": "adamw", "base_lr": 0.01,
    }  # fmt: skip
    whole, work = bench.work("whole", **values), bench.work("stopped", **values)
    notes = bench.run(whole)
    assert "sync_norm: without effect on one device" in notes.lines
    assert notes.warnings == []
    for attempt, stop in enumerate([1, 2]):
        assert bench.run(work, bench.notes(attempt, stop)).finished is False
    assert bench.run(work, bench.notes(99)).finished is True
    assert bench.outcome(work) == bench.outcome(whole)
    found = checkpoint.read(checkpoint.listed(whole.checkpoints)[-1], whole.recipe.digest()).tensors
    begin = first_network(whole, torch.device("cpu"), bench.notes(), fresh=True).state_dict()
    same = {name for name, tensor in begin.items() if torch.equal(found[f"network.{name}"], tensor)}
    still = {f"{i}.{name}" for i in ("1", "5") for name in ("running_mean", "running_var", "num_batches_tracked")}
    kept = {name for name in still if freeze_norms or name[0] == "1"}
    assert same == {"0.weight", "0.bias", "1.weight", "1.bias"} | kept


def test_run__names_that_the_network_has_not_end_it_before_it_begins(bench: Any) -> None:
    work = bench.work(frozen=("0", "7.wieght"))
    with pytest.raises(InvalidValueError, match=r"frozen: .* named '7.wieght' .* Near it are: 7.weight, "):
        bench.run(work)
    assert checkpoint.listed(work.checkpoints) == []


def test_run__norms_that_a_network_has_not_cannot_be_frozen(bench: Any) -> None:
    notes = bench.run(bench.work(source=SMALL, freeze_norms=True, num_epoch=1))
    assert [text.en for text in notes.warnings] == ["freeze_norms has no effect: the network has no batch norm."]


def test_run__the_average_is_what_is_validated_and_kept(bench: Any) -> None:
    work = bench.work(ema_decay=0.5, num_epoch=1)
    notes = bench.run(work)
    network, _ = load_model(work.results / notes.memo["best"]["file"], work.trust)
    tensors = checkpoint.read(checkpoint.listed(work.checkpoints)[-1], work.recipe.digest()).tensors
    assert torch.equal(network.state_dict()["0.weight"], tensors["average.0.weight"])
    assert not torch.equal(tensors["network.0.weight"], tensors["average.0.weight"])
    assert torch.equal(tensors["network.1.running_mean"], tensors["average.1.running_mean"])


def test_run__a_checkpoint_from_before_the_scaler_is_good(bench: Any) -> None:
    whole, work = (bench.work(name, memory_format="contiguous") for name in ("whole", "old"))
    bench.run(whole)
    bench.run(work, bench.notes(1, 1))
    path = checkpoint.listed(work.checkpoints)[-1]
    state = json.loads((path / checkpoint.STATE).read_text())
    del state["scaler"], state["kernels"], state["param_groups"][0]["lr_factor"]
    (path / checkpoint.STATE).write_text(json.dumps(state))
    (path / publish.MANIFEST).unlink()
    publish.seal(path)
    bench.run(work, bench.notes(2))
    assert bench.outcome(work) == bench.outcome(whole)


def test_run__a_measured_layout_is_kept_by_later_attempts(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the clock says later, a resumed run computes as its first attempt did."""
    whole = bench.work("whole", memory_format="channels_last", num_epoch=2)
    bench.run(whole)
    monkeypatch.setattr(Trial, "seconds", lambda _, way: 0.1 if way.channels_last else 0.2)
    timed = bench.work("measured", memory_format="auto", num_epoch=2)
    bench.run(timed, bench.notes(1, 3))
    monkeypatch.setattr(Trial, "seconds", lambda _, way: 0.2 if way.channels_last else 0.1)
    bench.run(timed, bench.notes(2))
    last = [checkpoint.listed(work.checkpoints)[-1] for work in (whole, timed)]
    assert checkpoint.read(last[1], timed.recipe.digest()).kernels.channels_last
    one, two = (publish.sha256_file(path / checkpoint.TENSORS) for path in last)
    assert one == two
    network, _ = load_model(max(timed.results.glob("*.params")), timed.trust)
    kept = checkpoint.read(last[1], timed.recipe.digest()).tensors
    assert torch.equal(network.state_dict()["4.weight"], kept["network.4.weight"])


def test_run__what_auto_measured_is_what_a_second_run_repeats(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before there is a checkpoint, by the record; as another task, by conf/train.json: the same bits."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    monkeypatch.setattr(Trial, "seconds", lambda _, way: 0.1 if way.precision == "bf16" else 0.2)
    auto = {"memory_format": "auto", "precision": "auto", "compile": "auto"}
    work = bench.work("measured", **auto)
    bench.run(work, bench.notes(1, 1))
    for path in checkpoint.listed(work.checkpoints):
        shutil.rmtree(path)
    monkeypatch.setattr(Trial, "seconds", lambda _, way: 0.2 if way.precision == "bf16" else 0.1)
    bench.run(work, bench.notes(2))
    train = json.loads((work.task / "conf" / "train.json").read_text())
    chosen = {"memory_format": "contiguous", "compile": "off", "precision": "bf16"}
    assert {name: train[name] for name in auto} == chosen
    again = bench.work("again", **train)
    bench.run(again)
    model = max(work.results.glob("*.params")).name
    assert bench.outcome(again)[model] == bench.outcome(work)[model]
    assert measured.settled(again.recipe.train, again.task) == again.recipe.train
    assert not (again.task / "conf").exists()


def test_run__a_measured_precision_is_kept_by_later_attempts(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the next attempt's processor has no bf16."""
    whole = bench.work("whole", precision="bf16", num_epoch=2)
    bench.run(whole)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    monkeypatch.setattr(Trial, "seconds", lambda _, way: 0.1 if way.precision == "bf16" else 0.2)
    timed = bench.work("measured", precision="auto", num_epoch=2)
    bench.run(timed, bench.notes(1, 3))
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    bench.run(timed, bench.notes(2))
    last = [checkpoint.listed(work.checkpoints)[-1] for work in (whole, timed)]
    assert checkpoint.read(last[1], timed.recipe.digest()).kernels.precision == "bf16"
    one, two = (publish.sha256_file(path / checkpoint.TENSORS) for path in last)
    assert one == two


#: Little for a compiler to do.
SMALL = """
from torch import nn


def build(num_classes):
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, num_classes, 1))
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, while it imports its compiler
def test_run__compiled_it_learns_the_same_and_resumes_bit_by_bit(bench: Any) -> None:
    values = {"source": SMALL, "num_epoch": 2}
    plain = bench.work("plain", **values)
    whole, work = bench.work("whole", compile="on", **values), bench.work("stopped", compile="on", **values)
    bench.run(plain)
    notes = bench.run(whole)
    assert bool(notes.warnings) == (shutil.which("g++") is None)  # without a compiler it trains too
    bench.run(work, bench.notes(1, 1))
    bench.run(work, bench.notes(2))
    assert bench.outcome(work) == bench.outcome(whole)
    ends = [bench.lines(one)[-1]["loss"] for one in (plain, whole)]
    assert ends[0] == pytest.approx(ends[1], rel=1e-3)


def test_run__ends_early_where_nothing_gets_better(bench: Any) -> None:
    values = {"num_epoch": 9, "early_stop": 2, "base_lr": 1e-12}  # the first epoch stays the best
    work, stopped = bench.work("work", **values), bench.work("stopped", **values)
    notes = bench.run(work)
    assert notes.finished
    assert (notes.memo["epoch"], notes.memo["best"]["epoch"]) == (3, 1)
    assert notes.warnings[-1].en.startswith("Training ended early after epoch 3: 2 epochs")
    assert {path.stem[-4:] for path in work.results.glob("*.params")} == {"0001", "0002", "0003"}
    bench.run(stopped, bench.notes(1, 5))
    assert bench.run(stopped, bench.notes(2)).finished
    assert bench.run(stopped, bench.notes(3)).finished  # ended, but its job was killed before it could say so
    assert bench.outcome(stopped) == bench.outcome(work)


def test_run__in_bf16_it_learns_too(bench: Any) -> None:
    values = {"num_epoch": 2, "optimizer": "adamw", "base_lr": 0.02}
    half, full = bench.work("half", precision="bf16", **values), bench.work("full", **values)
    for work in (half, full):
        bench.run(work)
    ends = [bench.lines(work)[-1]["loss"] for work in (half, full)]
    assert ends[0] == pytest.approx(ends[1], rel=0.05)
    assert ends[0] != ends[1]
    tensors = checkpoint.read(checkpoint.listed(half.checkpoints)[-1], half.recipe.digest()).tensors
    assert tensors["network.0.weight"].dtype is torch.float32


class Killed(BaseException):
    """The process is gone."""


class Mortal:
    """A reporter whose process is killed after so many reports, before or after a publication too."""

    def __init__(self, notes: Any, lives: int) -> None:
        self.notes = notes
        self.lives = lives

    def __getattr__(self, name: str) -> Any:
        return getattr(self.notes, name)

    def _live(self) -> None:
        self.lives -= 1
        if self.lives < 0:
            raise Killed

    def progress(self, done: float, total: float, note: Text | None = None) -> None:
        self._live()
        self.notes.progress(done, total, note)

    def reach(self, point: str) -> None:
        self._live()
        self.notes.reach(point)

    def publish(self, moves: Sequence[tuple[Path, Path]], memo: Mapping[str, Any] | None = None) -> None:
        self._live()
        self.notes.publish(moves, memo)
        self._live()


def test_run__killed_anywhere_ends_in_the_same_bits(bench: Any) -> None:
    values = {"num_epoch": 2, "checkpoint_every": 1}
    whole, work = bench.work("whole", **values), bench.work("mortal", **values)
    assert set(bench.run(whole).points) == {"train.saved", "train.validated", "train.epoch"}
    attempts = 0
    finished = False
    while not finished:
        attempts += 1
        with contextlib.suppress(Killed):
            finished = bool(bench.run(work, Mortal(bench.notes(attempts), attempts % 9 + 1)).finished)
    assert attempts > 5
    assert bench.outcome(work) == bench.outcome(whole)


@pytest.mark.parametrize("template", ["enet", "fast-scnn"])
def test_run__shipped_networks_resume_in_the_middle_of_an_epoch(bench: Any, template: str) -> None:
    source = (TEMPLATES / template / "network.py").read_text(encoding="utf-8")
    values = {"source": source, "network_settings": {"width": 0.25}, "num_epoch": 2, "seed": 5}
    whole, work = bench.work("whole", **values), bench.work("stopped", **values)
    bench.run(whole)
    bench.run(work, bench.notes(1, 1))
    assert checkpoint.listed(work.checkpoints)[-1].name == "epoch-000000-step-000000001"
    bench.run(work, bench.notes(2))
    assert bench.outcome(work) == bench.outcome(whole)


def test_run__a_damaged_checkpoint_costs_steps_not_bits(bench: Any) -> None:
    values = {"num_epoch": 3, "checkpoint_every": 1}
    whole, work = bench.work("whole", **values), bench.work("damaged", **values)
    bench.run(whole)
    bench.run(work, bench.notes(1, 6))
    last = checkpoint.listed(work.checkpoints)[-1]
    (last / checkpoint.TENSORS).write_bytes(b"")
    notes = bench.run(work, bench.notes(2))
    assert last.name in notes.warnings[0].en
    assert bench.outcome(work) == bench.outcome(whole)


def test_run__all_checkpoints_damaged_is_a_named_failure(bench: Any) -> None:
    work = bench.work()
    bench.run(work, bench.notes(1, 1))
    for path in checkpoint.listed(work.checkpoints):
        (path / checkpoint.STATE).write_text("{}")
    with pytest.raises(BrokenFileError):
        bench.run(work, bench.notes(2))


def broken(bench: Any, how: str, at: int = 3, **values: Any) -> Any:
    settings = {"at": at, "how": how}
    return bench.work(source=BROKEN, network_settings=settings, checkpoint_every=1, num_epoch=4, **values)


@pytest.mark.parametrize("how", ["nan", "gradient"])
def test_run__nan_stops_and_is_never_kept(bench: Any, how: str) -> None:
    work = broken(bench, how)
    with pytest.raises(NonFiniteLossError) as caught:
        bench.run(work)
    assert caught.value.details["step"] == 3
    assert caught.value.details["samples"][0].startswith("1/图_")
    assert "base_lr" in caught.value.text.zh
    newest = checkpoint.newest(work.checkpoints, work.recipe.digest())
    assert newest is not None
    assert newest.state.step == 2
    assert all(bool(t.isfinite().all()) for t in newest.tensors.values() if t.is_floating_point())


@pytest.mark.parametrize(("how", "error"), [("memory", OutOfMemoryError), ("host", OutOfMemoryError), ("x", JobError)])
def test_run__failures_below_get_names(bench: Any, how: str, error: type[JobError]) -> None:
    with pytest.raises(error) as caught:
        bench.run(broken(bench, how, batch_size=4))
    assert "4" in caught.value.text.en
    if error is OutOfMemoryError:
        assert caught.value.details["try_batch_size"] == 2
        assert "Checkpoints are good" in caught.value.text.en


@pytest.mark.slow
def test_run__out_of_memory_speaks_of_checkpoints_only_where_there_is_one(bench: Any) -> None:
    with pytest.raises(OutOfMemoryError) as caught:
        bench.run(broken(bench, "memory", at=1, batch_size=4))
    assert "heckpoint" not in caught.value.text.en
    assert "检查点" not in caught.value.text.zh


@pytest.mark.parametrize(
    ("what", "error", "named"),
    [
        ("CUDA error: out of memory\nCompile with it", OutOfMemoryError, "Out of GPU memory: a batch of 4"),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling", OutOfMemoryError, "Out of GPU memory: a batch of 4"),
        ("CUDA error: unspecified launch failure\nCompile", JobError, "The GPU failed: CUDA error: unspecified launch"),
        ("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED at all", JobError, "The GPU failed: cuDNN error"),
        ("NCCL error in: NCCLUtils.cpp, remote process exited", JobError, "The GPU failed: NCCL error"),
        ("CUDA error: device-side assert triggered", JobError, r"networks/net/network.py, line \d+ .*device-side"),
    ],
)
def test_run__what_a_gpu_says_gets_a_name(bench: Any, what: str, error: type[JobError], named: str) -> None:
    with pytest.raises(error, match=named) as caught:
        bench.run(broken(bench, what, batch_size=4))
    assert type(caught.value) is error


def test_run__a_kernel_that_may_give_other_bits_is_named_once(bench: Any) -> None:
    notes = bench.run(bench.work(source=BROKEN, network_settings={"at": 1, "how": "unsteady"}))
    assert notes.finished is True
    (said,) = notes.warnings
    assert said.en.startswith("PyTorch has no deterministic GPU kernel for warp_cuda: training goes on")
    assert "warp_cuda 的确定性 GPU 内核" in said.zh


#: Answers other channels, or another size, while it learns and while it predicts, or only then.
WRONG = """
from torch import nn


def build(num_classes, more=0, stride=1, late=False):
    return Wrong(num_classes + more, stride, late)


class Wrong(nn.Module):
    def __init__(self, channels, stride, late):
        super().__init__()
        self.layer = nn.Conv2d(3, channels, 1)
        self.stride, self.late = stride, late

    def forward(self, x):
        stride = 1 if self.late and self.training else self.stride
        return self.layer(x)[..., ::stride, ::stride]
"""


@pytest.mark.parametrize(
    ("settings", "said", "steps"),
    [
        ({"more": 1}, "answered 3 channels, needed 2", 0),
        ({"stride": 2}, "answers 16x12 for a picture of 32x24", 0),
        ({"stride": 2, "late": True}, "answers 24x16 for a picture of 48x32", 2),
    ],
)
def test_run__a_wrong_answer_of_the_network_is_named(
    bench: Any, settings: dict[str, Any], said: str, steps: int
) -> None:
    notes = bench.notes()
    with pytest.raises(JobError, match=f"^networks/net/network.py {said}"):
        bench.run(bench.work(source=WRONG, network_settings=settings), notes)
    assert notes.asked == steps


@pytest.mark.slow
def test_run__out_of_memory_names_the_batch_that_fits_and_it_does(bench: Any) -> None:
    bench.run(bench.work("warm", source=HUNGRY, batch_size=1, num_epoch=1))  # what torch takes once for ever
    with memory_limit(360):
        with pytest.raises(OutOfMemoryError) as caught:
            bench.run(bench.work("eight", source=HUNGRY, batch_size=8, num_epoch=1))
        said = caught.value
        assert said.details == {"batch_size": 8, "crop": [24, 32], "try_batch_size": 4}
        assert "Create a new task with batch_size 4, or with the same one and accumulate 2" in said.text.en
        assert "新建任务，并设 batch_size=4，或保持批大小而设 accumulate=2" in said.text.zh
        assert bench.run(bench.work("four", source=HUNGRY, batch_size=4, num_epoch=1)).finished
        assert bench.run(bench.work("parts", source=HUNGRY, batch_size=8, accumulate=2, num_epoch=1)).finished
    one = bench.work("none", source=HUNGRY, batch_size=2, num_epoch=1, network_settings={"mib": 1024})
    with memory_limit(360), pytest.raises(OutOfMemoryError, match="Not even one picture") as caught:
        bench.run(one)
    assert caught.value.details["try_batch_size"] is None


#: A process whose only loader process is killed after the first step; torch's signal handler stays its own.
KILLS_ITS_LOADER = """
import multiprocessing, pathlib, sys

import torch

sys.path.insert(0, sys.argv[2])
from conftest import Notes
from roadloop.errors import JobError
from roadloop.training import engine
from roadloop.training.group import Group
from roadloop.training.kernels import Trial
from roadloop.training.work import Work


class Killing(Notes):
    def should_stop(self):
        for process in multiprocessing.active_children():
            process.kill()
        return False


try:
    engine.run(Work.from_json(pathlib.Path(sys.argv[1]).read_text()), Group(torch.device("cpu")), Killing())
except JobError as error:
    print(error.text.zh, error.text.en)
"""


@pytest.mark.slow
def test_run__a_killed_loader_process_is_named(bench: Any, tmp_path: Path) -> None:
    work = bench.work(num_epoch=500)
    object.__setattr__(work, "loaders", 1)
    (tmp_path / "work.json").write_text(work.to_json())
    command = [sys.executable, "-c", KILLS_ITS_LOADER, str(tmp_path / "work.json"), str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert "读取图片的进程被终止" in done.stdout, done.stderr
    assert "ROADLOOP_LOADER_WORKERS" in done.stdout


class CutOffError(ConnectionResetError):
    """Torch's handler of SIGCHLD strikes while this failure is being named."""

    def __str__(self) -> str:
        raise RuntimeError("DataLoader worker (pid 1) is killed by signal: Killed. ")


def test_named_failures__a_killed_loader_is_named_whenever_torch_reports_it(bench: Any) -> None:
    recipe = bench.work().recipe
    with (
        pytest.raises(JobError, match="reads pictures was killed"),
        named_failures(recipe, 1, largest_fit=lambda: 0, saved=lambda: False),
    ):
        raise CutOffError


@pytest.mark.parametrize(("devices", "cure"), [(1, "2 pictures."), (2, "2 pictures, or set sync_norm.")])
def test_named_failures__too_few_values_for_batch_norm_have_a_cure(bench: Any, devices: int, cure: str) -> None:
    with (
        pytest.raises(JobError) as caught,
        named_failures(bench.work().recipe, devices, largest_fit=lambda: 0, saved=lambda: False),
    ):
        nn.BatchNorm2d(1)(torch.zeros(1, 1, 1, 1))
    assert caught.value.text.en.endswith(f"at least {cure}")
    assert ("sync_norm" in caught.value.text.zh) == (devices > 1)


def test_run__an_error_in_the_network_names_file_and_line(bench: Any) -> None:
    source = BROKEN.replace("Expected more than 1 value per channel when training", "something else")
    work = bench.work(source=source, network_settings={"at": 1, "how": "x"})
    with pytest.raises(JobError, match="something else") as caught:
        bench.run(work)
    assert caught.value.details["file"] == "networks/net/network.py"
    assert "raise ValueError" in caught.value.text.zh


def test_run__pictures_of_mixed_sizes(tmp_path: Path, bench: Any, write_dataset: Any) -> None:
    bench.info = write_dataset(tmp_path / "mixed", mixed=True, train=7, val=4)
    notes = bench.run(bench.work(num_epoch=1))
    assert notes.memo["latest"]["miou"] is not None


def test_run__nothing_to_validate_makes_the_newest_epoch_the_best(
    tmp_path: Path, bench: Any, write_dataset: Any
) -> None:
    bench.info = write_dataset(tmp_path / "no val", val=0)
    work = bench.work(num_epoch=3)
    notes = bench.run(work)
    assert notes.memo["best"] == {"epoch": 3, "miou": None, "file": "模型_ep-0003.params"}
    assert [line["miou"] for line in bench.lines(work) if line["kind"] == "epoch"] == [None] * 3


def test_run__nothing_labelled_is_not_nan(tmp_path: Path, bench: Any) -> None:
    work = bench.work(num_epoch=1)
    label_map = work.recipe.label_map["entries"]
    label_map["7"], label_map["23"], label_map["24"], label_map["25"] = [255, "", ""], [255, "", ""], [0, "a", "a"], [1, "b", "b"]  # fmt: skip
    notes = bench.run(work)
    assert notes.memo["latest"] == {"loss": 0.0, "miou": None}
    assert notes.finished


def test_run__a_damaged_sample_is_reported_once_and_teaches_nothing(bench: Any) -> None:
    work = bench.work(num_epoch=2, batch_size=8)
    shard = work.dataset / "train-00000.arrow"
    packed = DatasetReader(work.dataset).split("train").encoded(2)
    data, image = shard.read_bytes(), bytes(packed.image)
    assert data.count(image) == 1
    shard.write_bytes(data.replace(image, bytes(len(image))))
    notes = bench.run(work)
    assert notes.finished
    assert {text.en.split()[0] for text in notes.warnings} == {packed.name}


@pytest.mark.parametrize(("split", "loaders"), [("train", 0), ("train", 1), ("val", 0)])
def test_run__a_lost_shard_is_a_named_failure(bench: Any, split: str, loaders: int) -> None:
    work = bench.work(num_epoch=1)
    object.__setattr__(work, "loaders", loaders)
    (work.dataset / f"{split}-00000.arrow").unlink()
    with pytest.raises((BrokenFileError, JobError), match=rf"{split}-00000\.arrow is gone or damaged"):
        bench.run(work)


def test_run__another_dataset_is_refused(bench: Any, tmp_path: Path, write_dataset: Any) -> None:
    work = bench.work()
    other = write_dataset(tmp_path / "other", seed=9)
    (work.dataset / "dataset.json").write_bytes((tmp_path / other.name / "dataset.json").read_bytes())
    with pytest.raises(InvalidValueError, match="changed"):
        bench.run(work)


def test_run__loader_processes_change_nothing(bench: Any) -> None:
    alone = bench.work("alone", num_epoch=1)
    bench.run(alone)
    helped = bench.work("helped", num_epoch=1)
    object.__setattr__(helped, "loaders", 2)
    bench.run(helped)
    assert bench.outcome(helped) == bench.outcome(alone)


def test_run__an_increment_trains_on_its_new_pictures_only(bench: Any, tmp_path: Path, write_dataset: Any) -> None:
    base = tmp_path / "base"
    write_dataset(base, train=5, val=1)
    work = bench.work(num_epoch=1, batch_size=1)
    object.__setattr__(work, "base_dataset", base)
    notes = bench.run(work)
    assert len([line for line in notes.lines if "images_per_second" in line]) == 2  # 8 - 5 - 1 pictures
    assert np.isfinite(notes.memo["latest"]["loss"])
