"""Model files as torch modules, and start weights. Needs torch.

Loading a model runs the network's source that its `.json` carries: only in job processes and the command line, never
in the server.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from roadloop.errors import BrokenFileError, InvalidValueError, Text
from roadloop.models.files import ModelFile, load_description, read_state
from roadloop.models.fit import SHOWN, MappingReport, fit
from roadloop.models.foreign import read_weights
from roadloop.models.params import Arrays
from roadloop.networks.folder import CHECKPOINT
from roadloop.networks.load import load_source


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
    report = copy_weights(arrays, network)
    if not report.exact:
        shapes = [name for name, _, _ in (*report.skipped, *report.reshaped)]
        wrong = [*shapes, *(theirs for _, theirs in report.renamed), *report.missing, *report.unused]
        raise BrokenFileError(
            Text(
                f"{params_path.name} 与其网络不符：{len(wrong)} 个张量名称或形状不同，例如 {wrong[0]}。",
                f"{params_path.name} does not fit its network: {len(wrong)} tensors differ in name or shape,"
                f" such as {wrong[0]}.",
            ),
            path=str(params_path),
        )
    return network.eval(), record


def load_start_weights(path: Path, network: nn.Module) -> MappingReport:
    """Copy the tensors of a weights file into a network where they fit: by name, else by shape in order.

    Args:
        path: A `.params`, `.safetensors` or torch file.
        network: Changed in place; what does not fit keeps its values.

    Raises:
        NotFoundError: The file is missing.
        BrokenFileError: It is damaged, or holds more than tensors.
        InvalidValueError: Not one tensor fits; names some of both sides.
    """
    arrays = read_weights(path)
    report = copy_weights(arrays, network)
    if report.nothing:
        theirs = _list({name: array.shape for name, array in arrays.items()})
        ours = _list({name: tuple(value.shape) for name, value in network.state_dict().items()})
        raise InvalidValueError(
            Text(
                f"{path.name} 中没有任何张量适合此网络（名称、形状与顺序都不符）；文件中有 {theirs}；网络需要 {ours}。"
                "请在 weights 中换一个文件，或清空它从头训练。",
                f"Not one tensor of {path.name} fits this network by name and shape, nor by shape in order: the file"
                f" has {theirs}; the network needs {ours}. Choose another file in `weights`, or empty it to train"
                " from scratch.",
            ),
            parameter="weights",
        )
    return report


@torch.no_grad()
def copy_weights(arrays: Arrays, network: nn.Module) -> MappingReport:
    """Copy what fits into a network, which is changed in place, and say what became of the rest."""
    state: dict[str, Tensor] = network.state_dict()
    pairs, report = fit(
        {name: array.shape for name, array in arrays.items()},
        {name: tuple(value.shape) for name, value in state.items()},
    )
    for own, theirs in pairs.items():
        state[own].copy_(torch.from_numpy(arrays[theirs]).reshape(state[own].shape))
    return report


def _list(shapes: dict[str, tuple[int, ...]]) -> str:
    """Names and shapes of the first tensors."""
    more = " ..." if len(shapes) > SHOWN else ""
    return ", ".join(f"{name} {list(shape)}" for name, shape in list(shapes.items())[:SHOWN]) + more
