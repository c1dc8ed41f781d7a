"""Model files as torch modules, and start weights. Needs torch.

Loading a model runs the network's source that its `.json` carries: where it may run (`networks.trust`), and only in job
processes and the command line, never in the server. Start weights are tensors alone.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from roadloop.errors import BrokenFileError, InvalidValueError, Text, many
from roadloop.models.files import ModelFile, load_description, mismatch, read_state
from roadloop.models.fit import (
    MappingReport,
    Pairing,
    Parts,
    Problems,
    Shapes,
    fit,
    in_order,
    is_counter,
    problems,
    some,
)
from roadloop.models.foreign import read_weights
from roadloop.models.params import Arrays
from roadloop.networks.folder import AUXILIARY, CHECKPOINT
from roadloop.networks.load import default_settings, load_source
from roadloop.networks.names import Published
from roadloop.networks.trust import SHIPPED, Trust


def load_model(params_path: Path, trust: Trust = SHIPPED, sha256: str = "") -> tuple[nn.Module, ModelFile]:
    """Build the network of a model file and fill it: the one way to open a model.

    Args:
        params_path: The `.params` file; its `.json` stands beside it.
        trust: What may run.
        sha256: Of the file that was chosen; "" takes what stands there.

    Returns:
        The network on the CPU in evaluation mode, and the description.

    Raises:
        NotFoundError: One of the two files is missing.
        UntrustedCodeError: The network's source may not run here, or nothing where the file lies; nothing did.
        BrokenFileError: A sha256 differs, a file is not valid, or tensors and network do not fit together.
        JobError: The network's code fails.
    """
    record = load_description(params_path)
    if sha256 not in {"", record.params_sha256}:
        raise mismatch(params_path)
    trust.require(record.network.source, params_path)
    arrays = read_state(params_path, record)
    network = load_source(
        record.network.source,
        record.num_classes,
        {name: value for name, value in record.network.settings.items() if name != CHECKPOINT},
        file=f"<network.py of {params_path.name}>",
        trust=trust,
    )
    pairs, report = fit({name: array.shape for name, array in arrays.items()}, shapes_of(network))
    if not report.exact:
        shapes = [name for name, _, _ in (*report.skipped, *report.reshaped)]
        wrong = [*shapes, *(theirs for _, theirs in report.renamed), *report.missing, *report.unused]
        raise BrokenFileError(
            Text(
                f"{params_path.name} 与其网络不符：{len(wrong)} 个张量名称或形状不同，例如 {wrong[0]}。",
                f"{params_path.name} does not fit its network: {many(len(wrong), 'tensor differs', 'tensors differ')} in name or shape,"
                f" such as {wrong[0]}.",
            ),
            path=str(params_path),
        )
    copy_tensors(arrays, network, pairs)
    return network.eval(), record


@dataclass(frozen=True)
class Blueprint:
    """What a network was built from, which tells what its tensors are for.

    Attributes:
        source: Text of its `network.py`.
        outputs: Number of classes.
        settings: Keyword arguments of its `build`.
        published: What published weights call its tensors.
        file: Where the source comes from, for messages.
        trust: What may run.
    """

    source: str
    outputs: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    published: tuple[Published, ...] = ()
    file: str = "<network.py>"
    trust: Trust = SHIPPED

    def build(self) -> nn.Module:
        """The network, its values fresh from torch's generator.

        Raises:
            JobError: Its code fails.
        """
        return load_source(self.source, self.outputs, self.settings, file=self.file, trust=self.trust)

    def parts(self) -> Parts:
        """Which of its tensors are the classifier's, and which heads' that only training needs: found by building others.

        Raises:
            JobError: Its code fails.
        """
        plain = {name: value for name, value in self.settings.items() if name != CHECKPOINT}
        one = replace(self, settings=plain)
        own, more = one.shapes(), replace(one, outputs=self.outputs + 1).shapes()
        outputs = frozenset(name for name, shape in own.items() if more.get(name) != shape)
        if AUXILIARY not in self.defaults():
            return Parts(outputs)
        without, heads = (replace(one, settings=plain | {AUXILIARY: wanted}).shapes() for wanted in (False, True))
        return Parts(outputs, {name: shape for name, shape in heads.items() if name not in without})

    def defaults(self) -> dict[str, Any]:
        """Settings that nobody gave."""
        return default_settings(self.source, file=self.file, trust=self.trust)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name -> shape of its tensors; torch's generator is left as it is."""
        with torch.random.fork_rng(devices=[]):
            return shapes_of(self.build())

    def wanted(self, whose: Published) -> dict[str, Any]:
        """The settings that published weights need and that this network does not have."""
        used = self.defaults() | dict(self.settings) if whose.settings else {}
        return {name: value for name, value in whose.settings.items() if used.get(name) != value}


