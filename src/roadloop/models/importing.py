"""Turn a foreign weights file into a model file in `weights/`, which can be evaluated. Needs torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from roadloop.errors import InvalidValueError, NameTakenError, Text
from roadloop.labels.label_map import LabelMap
from roadloop.labels.table import ClassTable
from roadloop.models.files import Three, file_name, save_model
from roadloop.models.fit import MappingReport, Shapes, some
from roadloop.models.foreign import read_weights
from roadloop.models.load import copy_weights
from roadloop.networks.folder import NetworkInfo, digest, read_source
from roadloop.networks.load import load_source
from roadloop.storage import publish
from roadloop.storage.paths import check_name

EPOCH: Final = 1  #: of an imported file: it has no other


@dataclass(frozen=True)
class Meaning:
    """What the numbers of a foreign network mean, which its file does not say.

    Attributes:
        table: Its class table.
        label_map: Raw id -> output; outputs that it does not name are left out of the argmax.
        outputs: How many outputs the network has.
        mean: Subtracted from RGB in 0..1.
        std: Divides what is left.
        size: Height and width of the pictures it is usually given.
        settings: Keyword arguments of the network's `build`.
    """

    table: ClassTable
    label_map: LabelMap
    outputs: int
    mean: Three = (0.0, 0.0, 0.0)
    std: Three = (1.0, 1.0, 1.0)
    size: tuple[int, int] = (512, 512)
    settings: Mapping[str, Any] = field(default_factory=dict)


def import_weights(
    file: Path, network: NetworkInfo, meaning: Meaning, folder: Path, name: str
) -> tuple[Path, MappingReport]:
    """Write `<name>_ep-0001.params` and its `.json`, whole or not at all.

    Args:
        file: `.params`, `.safetensors` or a torch file.
        network: Whose code the tensors are for.
        meaning: What goes in and comes out.
        folder: The workspace's `weights/`.
        name: Begins the file names.

    Returns:
        The `.params`, and what became of each tensor; the `.json` keeps it under `training`.

    Raises:
        NotFoundError: The file or the network's code is missing.
        BrokenFileError: The file is damaged, or holds more than tensors.
        NameTakenError: There is such a file already.
        InvalidValueError: The label map has more classes than the network outputs; or the file lacks tensors of the
            network, or has them in other shapes.
        JobError: The network's code fails.
    """
    target = folder / file_name(check_name(name, "name"), EPOCH)
    if target.exists():
        raise NameTakenError(
            Text(f"{target.name} 已存在；请换一个 --name。", f"{target.name} is there already; choose another --name.")
        )
    if meaning.label_map.num_classes > meaning.outputs:
        raise _too_many_classes(meaning)
    source = read_source(network.folder)
    module = load_source(source, meaning.outputs, meaning.settings, file=str(network.folder))
    arrays = read_weights(file)
    report = copy_weights(arrays, module)
    if not report.whole:
        shapes = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
        raise _incomplete(file, report, shapes, {name: array.shape for name, array in arrays.items()})
    description = {
        "task": name,
        "network": {
            "name": network.name,
            "digest": digest(source),
            "settings": dict(meaning.settings),
            "source": source,
        },
        "num_classes": meaning.outputs,
        "classes": [c._asdict() for c in meaning.label_map.classes(meaning.table)],
        "class_table": meaning.table.to_rows(),
        "label_map": meaning.label_map.to_json(),
        "normalisation": {"mean": meaning.mean, "std": meaning.std},
        "input": {"crop": meaning.size, "size": meaning.size},
        "training": {"imported": file.name, "sha256": publish.sha256_file(file), "mapping": report.to_json()},
    }
    for scratch, path in save_model(folder, name, EPOCH, module.state_dict(), description):
        publish.move(scratch, path)
    return target, report


def _too_many_classes(meaning: Meaning) -> InvalidValueError:
    table, classes, outputs = meaning.table.name, meaning.label_map.num_classes, meaning.outputs
    return InvalidValueError(
        Text(
            f"网络有 {outputs} 个输出（--outputs），而类别表 {table} 的标签映射有 {classes} 个类别，输出不够。"
            "请用 --classes 给出训练这些权重所用的类别表，或用 --map 给出标签映射。",
            f"The network has {outputs} outputs (--outputs), too few for the {classes} classes that the label map of the"
            f" class table {table} has. Give the class table that the weights were trained with by --classes, or the"
            " label map by --map.",
        ),
        parameter="classes",
    )


def _incomplete(file: Path, report: MappingReport, network: Shapes, tensors: Shapes) -> InvalidValueError:
    lacking = [
        *(f"{name} {list(network[name])}" for name in report.missing),
        *(f"{own} {list(ours)} ({list(theirs)})" for own, theirs, ours in report.skipped),
    ]
    rest = [f"{name} {list(tensors[name])}" for name in report.unused]
    return InvalidValueError(
        Text(
            f"{file.name} 缺少此网络的 {len(lacking)} 个张量（或形状不符）：{some(lacking, '无')}。文件中未用的有 {len(rest)} 个："
            f"{some(rest, '无')}。未写入任何文件。请检查 --network、--classes、--outputs 与 --settings；"
            "若只想从它开始训练，把它放进 weights/ 后用 /starttask 的 weights 选择即可。",
            f"{file.name} lacks {len(lacking)} tensors of this network, or has them in other shapes:"
            f" {some(lacking, 'none')}. Left over in the file are {len(rest)}: {some(rest, 'none')}. Nothing was written."
            " Check --network, --classes, --outputs and --settings; to begin a training from it, put it into weights/ and name it"
            " in /starttask.",
        ),
        missing=list(report.missing),
    )
