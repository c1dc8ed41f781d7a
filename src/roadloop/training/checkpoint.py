"""Checkpoints: all that a resumed run needs to go on with the same bits.

A checkpoint is a sealed folder `epoch-000003-step-000000120`: `tensors.safetensors` (network, its average and optimiser),
`state.json` (position, best epoch, settings of optimiser and scaler, where it ran), `metrics.jsonl` (the curves so far),
`manifest.json` (sha256).
No random state needs to be kept: the generators are seeded anew at every step from the recipe's seed, the step and
the rank (`seed_step`), and every sample draws from (seed, epoch, index).
"""

import hashlib
import json
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from roadloop.errors import BrokenFileError, Text
from roadloop.storage import publish
from roadloop.training.kernels import Kernels
from roadloop.training.learner import Learner

FORMAT: Final = "roadloop-checkpoint/1"
TENSORS: Final = "tensors.safetensors"
STATE: Final = "state.json"
METRICS: Final = "metrics.jsonl"
KEEP: Final = 2


@dataclass(frozen=True)
class Best:
    """The best epoch so far, by mIoU on the validation split; the first one of equals."""

    epoch: int  #: 1-based
    miou: float | None  #: None where nothing was validated: then the newest epoch is the best
    step: int  #: of its checkpoint


@dataclass
class RunState:
    """Where a run stands. Everything else about it follows from the recipe."""

    step: int = 0  #: steps done
    epoch: int = 0  #: epochs finished, validation included
    loss_sum: float = 0.0  #: sum of this epoch's losses so far
    best: Best | None = None

    @property
    def best_epoch(self) -> int:
        """The best epoch so far; without one, the newest."""
        return self.best.epoch if self.best else self.epoch


