"""Model files as torch modules, and start weights. Needs torch.

Loading a model runs the network's source that its `.json` carries: only in job processes and the command line, never
in the server.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from roadloop.errors import BrokenFileError, InvalidValueError, NotFoundError, Text
from roadloop.models.files import (
    ModelFile,
    description_path,
    load_description,
    read_state,
    torch_names,
)
from roadloop.models.params import Arrays, read_params
from roadloop.networks.folder import CHECKPOINT
from roadloop.networks.load import load_source


@dataclass(frozen=True)
class StartReport:
    """What became of the tensors of a start weights file and of the network.

    Attributes:
        taken: Names whose values were copied.
        skipped: (name, shape in the file, shape in the network) where the shapes differ.
        missing: Names that only the network has; their values stay as they were.
        unused: Names that only the file has.
    """

    taken: tuple[str, ...]
    skipped: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]

    def text(self) -> Text:
        """One sentence for people."""
        names = ", ".join(f"{name} {list(a)}/{list(b)}" for name, a, b in self.skipped[:8])
        return Text(
            f"初始权重：采用 {len(self.taken)} 个张量，形状不符 {len(self.skipped)} 个（{names or '无'}），"
            f"文件缺少 {len(self.missing)} 个，未用 {len(self.unused)} 个。",
            f"Start weights: {len(self.taken)} tensors taken, {len(self.skipped)} of another shape"
            f" ({names or 'none'}), {len(self.missing)} missing, {len(self.unused)} unused.",
        )


def load_model(params_path: Path) -> tuple[nn.Module, ModelFile]:
    """Build the network of a model file and fill it.

    Args:
        params_path: The `.params` file; its `.json` stands beside it.

    Returns:
        The network on the CPU in evaluation mode, and the description.

    Raises:
        NotFoundError: One of the two files is missing.
        BrokenFileError: The sha256 differs, a file is not valid, or tensors and network do not fit together.
        JobError: The network's code fails.
    """
    record = load_description(params_path)
    arrays = read_state(params_path, record)
    network = load_source(
        record.network.source,
        record.num_classes,
        {name: value for name, value in record.network.settings.items() if name != CHECKPOINT},
        file=f"<network.py of {params_path.name}>",
    )
    report = _copy(arrays, network)
    if report.skipped or report.missing or report.unused:
        wrong = [name for name, _, _ in report.skipped] + [*report.missing, *report.unused]
        raise BrokenFileError(
            Text(
                f"{params_path.name} 与其网络不符：{len(wrong)} 个张量名称或形状不同，例如 {wrong[0]}。",
                f"{params_path.name} does not fit its network: {len(wrong)} tensors differ in name or shape,"
                f" such as {wrong[0]}.",
            ),
            path=str(params_path),
        )
    return network.eval(), record


def load_start_weights(path: Path, network: nn.Module) -> StartReport:
    """Copy the tensors of a `.params` file into a network where name and shape fit.

    Args:
        path: A `.params` file. A `.json` beside it is checked, but not needed.
        network: Changed in place; what does not fit keeps its values.

    Raises:
        NotFoundError: The file is missing.
        BrokenFileError: It is damaged.
        InvalidValueError: Not one tensor fits.
    """
    if description_path(path).is_file():
        arrays = read_state(path, load_description(path))
    elif path.is_file():
        arrays = torch_names(read_params(path.read_bytes()))
    else:
        raise NotFoundError(
            Text(f"找不到权重文件 {path.name}。", f"The weights file {path.name} is missing."), path=str(path)
        )
    report = _copy(arrays, network)
    if not any(not name.endswith("num_batches_tracked") for name in report.taken):
        raise InvalidValueError(
            Text(
                f"{path.name} 中没有任何张量适合此网络（名称与形状都要一致）；请换一个权重文件，或从头训练。",
                f"Not one tensor of {path.name} fits this network by name and shape;"
                " choose another file, or train from scratch.",
            ),
            parameter="weights",
        )
    return report


@torch.no_grad()
def _copy(arrays: Arrays, network: nn.Module) -> StartReport:
    state: dict[str, Tensor] = network.state_dict()
    taken, skipped = [], []
    for name, array in arrays.items():
        if name not in state:
            continue
        own = state[name]
        values = torch.from_numpy(array)
        if own.ndim == 0 and array.shape == (1,):
            values = values[0]
        if values.shape != own.shape:
            skipped.append((name, tuple(array.shape), tuple(own.shape)))
            continue
        own.copy_(values)
        taken.append(name)
    return StartReport(
        tuple(taken),
        tuple(skipped),
        tuple(name for name in state if name not in arrays),
        tuple(name for name in arrays if name not in state),
    )
