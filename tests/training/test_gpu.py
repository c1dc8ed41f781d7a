"""Training on a real GPU, which nothing else here does. One GPU is enough; NCCL refuses two ranks on one."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from failing_networks import HUNGRY
from roadloop.errors import OutOfMemoryError
from roadloop.models.load import load_model
from roadloop.networks.folder import list_templates, read_source, template_folder
from roadloop.training import checkpoint, engine
from roadloop.training.crew import Crew
from roadloop.training.group import Group
from roadloop.training.kernels import Kernels
from roadloop.training.losses import SegmentationLoss
from roadloop.training.recipe import TrainConfig
from roadloop.training.sync_norm import synchronise

pytestmark = pytest.mark.gpu

BIG = {"crop": (128, 192), "scale": (4.0, 5.0), "batch_size": 4, "num_epoch": 2}  #: what cuDNN has many kernels for


def run(bench: Any, gpu: torch.device, work: Any, notes: Any = None) -> Any:
    notes = notes or bench.notes()
    notes.finished = engine.run(work, Group(gpu), notes)
    return notes


def kernels(work: Any) -> Kernels:
    found = checkpoint.newest(work.checkpoints, work.recipe.digest())
    assert found is not None
    return found.kernels


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_run__learns_on_a_gpu(bench: Any, gpu: torch.device, precision: str) -> None:
    values = {"num_epoch": 12, "optimizer": "adamw", "base_lr": 0.02, "batch_size": 4, "ema_decay": 0.9}
    work = bench.work(gpus="0", precision=precision, memory_format="auto", **values)
    notes = run(bench, gpu, work)
    losses = [line["loss"] for line in bench.lines(work) if line["kind"] == "epoch"]
    assert losses[-1] < 0.5 * losses[0]
    assert notes.memo["best"]["miou"] > 0.95
    assert (kernels(work).precision, kernels(work).compiled) == (precision, False)
    assert any(line.startswith(f"kernels: {precision} ") for line in notes.lines)
    network, record = load_model(work.results / notes.memo["best"]["file"], work.trust)
    assert all(bool(torch.isfinite(tensor).all()) for tensor in network.state_dict().values())
    assert record.training["miou"] == notes.memo["best"]["miou"]


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("name", list_templates()[:-1])  # the last is an alias
def test_run__every_network_stopped_on_a_gpu_ends_in_the_same_bits(
    bench: Any, gpu: torch.device, name: str, precision: str
) -> None:
    if name == "segformer":
        pytest.importorskip("transformers", reason="SegFormer needs transformers, which make setup installs")
    source = read_source(template_folder(name))
    values = {"source": source, "gpus": "0", "precision": precision, "base_lr": 0.001, **BIG}
    if name == "rna-a1":
        values |= {"network_settings": {"width": 0.125}, "memory_format": "contiguous"}
    whole, work = bench.work("whole", **values), bench.work("stopped", **values)
    notes = run(bench, gpu, whole)
    assert run(bench, gpu, work, bench.notes(1, 1)).finished is False
    assert run(bench, gpu, work, bench.notes(2)).finished is True
    losses = [line["loss"] for line in bench.lines(whole) if line["kind"] == "step"]
    assert all(0 < loss < 1e4 for loss in losses)
    if name == "enet":  # its windows of pooling overlap, so that two values may go back to one place
        assert any("max_unpooling2d_forward_out" in text.en for text in notes.warnings)
    else:
        assert bench.outcome(work) == bench.outcome(whole)


@pytest.mark.parametrize(
    "values",
    [{}, {"ohem_threshold": 0.7}, {"dice_weight": 1.0, "lovasz_weight": 1.0}, {"label_smoothing": 0.1}],
    ids=["plain", "ohem", "overlap", "smoothed"],
)
def test_loss__is_the_cpu_s(gpu: torch.device, values: dict[str, Any]) -> None:
    """With an auxiliary head and a boundary; pixels of class 1 weigh more, and some are ignored."""
    config = TrainConfig(class_weights=(1.0, 3.0, 0.5), **values)
    random = torch.Generator().manual_seed(0)
    target = torch.randint(0, 4, (2, 24, 32), generator=random)
    target[target == 3] = 255
    found = []
    for device in (torch.device("cpu"), gpu):
        sizes = ((2, 3, 24, 32), (2, 3, 12, 16), (2, 1, 12, 16))
        random.manual_seed(1)
        heads = [torch.randn(size, generator=random).to(device).requires_grad_() for size in sizes]
        criterion = SegmentationLoss(config, device)
        summed = criterion(tuple(heads), target.to(device))
        loss = summed.divided(criterion.weights(target.to(device)), summed.chosen)
        loss.sum().backward()
        found.append([loss.detach().cpu(), *(head.grad.cpu() for head in heads if head.grad is not None)])
    assert len(found[0]) == 4
    for on_cpu, on_gpu in zip(*found, strict=True):
        torch.testing.assert_close(on_gpu, on_cpu, rtol=1e-4, atol=1e-7)


def test_run__out_of_gpu_memory_names_the_batch_that_fits(bench: Any, gpu: torch.device) -> None:
    """Each picture takes 0.3 of the memory that is free: three at once fit, four do not."""
    free, _ = torch.cuda.mem_get_info(gpu)
    mib = int(0.3 * free) >> 20
    work = bench.work(source=HUNGRY, gpus="0", batch_size=4, num_epoch=1, network_settings={"mib": mib})
    with pytest.raises(OutOfMemoryError, match="Out of GPU memory: a batch of 4") as caught:
        run(bench, gpu, work)
    assert caught.value.details["try_batch_size"] == 2
    assert "2 at once fit" in caught.value.text.en
    torch.cuda.empty_cache()
    assert torch.cuda.mem_get_info(gpu)[0] > 0.9 * free  # the failed run holds nothing


def test_crew__one_rank_over_nccl_is_the_same_run(bench: Any, gpu: torch.device) -> None:
    """Two ranks would need two GPUs: NCCL says "Duplicate GPU detected" otherwise."""
    alone, crewed = bench.work("alone", gpus="0"), bench.work("crewed", gpus="0")
    run(bench, gpu, alone)
    assert Crew(crewed, 1, bench.notes(), cuda=True).run()
    assert bench.outcome(crewed) == bench.outcome(alone)


NCCL = """
import sys
import torch
import torch.distributed as dist
from torch import nn
from roadloop.training.group import Group