def load_start_weights(
    path: Path, network: nn.Module, blueprint: Blueprint, pairing: Pairing = "names"
) -> MappingReport:
    """Copy the tensors of a weights file into a network.

    Args:
        path: A `.params`, `.safetensors` or torch file.
        network: Changed in place; what does not fit keeps its values.
        blueprint: What it was built from.
        pairing: `names` and `order` take the file wholly (a classifier of another number of classes and heads that only
            training needs begin anew), or not at all; `part` takes by name what fits.

    Raises:
        NotFoundError: The file is missing.
        BrokenFileError: It is damaged, or holds more than tensors.
        InvalidValueError: A tensor finds no place, of either side, and is named; or the weights are of a network with
            other settings (`part` takes them nevertheless); or values are no trained network's. Nothing was copied.
    """
    arrays = read_weights(path)
    file, own = {name: array.shape for name, array in arrays.items()}, shapes_of(network)
    if pairing == "order":
        parts = blueprint.parts()
        pairs, report = fit(file, own, order=parts)
    else:
        pairs, report = fit(file, own, blueprint.published)
    whose = next((p for p in blueprint.published if p.name == report.published), None)
    if whose and pairing != "part" and (wanted := blueprint.wanted(whose)):
        raise _other_settings(path, whose, wanted)
    if not report.whole and (pairing != "part" or report.nothing):
        parts = blueprint.parts()
        found = problems(report, file, own, parts, whose.without if whose else ())
        if found:
            raise refused(path, found, _start_cure(in_order(file, own, parts), file, pairing))
    check_values(path, arrays, pairs)
    copy_tensors(arrays, network, pairs)
    return report


def shapes_of(network: nn.Module) -> dict[str, tuple[int, ...]]:
    """Name -> shape of a network's state dict, in its order."""
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


@torch.no_grad()
def copy_tensors(arrays: Arrays, network: nn.Module, pairs: Mapping[str, str]) -> None:
    """Copy tensors of a file into a network, which is changed in place: name in the network -> name in the file."""
    state: dict[str, Tensor] = network.state_dict()
    for own, theirs in pairs.items():
        state[own].copy_(torch.from_numpy(arrays[theirs]).reshape(state[own].shape))


def check_values(path: Path, arrays: Arrays, pairs: Mapping[str, str]) -> None:
    """Refuse values that no trained network has.

    Raises:
        InvalidValueError: A tensor holds NaN or infinity, whole numbers as quantised weights do, or a negative variance.
    """
    for own, theirs in pairs.items():
        array = arrays[theirs]
        zh, en = "", ""
        if is_counter(own):
            continue
        if array.dtype.kind != "f":
            zh, en = f"是 {array.dtype}，可能是量化后的权重", f"is {array.dtype}, as quantised weights are"
        elif not np.isfinite(array).all():
            zh, en = "含有 NaN 或无穷大", "holds NaN or infinity"
        elif own.endswith("running_var") and (array < 0).any():
            zh, en = "是方差，却含有负数", "is a variance, but holds negative numbers"
        if en:
            raise InvalidValueError(
                Text(
                    f"{path.name} 的张量 {theirs} {zh}，未采用任何张量；请换一个文件，或以浮点数重新保存训练好的权重。",
                    f"The tensor {theirs} of {path.name} {en}, so nothing was taken; choose another file, or save the trained"
                    " weights again as floating-point numbers.",
                ),
                parameter="weights",
            )


def refused(path: Path, found: Problems, cure: Text) -> InvalidValueError:
    """The refusal of a file of which a tensor finds no place."""
    return InvalidValueError(
        Text(
            f"{path.name} 与此网络不能完整对应，未采用任何张量：网络的 {len(found.lacking)} 个张量在文件中没有（或形状不同）："
            f"{some(found.lacking, '无')}；文件中 {len(found.left)} 个张量在网络中没有位置：{some(found.left, '无')}。{cure.zh}",
            f"{path.name} does not fit this network wholly, so nothing of it was taken: {many(len(found.lacking), 'tensor of the network is', 'tensors of the network are')}"
            f" not in the file, or of another shape there: {some(found.lacking, 'none')};"
            f" {len(found.left)} of the file have no place in the network: {some(found.left, 'none')}. {cure.en}",
        ),
        parameter="weights",
    )


def _start_cure(ordered: Mapping[str, str], file: Shapes, pairing: Pairing) -> Text:
    zh = "请换一个文件或改用相符的网络设置（network_settings）"
    en = "Choose another file, or the network and network_settings that it belongs to"
    if pairing == "names" and len(ordered) == sum(not is_counter(name) for name in file):
        zh = f"{zh}；若两边的层顺序确实相同，可设 weights_pairing=order 按顺序对应"
        en = f"{en}; where both have their layers in the same order, weights_pairing=order pairs them so"
    return Text(
        f"{zh}；或设 weights_pairing=part，只取名称与形状都相符的张量。",
        f"{en}; weights_pairing=part takes by name what fits.",
    )


def _other_settings(path: Path, whose: Published, wanted: Mapping[str, Any]) -> InvalidValueError:
    text = json.dumps(wanted)
    return InvalidValueError(
        Text(
            f"{path.name} 是 {whose.name} 的权重，其网络的设置与本任务不同，未采用。请在 train_con 的 network_settings 中加入 {text}，"
            "或换一个文件。",
            f"{path.name} holds weights of {whose.name}, whose network has other settings than this task's; nothing was"
            f" taken. Add {text} to network_settings in train_con, or choose another file.",
        ),
        parameter="weights",
        settings=dict(wanted),
    )
