"""Batch norm over two real ranks, gloo on the CPU, against numbers made by hand and one rank with the whole batch.

As a program, this file is one of the two ranks: `test_sync_norm.py RANK FOLDER`.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from roadloop.training.data import Batch, Normalise
from roadloop.training.engine import share_norms
from roadloop.training.group import Group
from roadloop.training.kernels import Kernels
from roadloop.training.learner import make_learner
from roadloop.training.losses import SegmentationLoss
from roadloop.training.recipe import TrainConfig
from roadloop.training.step import Update
from roadloop.training.sync_norm import SyncNorm, synchronise

pytestmark = pytest.mark.xdist_group("sync-norm")  # one pair of ranks for all of it

CPU = torch.device("cpu")
SHARES = (3, 2)  #: pictures of each rank


class Own(nn.BatchNorm2d):
    """Answers otherwise than torch's."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


def constant(group: Group) -> dict[str, Tensor]:
    """One picture of zeros for rank 0, two of threes for rank 1, four pixels each."""
    norm = nn.Sequential(nn.BatchNorm2d(1), nn.BatchNorm2d(1, momentum=None), nn.BatchNorm2d(1, affine=False))
    assert synchronise(norm, group) == []
    image = torch.full((1 + group.rank, 1, 2, 2), 3.0 * group.rank)
    answers = {str(i): layer(image) for i, layer in enumerate(norm)}
    own = nn.Sequential(Own(1))
    assert synchronise(own, group) == ["0"]
    assert not isinstance(own[0], SyncNorm)
    norm.eval()
    return answers | norm.state_dict() | {"still": norm[0](image)}


def pooled(group: Group) -> dict[str, Tensor]:
    """One picture for each rank, and one pixel: a value for each channel, which a device's own norm refuses."""
    norm = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(1))
    synchronise(norm, group)
    return {"pooled": norm(torch.full((1, 1, 2, 2), float(group.rank)))}


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 6, 3, padding=1),
        nn.BatchNorm2d(6, affine=False), nn.ReLU(), nn.Conv2d(6, 3, 1), nn.BatchNorm2d(3),
    )  # fmt: skip


def pictures() -> tuple[Tensor, Tensor]:
    """Five of them, and their labels."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(256, (sum(SHARES), 12, 16, 3), generator=generator, dtype=torch.uint8)
    targets = torch.randint(3, (sum(SHARES), 12, 16), generator=generator, dtype=torch.uint8)
    targets[0, :9] = 255
    return images, targets


def updated(group: Group, layout: str, *, synced: bool = False, **values: Any) -> dict[str, Tensor]:
    """Loss, gradients, running values and weights after an update from this rank's share of five pictures."""
    images, targets = pictures()
    if group.size > 1:
        images, targets = images.split(SHARES)[group.rank], targets.split(SHARES)[group.rank]
    config = TrainConfig(class_weights=(1.0, 2.0, 0.5), memory_format=layout, **values)
    kernels = Kernels(layout == "channels_last", precision=values.get("precision", "fp32"))
    learner = make_learner(config, network(), kernels)
    learner.train()
    if group.size > 1 or synced:
        assert synchronise(learner.network, group) == []
    normalise = Normalise((0.5, 0.5, 0.5), (0.25, 0.25, 0.25), CPU, kernels.layout)
    criterion = SegmentationLoss(config, CPU)
    update = Update(config, learner, learner.network, criterion, normalise, group, "network.py")
    loss = update(Batch(images, targets, [""] * len(images), []), 0, 0.1)
    gradients = {f"grad {name}": p.grad for name, p in learner.network.named_parameters() if p.grad is not None}
    return {"loss": torch.tensor(loss), **gradients, **learner.network.state_dict()}


WAYS: dict[str, Callable[[Group], dict[str, Tensor]]] = {
    "constant": constant,
    "pooled": pooled,
    "contiguous": lambda group: updated(group, "contiguous"),
    "channels_last": lambda group: updated(group, "channels_last"),
    "frozen": lambda group: updated(group, "contiguous", freeze_norms=True),
    "bf16": lambda group: updated(group, "contiguous", precision="bf16"),
    "parts": lambda group: updated(group, "contiguous", accumulate=2),
}