@dataclass(frozen=True)
class Place:
    """Where a run takes place: the same bits are promised only for the same place."""

    torch: str
    threads: int
    device: str
    devices: int


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read and verified."""

    path: Path
    state: RunState
    place: Place
    tensors: Mapping[str, Tensor]
    param_groups: list[dict[str, Any]]
    scaler: dict[str, Any]
    kernels: Kernels
    metrics: bytes
    problems: tuple[Text, ...] = ()  #: newer ones that were passed over, and why


def seed_step(seed: int, step: int, rank: int) -> None:
    """Seed every generator that a network may use (dropout...) for one step of one rank."""
    words = np.random.SeedSequence((seed, step, rank)).generate_state(2, np.uint32)
    torch.manual_seed(int(words[0]) << 32 | int(words[1]))
    np.random.seed(int(words[0]))  # what a team's network.py may use
    random.seed(int(words[1]))


def folder_name(epoch: int, step: int) -> str:
    """Name of the checkpoint after `epoch` finished epochs and `step` steps; names sort by age."""
    return f"epoch-{epoch:06d}-step-{step:09d}"


def write(folder: Path, learner: Learner, facts: tuple[RunState, Place, str], metrics: bytes) -> None:
    """Fill and seal a checkpoint under a scratch name.

    Args:
        folder: The scratch folder; must not exist.
        learner: Its tensors and settings are kept.
        facts: Position, place, and digest of the recipe.
        metrics: Contents of the metrics log.

    Raises:
        DiskFullError: Nothing visible was changed.
        BrokenFileError: What was read back is not what was written.
    """
    state, place, recipe = facts
    data = safetensors.torch.save(_flatten(learner))
    description = {
        "format": FORMAT,
        "recipe": recipe,
        **asdict(state),
        "place": asdict(place),
        "param_groups": learner.optimizer.state_dict()["param_groups"],
        "scaler": learner.scaler.state_dict(),
        "kernels": asdict(learner.kernels),
    }
    with publish.disk_errors(folder):
        folder.mkdir(parents=True)
        (folder / TENSORS).write_bytes(data)
        (folder / METRICS).write_bytes(metrics)
        (folder / STATE).write_text(json.dumps(description, indent=1), encoding="utf-8")
    manifest = publish.seal(folder)
    if manifest["files"][TENSORS]["sha256"] != hashlib.sha256(data).hexdigest():
        raise _refused(folder, "写入后内容不同", "its bytes changed while they were written")


def newest(checkpoints: Path, recipe: str) -> Checkpoint | None:
    """The newest checkpoint that verifies and belongs to the recipe.

    Args:
        checkpoints: The task's folder of checkpoints.
        recipe: Digest of the recipe.

    Returns:
        The checkpoint, with the reasons why newer ones were passed over; None when there is none at all.

    Raises:
        BrokenFileError: There are checkpoints, but not one of them can be used.
    """
    problems: list[Text] = []
    for path in reversed(listed(checkpoints)):
        try:
            found = read(path, recipe)
        except BrokenFileError as error:
            problems.append(error.text)
        else:
            return replace(found, problems=tuple(problems))
    if problems:
        zh, en = ("".join(t.zh for t in problems), " ".join(t.en for t in problems))
        raise BrokenFileError(
            Text(
                f"没有可用的检查点：{zh}请恢复一个检查点，或删除 {checkpoints} 后从头训练。",
                f"No checkpoint can be used: {en} Put one back, or remove {checkpoints} to train from the start.",
            ),
            path=str(checkpoints),
        )
    return None


def listed(checkpoints: Path) -> list[Path]:
    """All checkpoint folders, oldest first."""
    return sorted(p for p in checkpoints.glob("epoch-*") if p.is_dir())


def read(path: Path, recipe: str) -> Checkpoint:
    """Read one checkpoint after comparing every byte with its manifest.

    Raises:
        BrokenFileError: It is damaged, incomplete, of another form, or of another recipe.
    """
    if problems := publish.verify(path):
        raise _refused(path, problems[0].zh.rstrip("。"), problems[0].en.rstrip("."))
    try:
        description = json.loads((path / STATE).read_text(encoding="utf-8"))
        tensors = safetensors.torch.load((path / TENSORS).read_bytes())
        if description["format"] != FORMAT:
            raise _refused(path, "格式未知", "its format is unknown")
        if description["recipe"] != recipe:
            raise _refused(path, "它属于另一个配方", "it belongs to another recipe")
        best = description["best"]
        return Checkpoint(
            path=path,
            state=RunState(
                description["step"], description["epoch"], description["loss_sum"], Best(**best) if best else None
            ),
            place=Place(**description["place"]),
            tensors=tensors,
            param_groups=description["param_groups"],
            scaler=description.get("scaler", {}),  # older ones have none
            kernels=Kernels(**description.get("kernels", {})),
            metrics=(path / METRICS).read_bytes(),
        )
    except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
        raise _refused(path, f"无法读取（{error}）", f"it cannot be read ({error})") from error


def restore(checkpoint: Checkpoint, learner: Learner) -> None:
    """Put a checkpoint's tensors into a learner of the same shapes.

    Raises:
        BrokenFileError: The tensors do not fit.
    """
    states: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _section(checkpoint.tensors, "optimizer.").items():
        index, _, key = name.partition(".")
        states.setdefault(int(index), {})[key] = tensor
    try:
        learner.network.load_state_dict(_section(checkpoint.tensors, "network."))
        learner.optimizer.load_state_dict({"state": states, "param_groups": checkpoint.param_groups})
        _lay_out(learner.optimizer)
        if learner.average is not None:
            learner.average.load_state_dict(_section(checkpoint.tensors, "average."))
        if learner.scaler.is_enabled():
            learner.scaler.load_state_dict(checkpoint.scaler)
    except (RuntimeError, ValueError, KeyError) as error:
        raise _refused(checkpoint.path, f"与网络不符（{error}）", f"it does not fit the network ({error})") from error


def prune(checkpoints: Path, best: Best | None) -> None:
    """Remove all checkpoints but the newest `KEEP` and the best."""
    for path in listed(checkpoints)[:-KEEP]:
        if best is None or path.name != folder_name(best.epoch, best.step):
            _remove(path)


def remove_newer(checkpoints: Path, state: RunState) -> None:
    """Remove checkpoints after `state`: those that a resumed run passed over and will write again."""
    for path in listed(checkpoints):
        if path.name > folder_name(state.epoch, state.step):
            _remove(path)


def _remove(path: Path) -> None:
    """Take the name away first, so that nobody meets half a checkpoint."""
    hidden = path.with_name(publish.hidden_name(path.name, "removed"))
    path.replace(hidden)
    publish.remove(hidden)


def is_finite(network: nn.Module) -> bool:
    """Whether every number of a network is one."""
    tensors = (t for t in network.state_dict().values() if t.is_floating_point())
    return all(bool(torch.isfinite(t).all()) for t in tensors)


def _flatten(learner: Learner) -> dict[str, Tensor]:
    found = {f"network.{name}": tensor for name, tensor in learner.network.state_dict().items()}
    if learner.average is not None:
        found |= {f"average.{name}": tensor for name, tensor in learner.average.state_dict().items()}
    for index, entries in learner.optimizer.state_dict()["state"].items():
        found |= {f"optimizer.{index}.{key}": t for key, t in entries.items() if isinstance(t, Tensor)}
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in found.items()}


def _lay_out(optimizer: torch.optim.Optimizer) -> None:
    """Give the optimiser's state the layout of the weights, as it had when it was made."""
    for parameter, entries in optimizer.state.items():
        for key, value in entries.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                entries[key] = torch.empty_like(parameter, requires_grad=False).copy_(value)


def _section(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t.clone() for name, t in tensors.items() if name.startswith(prefix)}


def _refused(path: Path, zh: str, en: str) -> BrokenFileError:
    return BrokenFileError(
        Text(f"检查点 {path.name} 不可用：{zh}。", f"Checkpoint {path.name} is refused: {en}."), path=str(path)
    )
