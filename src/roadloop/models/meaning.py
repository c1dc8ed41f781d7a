"""What the numbers of a foreign network mean: as somebody says, else as its file says, else as its network usually has it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from roadloop.errors import InvalidValueError, Text, many
from roadloop.labels.label_map import LabelMap, default_map
from roadloop.labels.table import ClassTable
from roadloop.models.about import About, Said
from roadloop.networks.folder import DATA, read_defaults
from roadloop.networks.names import Published, Three

SIZE: Final = (512, 512)
NONE: Final[tuple[Three, Three]] = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
_GIVEN: Final = Text("由选项给出", "as the options say")
_OWN: Final = Text("由文件自带", "as the file says")
_ASSUMED: Final = Text("文件未说明，暂且如此假定", "assumed: the file does not say")


@dataclass(frozen=True)
class Given(Said):
    """What somebody says about a file, and `by_order`: whether its tensors are to be paired in their order."""

    by_order: bool = False


@dataclass(frozen=True)
class Meaning:
    """What goes into a network and what comes out.

    Attributes:
        table: Its class table.
        label_map: Raw id -> output.
        outputs: How many outputs it has.
        mean: Subtracted from RGB in 0..1.
        std: Divides what is left.
        size: Height and width of the pictures that it is usually given.
        crop: Height and width of what it saw while training.
        predict_ignored: Whether outputs without a class take part in the argmax.
        of_classes: From where the classes are known.
        of_numbers: From where the normalisation is known.
        of_size: From where the size is known.
    """

    table: ClassTable
    label_map: LabelMap
    outputs: int
    mean: Three
    std: Three
    size: tuple[int, int]
    crop: tuple[int, int]
    predict_ignored: bool
    of_classes: Text
    of_numbers: Text
    of_size: Text

    def of_published(self, whose: Published) -> "Meaning":
        """The same with the normalisation of published weights, where neither anybody nor the file says another."""
        if self.of_numbers in {_GIVEN, _OWN} or whose.mean is None or whose.std is None:
            return self
        known = Text(f"{whose.name} 的作者如此", f"as the authors of {whose.name} have it")
        return replace(self, mean=whose.mean, std=whose.std, of_numbers=known)

    def lines(self) -> list[Text]:
        """What is taken, and from where, for people."""
        names = [Text(c.name_zh, c.name_en) for c in self.label_map.classes(self.table)]
        mean, std = (",".join(f"{v:g}" for v in three) for three in (self.mean, self.std))
        height, width = self.size
        void = self.outputs - len(names)
        left = (
            Text("参与取最大值（255）", "take part as 255") if self.predict_ignored else Text("不参与", "are left out")
        )
        return [
            Text(
                f"类别（{self.of_classes.zh}）：{self.outputs} 个输出，{len(names)} 个类别：{'、'.join(n.zh for n in names)}；"
                f"其余 {void} 个输出{left.zh}。",
                f"Classes ({self.of_classes.en}): {many(self.outputs, 'output')}, {many(len(names), 'class', 'classes')}:"
                f" {', '.join(n.en for n in names)}; the other {void} {left.en}.",
            ),
            Text(
                f"归一化（{self.of_numbers.zh}）：RGB，mean {mean}，std {std}。",
                f"Normalisation ({self.of_numbers.en}): RGB, mean {mean}, std {std}.",
            ),
            Text(f"图片尺寸（{self.of_size.zh}）：{width}x{height}。", f"Size ({self.of_size.en}): {width}x{height}."),
        ]


def meaning_of(about: About, given: Given, network: Path, file: str) -> Meaning:
    """What a file's numbers mean.

    Args:
        about: What the file says.
        given: What somebody says; it wins.
        network: Folder of the network, whose `data.json` has its usual normalisation.
        file: Name of the file, for messages.

    Raises:
        InvalidValueError: Nobody says what the outputs mean, or there are more classes than outputs.
    """
    table, label_map = given.table or about.table, given.label_map or about.label_map
    if table is None:
        raise _unknown(file)
    if given.table is not None and given.label_map is None:
        label_map = None
    label_map = label_map or default_map(table)
    outputs = given.outputs or about.outputs or label_map.num_classes
    if label_map.num_classes > outputs:
        raise _too_many_classes(table, label_map.num_classes, outputs)
    (mean, std), numbers = _normalisation(about, given, network)
    size = given.size or about.size
    return Meaning(
        table,
        label_map,
        outputs,
        mean,
        std,
        size or SIZE,
        about.crop or size or SIZE,
        given.predict_ignored or about.predict_ignored,
        _GIVEN if given.table or given.label_map else _OWN,
        numbers,
        _GIVEN if given.size else _OWN if size else _ASSUMED,
    )


def _normalisation(about: About, given: Given, network: Path) -> tuple[tuple[Three, Three], Text]:
    """Mean and deviation, and from where they are known; each that is given wins for itself."""
    usual = read_defaults(network, DATA)
    if about.mean and about.std:
        (mean, std), known = (about.mean, about.std), _OWN
    elif "mean" in usual and "std" in usual:
        mean, std = (_three(usual[name]) for name in ("mean", "std"))
        known = Text("网络模板通常如此（data.json）", "as its network usually has it (data.json)")
    else:
        (mean, std), known = NONE, Text("未知，假定没有归一化", "no normalisation known; none is assumed")
    return (given.mean or mean, given.std or std), _GIVEN if given.mean or given.std else known


def _three(values: Any) -> Three:
    first, second, third = (float(v) for v in values)
    return first, second, third


def _unknown(file: str) -> InvalidValueError:
    return InvalidValueError(
        Text(
            f"{file} 没有说明各输出的含义。请用 --classes 给出训练它所用的类别表，需要时用 --map 给出标签映射。",
            f"{file} does not say what its outputs mean. Give the class table that it was trained with by --classes, and the"
            " label map by --map where it has another one.",
        ),
        parameter="classes",
    )


def _too_many_classes(table: ClassTable, classes: int, outputs: int) -> InvalidValueError:
    return InvalidValueError(
        Text(
            f"网络有 {outputs} 个输出（--outputs），而类别表 {table.name} 的标签映射有 {classes} 个类别，输出不够。"
            "请用 --classes 给出训练这些权重所用的类别表，或用 --map 给出标签映射。",
            f"The network has {many(outputs, 'output')} (--outputs), too few for the {many(classes, 'class', 'classes')} that the label map of the"
            f" class table {table.name} has. Give the class table that the weights were trained with by --classes, or the"
            " label map by --map.",
        ),
        parameter="classes",
    )