device = torch.device("cuda", 0)
store = dist.FileStore(sys.argv[1], 1)
dist.init_process_group("nccl", store=store, rank=0, world_size=1, device_id=device)
group = Group(device, 0, 2)  # asks the other ranks, of which there are none
for dtype in (torch.float32, torch.float64, torch.int64):
    values = torch.arange(5, dtype=dtype, device=device)
    assert group.sum(values).tolist() == [0, 1, 2, 3, 4], dtype
assert group.any(flag=True) and not group.any(flag=False)
norm = nn.BatchNorm2d(3).to(device)
norm(torch.rand(2, 3, 4, 4, device=device)).square().sum().backward()
before = norm.weight.grad.clone(), norm.running_var.clone()
group.share_gradients(norm)
assert torch.equal(norm.weight.grad, before[0])  # a sum
assert torch.equal(norm.running_var, before[1] / 2)  # a mean over two
dist.barrier()
dist.destroy_process_group()
"""


def test_group__its_sums_travel_over_nccl(gpu: torch.device, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", NCCL, str(tmp_path / "store")], check=True, timeout=120)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(
    ("dtype", "error"), [(torch.float32, 1e-4), (torch.bfloat16, 3e-2), (torch.float16, 5e-3)]
)  # fmt: skip
def test_sync_norm__of_one_gpu_is_batch_norm(
    gpu: torch.device, dtype: torch.dtype, error: float, layout: torch.memory_format
) -> None:
    """Its kernels, without what several ranks would add; with scale and shift and without."""
    generator = torch.Generator().manual_seed(0)
    image, weight = (torch.randn((4, 8, 16, 16), generator=generator).to(gpu, memory_format=layout) for _ in range(2))
    for affine in (True, False):
        found = []
        for synced in (False, True):
            norm = nn.BatchNorm2d(8, affine=affine).to(gpu)
            assert not synced or synchronise(norm, Group(gpu)) == []
            x = (2 * image + 3).to(dtype).requires_grad_()
            answer = norm(x)
            (answer.float() * weight).sum().backward()
            learnt = [parameter.grad for parameter in norm.parameters()]
            found.append([answer, x.grad, norm.running_mean, norm.running_var, *learnt])
        for one, two in zip(*found, strict=True):
            assert one is not None
            assert two is not None
            assert (one.dtype, one.shape) == (two.dtype, two.shape)
            assert (one.float() - two.float()).norm() <= error * one.float().norm()
