"""R06, R20, R21: damaged checkpoints, memory that runs out, and losses that are no numbers, at any step of a run."""

import itertools
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from approved import trusted
from failing_networks import BROKEN, HUNGRY, limit_memory, memory_kept
from roadloop.errors import BrokenFileError, NonFiniteLossError, OutOfMemoryError
from roadloop.models.load import load_model
from roadloop.storage import publish
from roadloop.training import checkpoint
from roadloop.training.schedule import learning_rate

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(900)]

Times = Callable[[int], int]
FILES = (checkpoint.TENSORS, checkpoint.STATE, checkpoint.METRICS)


def flip_bit(path: Path, rng: random.Random) -> None:
    """One bit of one file."""
    file = path / rng.choice(FILES)
    data = bytearray(file.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    file.write_bytes(data)


def zero_page(path: Path, rng: random.Random) -> None:
    """What a file system may leave of a page that was never written."""
    file = path / rng.choice(FILES)
    data = file.read_bytes()
    begin = 512 * rng.randrange(-(-len(data) // 512))
    zeroed = data[:begin] + bytes(len(data[begin : begin + 512])) + data[begin + 512 :]
    file.write_bytes(zeroed if zeroed != data else b"")


def cut(path: Path, rng: random.Random) -> None:
    """A file that ends early."""
    file = path / rng.choice(FILES)
    data = file.read_bytes()
    file.write_bytes(data[: rng.randrange(len(data))])


def empty(path: Path, rng: random.Random) -> None:
    """A file without content."""
    (path / rng.choice(FILES)).write_bytes(b"")


def lose(path: Path, rng: random.Random) -> None:
    """A file that is gone."""
    (path / rng.choice((*FILES, publish.MANIFEST))).unlink()


class Payload:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


def pickle_payload(path: Path, _rng: random.Random) -> None:
    """A pickle in place of the tensors, with a manifest that agrees."""
    torch.save(Payload(path.parents[1] / "ran"), path / checkpoint.TENSORS)
    (path / publish.MANIFEST).unlink()
    publish.seal(path)


def other_network(path: Path, _rng: random.Random) -> None:
    """A good checkpoint, but of another network's task."""
    shutil.rmtree(path)
    shutil.copytree(path.parents[2] / "other", path)


DAMAGES = (flip_bit, pickle_payload, other_network, zero_page, cut, empty, lose)


def test_r06__a_damaged_checkpoint_is_refused_and_the_one_before_is_used(
    bench: Any, times: Times, rng: random.Random
) -> None:
    values = {"num_epoch": 2, "checkpoint_every": 1, "ema_decay": 0.9}
    whole, work = bench.work("whole", **values), bench.work("damaged", **values)
    other = bench.work("its other", network_settings={"width": 4}, **values)
    bench.run(whole)
    bench.run(work, bench.notes(1, 3))
    bench.run(other, bench.notes(1, 3))
    shutil.copytree(checkpoint.listed(other.checkpoints)[-1], bench.path / "other")
    good, digest = work.checkpoints.rename(work.task / "good"), work.recipe.digest()
    *_, before, newest = [path.name for path in checkpoint.listed(good)]
    for _, damage in zip(range(times(400)), itertools.cycle(DAMAGES), strict=False):
        shutil.rmtree(work.checkpoints, ignore_errors=True)
        shutil.copytree(good, work.checkpoints)
        damage(work.checkpoints / newest, rng)
        found = checkpoint.newest(work.checkpoints, digest)
        assert found is not None
        assert (found.path.name, len(found.problems)) == (before, 1), damage
        assert newest in found.problems[0].zh
        assert newest in found.problems[0].en
        damage(work.checkpoints / before, rng)
        with pytest.raises(BrokenFileError, match=before):
            checkpoint.newest(work.checkpoints, digest)
    assert not (work.task / "ran").exists()
    shutil.rmtree(work.checkpoints)
    shutil.copytree(good, work.checkpoints)
    flip_bit(work.checkpoints / newest, rng)
    notes = bench.run(work, bench.notes(2))
    assert newest in notes.warnings[0].zh
    assert bench.outcome(work) == bench.outcome(whole)


def tightening(notes: Any, step: int) -> Any:
    """The reporter of a run that may take only 360 MiB more than it has, once a step is done."""
    asked = notes.should_stop

    def should_stop() -> bool:
        stop: bool = asked()
        if notes.asked == step:
            limit_memory(360)
        return stop

    notes.should_stop = should_stop
    return notes


@pytest.mark.slow
def test_r20__memory_runs_out_at_a_step_and_the_next_job_runs(bench: Any, times: Times, rng: random.Random) -> None:
    values = {"source": HUNGRY, "batch_size": 8, "num_epoch": 1, "checkpoint_every": 1, "scale": (1, 1)}
    bench.run(bench.work("warm", **{**values, "batch_size": 1}))  # what torch takes once for ever
    values["num_epoch"] = 3
    whole = bench.work("whole", **values)
    bench.run(whole)
    for number in range(times(20)):
        work, step = bench.work(f"hungry {number}", **values), rng.randint(1, 2)
        with memory_kept():
            # the reporter is asked after each step, and after each of the 3 pictures that validate an epoch of one step
            with pytest.raises(OutOfMemoryError) as caught:
                bench.run(work, tightening(bench.notes(), 4 * (step - 1) + 1))
            said = caught.value
            assert said.details == {"batch_size": 8, "crop": [24, 32], "try_batch_size": 4}
            assert "batch_size" in said.text.zh
            assert "batch_size" in said.text.en
            newest = checkpoint.newest(work.checkpoints, work.recipe.digest())
            assert newest is not None
            assert newest.state.step == step
            smaller = bench.work(f"next {number}", **{**values, "batch_size": 4, "num_epoch": 1})
            assert bench.run(smaller).finished
        assert bench.run(work, bench.notes(2)).finished  # and with its memory back it goes on
        assert bench.outcome(work) == bench.outcome(whole)


def test_r21__a_loss_that_is_no_number_is_named_and_nothing_of_it_is_kept(
    bench: Any, times: Times, rng: random.Random
) -> None:
    kinds = itertools.cycle(itertools.product(("nan", "gradient", "inf"), ({}, {"ema_decay": 0.9, "accumulate": 3})))
    for number, (how, more) in zip(range(times(10)), kinds, strict=False):
        at = rng.randint(2, 7)
        settings = {"at": at, "how": how}
        every = {"checkpoint_every": rng.choice((1, 3)), "save_every": 1, "warmup_steps": 3, "num_epoch": 4}
        if "accumulate" in more:
            settings["at"] = 3 * at  # each part is a pass
        work = bench.work(f"poisoned {number}", BROKEN, network_settings=settings, **every, **more)
        notes = bench.notes()
        with pytest.raises(NonFiniteLossError) as caught:
            bench.run(work, notes)
        said = caught.value
        step = said.details["step"]
        assert at <= step <= at + (how == "gradient")
        rate = learning_rate(work.recipe.train, step - 1, 8)
        assert said.details["learning_rate"] == pytest.approx(rate)
        for text in said.text:
            assert f"{rate:g}" in text
            assert str(step) in text
            assert "base_lr" in text
            assert all(name in text for name in said.details["samples"])
        assert len(said.details["samples"]) == 3
        for path in checkpoint.listed(work.checkpoints):
            kept = checkpoint.read(path, work.recipe.digest())
            assert kept.state.step < at
            assert all(bool(t.isfinite().all()) for t in kept.tensors.values() if t.is_floating_point())
        models = sorted(work.results.glob("*.params"))
        assert len(models) == (at - 1) // 2
        for model in models:
            assert all(bool(t.isfinite().all()) for t in load_model(model, trusted(model))[0].state_dict().values())
        if models:
            assert (work.results / notes.memo["best"]["file"]).is_file()