def as_rank(rank: int, folder: Path) -> None:
    """Do everything as one of two ranks; leave what came out."""
    torch.set_num_threads(1)
    store = dist.FileStore(str(folder / "store"), 2)  # type: ignore[attr-defined]
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2)
    for name, way in WAYS.items():
        found = {
            key: tensor.detach().clone(memory_format=torch.contiguous_format)
            for key, tensor in way(Group(CPU, rank, 2)).items()
        }
        save_file(found, folder / f"{name}.{rank}")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[dict[str, Tensor]]]:
    """What both ranks found, by the name in `WAYS`."""
    folder = tmp_path_factory.mktemp("ranks")
    started = [subprocess.Popen([sys.executable, "-W", "error", __file__, str(rank), str(folder)]) for rank in (0, 1)]
    assert [process.wait() for process in started] == [0, 0]
    return lambda name: [load_file(folder / f"{name}.{rank}") for rank in (0, 1)]


def test_sync_norm__takes_its_statistics_over_all_ranks(ranks: Any) -> None:
    """Four values of 0 and eight of 3: mean 2, variance (4 * 4 + 8 * 1) / 12 = 2, of a sample 24 / 11."""
    zeros, threes = ranks("constant")
    for layer in "012":
        assert zeros[layer].unique().tolist() == pytest.approx([-(2**0.5)], abs=1e-5)
        assert threes[layer].unique().tolist() == pytest.approx([0.5**0.5], abs=1e-5)
    for found in (zeros, threes):
        assert found["0.running_mean"].item() == pytest.approx(0.2)
        assert found["0.running_var"].item() == pytest.approx(0.9 + 0.1 * 24 / 11)
        assert found["0.num_batches_tracked"].item() == 1
        assert found["1.running_mean"].item() == pytest.approx(2.0)  # the mean of all batches so far
        assert found["1.running_var"].item() == pytest.approx(24 / 11)
    running = (3 - 0.2) / (0.9 + 0.1 * 24 / 11 + 1e-5) ** 0.5
    assert threes["still"].unique().tolist() == pytest.approx([running])


def test_sync_norm__one_value_on_each_rank_is_enough(ranks: Any) -> None:
    """0 and 1: mean 1/2, deviation 1/2."""
    assert [found["pooled"].item() for found in ranks("pooled")] == pytest.approx([-1.0, 1.0], abs=1e-4)


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
def test_update__two_ranks_learn_as_one_with_the_whole_batch(ranks: Any, layout: str) -> None:
    one = updated(Group(CPU), layout)
    for found in ranks(layout):
        assert found.keys() == one.keys()
        for key, value in one.items():
            assert torch.allclose(found[key], value, rtol=1e-6, atol=1e-6), key
    first, second = ranks(layout)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert one["grad 1.weight"].abs().max() > 0.01


def test_update__two_ranks_in_16_bits_differ_by_their_rounding(ranks: Any) -> None:
    one, full = updated(Group(CPU), "contiguous", precision="bf16"), updated(Group(CPU), "contiguous")
    for found in ranks("bf16"):
        assert found["loss"].item() == pytest.approx(one["loss"].item(), rel=1e-3)
        for key in (key for key in full if key.startswith("grad")):
            rounding = (one[key] - full[key]).norm()
            assert (found[key] - full[key]).norm() < 1.2 * rounding + 5e-4, key


def test_update__parts_of_two_ranks_are_normalised_one_after_the_other(ranks: Any) -> None:
    """Pictures 0, 1 and 3 are the first part, 2 and 4 the second."""
    alone = network()
    for part in ([0, 1, 3], [2, 4]):
        alone((pictures()[0][part].permute(0, 3, 1, 2) / 255 - 0.5) / 0.25)
    for found in ranks("parts"):
        assert found["1.num_batches_tracked"].item() == 2
        for key, value in alone.state_dict().items():
            assert "running" not in key or torch.allclose(found[key], value, rtol=1e-5, atol=1e-6), key


