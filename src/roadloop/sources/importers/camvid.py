"""CamVid in the layout of the SegNet tutorial: `train/` and `trainannot/`, `val/` and `valannot/`, `test/`...

The labels are copied byte for byte: pixel = class, 0..10, and 11 = unlabelled. The folders are the official split.
Brostow et al., PRL 2009; Badrinarayanan, Kendall, Cipolla, PAMI 2017.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from roadloop.errors import InvalidValueError, Text
from roadloop.labels.table import IGNORE, ClassTable, LabelClass
from roadloop.sources.layout import SPLIT_NAMES
from roadloop.sources.writer import NewSample

TABLE: Final = ClassTable(
    "camvid",
    (
        LabelClass(0, "Sky", "天空", (128, 128, 128), 0),
        LabelClass(1, "Building", "建筑物", (128, 0, 0), 1),
        LabelClass(2, "Pole", "杆", (192, 192, 128), 2),
        LabelClass(3, "Road", "道路", (128, 64, 128), 3),
        LabelClass(4, "Pavement", "人行道", (60, 40, 222), 4),
        LabelClass(5, "Tree", "树木", (128, 128, 0), 5),
        LabelClass(6, "SignSymbol", "交通标志", (192, 128, 128), 6),
        LabelClass(7, "Fence", "围栏", (64, 64, 128), 7),
        LabelClass(8, "Car", "车辆", (64, 0, 128), 8),
        LabelClass(9, "Pedestrian", "行人", (64, 64, 0), 9),
        LabelClass(10, "Bicyclist", "骑车人", (0, 128, 192), 10),
        LabelClass(11, "Unlabelled", "未标注", (0, 0, 0), IGNORE),
    ),
)


class Found(NamedTuple):
    """A picture with its label, and the split whose folder it stands in."""

    split: str
    image: Path
    label: Path


def find(folder: Path) -> list[Found]:
    """The labelled pictures of a CamVid folder, in order.

    Raises:
        InvalidValueError: Not such a folder, or a picture has no label.
    """
    found = [
        Found(split, image, folder / f"{split}annot" / f"{image.stem}.png")
        for split in SPLIT_NAMES
        if (folder / f"{split}annot").is_dir()
        for image in sorted((folder / split).glob("*"))
        if image.suffix.lower() in {".jpg", ".jpeg", ".png"}
    ]
    if not found:
        raise InvalidValueError(
            Text(
                f"{folder} 不是 CamVid 目录：应有 train/ 与 trainannot/，val/ 与 valannot/",
                f"{folder} is not a CamVid folder: it should hold train/ and trainannot/, val/ and valannot/",
            ),
            folder=str(folder),
        )
    missing = [f.label for f in found if not f.label.is_file()]
    if missing:
        raise InvalidValueError(
            Text(
                f"{len(missing)} 张图片没有标注，例如缺少 {missing[0]}",
                f"{len(missing)} pictures have no label; for example {missing[0]} is missing",
            ),
            missing=len(missing),
        )
    return found


def read(found: list[Found]) -> Iterator[NewSample]:
    """Read what `find` found, one at a time; tracks follow from the file names."""
    for split, image, label in found:
        yield NewSample(split, image.stem, image.read_bytes(), label.read_bytes(), split=split)
