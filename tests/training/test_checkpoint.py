import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from roadloop.errors import BrokenFileError
from roadloop.storage import publish
from roadloop.training import checkpoint
from roadloop.training.checkpoint import Best, Place, RunState, folder_name, newest, prune, restore, seed_step
from roadloop.training.learner import Learner

PLACE = Place("2", 1, "cpu", 1)


def trained(kind: str, steps: int = 2, width: int = 3) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A network with batch norm whose optimiser has a state."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, width, 1), nn.BatchNorm2d(width), nn.Conv2d(width, 2, 1))
    optimizer: torch.optim.Optimizer
    if kind == "sgd":
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    else:
        optimizer = torch.optim.AdamW(network.parameters(), lr=0.1)
    learn(network, optimizer, steps)
    return network, optimizer


def learner(network: nn.Module, optimizer: torch.optim.Optimizer) -> Learner:
    return Learner(network, optimizer, torch.amp.GradScaler("cpu", enabled=False))


def learn(network: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
    for step in range(steps):
        seed_step(0, step, 0)
        optimizer.zero_grad()
        network(torch.randn(2, 3, 4, 4)).square().mean().backward()
        optimizer.step()


def save(folder: Path, step: int, width: int = 3, recipe: str = "r", kind: str = "sgd") -> Path:
    network, optimizer = trained(kind, step, width)
    path = folder / folder_name(0, step)
    checkpoint.write(path, learner(network, optimizer), (RunState(step=step), PLACE, recipe), b'{"kind": "step"}\n')
    return path


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_restore__goes_on_with_the_same_bits(tmp_path: Path, kind: str) -> None:
    save(tmp_path, 2, kind=kind)
    network, optimizer = trained(kind, 2)
    learn(network, optimizer, 3)
    again, its_optimizer = trained(kind, 0)
    found = newest(tmp_path, "r")
    assert found is not None
    restore(found, learner(again, its_optimizer))
    learn(again, its_optimizer, 3)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_write__holds_position_and_curves_and_is_repeatable(tmp_path: Path) -> None:
    network, optimizer = trained("sgd")
    state = RunState(step=7, epoch=2, loss_sum=0.1 + 0.2, best=Best(1, 0.3, 4))
    for name in ("a", "b"):
        checkpoint.write(tmp_path / name, learner(network, optimizer), (state, PLACE, "r"), b"lines\n")
    found = checkpoint.read(tmp_path / "a", "r")
    assert (found.state, found.place, found.metrics) == (state, PLACE, b"lines\n")
    assert publish.read_manifest(tmp_path / "a") == publish.read_manifest(tmp_path / "b")


def flip_bit(path: Path) -> None:
    file = path / checkpoint.TENSORS
    data = bytearray(file.read_bytes())
    data[-5] ^= 1
    file.write_bytes(data)


def zero_page(path: Path) -> None:
    file = path / checkpoint.TENSORS
    data = file.read_bytes()
    file.write_bytes(data[:64] + bytes(64) + data[128:])


def truncate(path: Path) -> None:
    file = path / checkpoint.TENSORS
    file.write_bytes(file.read_bytes()[:-1])


def empty(path: Path) -> None:
    (path / checkpoint.TENSORS).write_bytes(b"")


def change_state(path: Path) -> None:
    text = (path / checkpoint.STATE).read_text()
    (path / checkpoint.STATE).write_text(text.replace('"step": 2', '"step": 3'))


def lose_manifest(path: Path) -> None:
    (path / publish.MANIFEST).unlink()


def lose_file(path: Path) -> None:
    (path / checkpoint.METRICS).unlink()


class Payload:
    """Leaves a trace when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("/tmp/roadloop-test-payload-ran"),)


def pickle_payload(path: Path) -> None:
    """A pickle in place of the tensors, with a manifest that agrees."""
    torch.save(Payload(), path / checkpoint.TENSORS)
    (path / publish.MANIFEST).unlink()
    publish.seal(path)


def odd_json(path: Path) -> None:
    (path / checkpoint.STATE).write_text("[]")
    (path / publish.MANIFEST).unlink()
    publish.seal(path)


DAMAGES: list[Callable[[Path], None]] = [
    flip_bit, zero_page, truncate, empty, change_state, lose_manifest, lose_file, pickle_payload, odd_json,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_newest__passes_over_a_damaged_one_and_says_so(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    save(tmp_path, 1)
    damage(save(tmp_path, 2))
    found = newest(tmp_path, "r")
    assert found is not None
    assert found.state.step == 1
    assert folder_name(0, 2) in found.problems[0].en
    assert not Path("/tmp/roadloop-test-payload-ran").exists()


@pytest.mark.parametrize("damage", DAMAGES)
def test_newest__refuses_when_none_is_good(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    damage(save(tmp_path, 2))
    with pytest.raises(BrokenFileError) as caught:
        newest(tmp_path, "r")
    assert "检查点" in caught.value.text.zh


def test_newest__every_flipped_bit_is_found(tmp_path: Path) -> None:
    path = save(tmp_path, 2)
    for file in (path / name for name in (checkpoint.TENSORS, checkpoint.STATE, checkpoint.METRICS)):
        good = file.read_bytes()
        for place in range(0, len(good), max(1, len(good) // 25)):
            data = bytearray(good)
            data[place] ^= 1 << place % 8
            file.write_bytes(data)
            with pytest.raises(BrokenFileError):
                checkpoint.read(path, "r")
        file.write_bytes(good)
    assert checkpoint.read(path, "r").state.step == 2


def test_newest__none_at_all_is_a_fresh_start(tmp_path: Path) -> None:
    assert newest(tmp_path, "r") is None
    assert newest(tmp_path / "absent", "r") is None


def test_newest__another_recipe_or_network_is_refused(tmp_path: Path) -> None:
    save(tmp_path, 2)
    with pytest.raises(BrokenFileError, match="another recipe"):
        newest(tmp_path, "other")
    found = newest(tmp_path, "r")
    assert found is not None
    with pytest.raises(BrokenFileError, match="does not fit"):
        restore(found, learner(*trained("sgd", 0, width=4)))


def test_prune__keeps_the_last_two_and_the_best(tmp_path: Path) -> None:
    for step in range(1, 6):
        save(tmp_path, step)
    prune(tmp_path, Best(0, 0.5, 2))
    assert [p.name for p in checkpoint.listed(tmp_path)] == [folder_name(0, s) for s in (2, 4, 5)]
    prune(tmp_path, None)
    assert [p.name for p in checkpoint.listed(tmp_path)] == [folder_name(0, s) for s in (4, 5)]
    assert not list(tmp_path.glob(".*"))


def test_state_json__is_plain(tmp_path: Path) -> None:
    described = json.loads((save(tmp_path, 1) / checkpoint.STATE).read_text())
    assert described["place"] == {"torch": "2", "threads": 1, "device": "cpu", "devices": 1}
    assert described["param_groups"][0]["momentum"] == 0.9


def test_seed_step__depends_on_all_three() -> None:
    drawn = []
    for seed, step, rank in [(0, 0, 0), (0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]:
        seed_step(seed, step, rank)
        drawn.append(torch.rand(1).item())
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 4