def test_update__frozen_norms_keep_their_statistics_and_learn_scale_and_shift(ranks: Any) -> None:
    one, fresh = updated(Group(CPU), "contiguous", freeze_norms=True), network().state_dict()
    for found in (one, *ranks("frozen")):
        assert all(torch.equal(found[key], value) for key, value in fresh.items() if ".running" in key)
        assert found["1.num_batches_tracked"].item() == 0
        assert not torch.equal(found["1.weight"], fresh["1.weight"])
        assert not torch.equal(found["1.bias"], fresh["1.bias"])
        for key, value in one.items():
            assert torch.allclose(found[key], value, rtol=1e-6, atol=1e-6), key


@pytest.mark.parametrize("values", [{}, {"freeze_norms": True}, {"frozen": ("0",)}])
def test_sync_norm__of_one_rank_is_batch_norm(values: dict[str, Any]) -> None:
    plain, synced = (
        updated(Group(CPU), "contiguous", **values),
        updated(Group(CPU), "contiguous", synced=True, **values),
    )
    assert plain.keys() == synced.keys()
    for key, value in plain.items():
        assert torch.allclose(synced[key], value, rtol=1e-6, atol=1e-6), key


@pytest.mark.parametrize("first", [True, False])
def test_sync_norm__of_rows_is_batch_norm(first: bool) -> None:
    """Also where no gradient goes on to what came before."""
    rows = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    found: list[list[Any]] = []
    for norm in (nn.BatchNorm1d(4, momentum=None), nn.BatchNorm1d(4, momentum=None)):
        if found:
            assert synchronise(norm, Group(CPU)) == []
        x = rows.clone().requires_grad_(not first)
        answer = norm(x)
        (answer * torch.arange(20.0).view(5, 4).sin()).sum().backward()
        found.append([answer, norm.weight.grad, norm.bias.grad, norm.running_var, *([] if first else [x.grad])])
        with pytest.raises(ValueError, match="expected 2D or 3D input"):
            norm(torch.zeros(2, 4, 1, 1))
    assert all(torch.allclose(one, two, atol=1e-6) for one, two in zip(*found, strict=True))


def shared(network: nn.Module, group: Group, notes: Any, **values: Any) -> list[bool]:
    """Whether each module is a norm of all ranks, once the engine has prepared the learner."""
    config = TrainConfig(sync_norm=True, **values)
    share_norms(config, make_learner(config, network), group, notes)
    return [isinstance(module, SyncNorm) for module in network.children()]


def test_share_norms__converts_what_it_can_and_says_what_it_cannot(bench: Any) -> None:
    notes, silent = bench.notes(), bench.notes()
    two, second = Group(CPU, 0, 2), Group(CPU, 1, 2)
    assert shared(nn.Sequential(nn.BatchNorm2d(1), nn.ReLU(), Own(1)), two, notes) == [True, False, False]
    assert shared(nn.Sequential(nn.BatchNorm2d(1), nn.ReLU(), Own(1)), second, silent) == [True, False, False]
    ((zh, en),) = notes.warnings
    assert "sync_norm: 2 answer otherwise than batch norm" in en
    assert "2 的结果与批归一化不同" in zh
    assert (silent.warnings, silent.lines) == ([], [])
    assert shared(nn.Sequential(*(Own(1) for _ in range(7))), two, notes) == [False] * 7
    assert "sync_norm: 0, 1, 2, 3, 4, ... answer" in notes.warnings[-1].en


def test_share_norms__where_nothing_is_shared_it_is_a_line_of_the_log(bench: Any) -> None:
    notes = bench.notes()
    assert shared(network(), Group(CPU), notes) == [False] * 8
    assert shared(network(), Group(CPU, 0, 2), notes, freeze_norms=True) == [False] * 8
    assert shared(nn.Sequential(nn.Conv2d(1, 1, 1)), Group(CPU, 0, 2), notes) == [False]
    none = "sync_norm: without effect, no batch norm moves its statistics"
    assert notes.lines == ["sync_norm: without effect on one device", none, none]
    assert notes.warnings == []


if __name__ == "__main__":
    as_rank(int(sys.argv[1]), Path(sys.argv[2]))
