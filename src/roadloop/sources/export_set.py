"""Write a source set in another layout, so that other programs can read it and an import brings back the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from roadloop.errors import ConflictError, InvalidValueError, NotFoundError, Text, many
from roadloop.labels.table import format_csv
from roadloop.sources.ahead import read_ahead
from roadloop.sources.check import Checked, check_sample
from roadloop.sources.exporters.folder import Folder, Picture, Placed
from roadloop.sources.exporters.layouts import EXPORTERS
from roadloop.sources.exporters.proof import Exported, prove
from roadloop.sources.layout import CLASSES, SPLIT_NAMES, SPLITS, Problem, Sample
from roadloop.sources.manifest import MANIFEST, Row, format_manifest, read_manifest
from roadloop.sources.service import SourceSet, read_splits, scan
from roadloop.storage import publish

_OWN: Final = dict.fromkeys(("origin", "image_sha256", "label_sha256", "image", "label", "label_kind"), "")


@dataclass(frozen=True)
class Export:
    """What became of a source set's files.

    Attributes:
        pictures: How many were exported.
        problems: Files that were left out.
        notes: What the user should know.
    """

    pictures: int
    problems: tuple[Problem, ...]
    notes: tuple[Text, ...]


def export_set(
    source: SourceSet,
    layout: str,
    out: Path,
    *,
    link: bool,
    max_pixels: int,
    progress: Callable[[int, int], None],
) -> Export:
    """Write a set into a new folder, whole or not at all.

    Beside what the layout has of its own stand `classes.csv`, `manifest.csv` and `splits/` as in a source set: no other
    layout can say all that they say. Importing the folder gives the same pixels, classes and splits. Only a class for
    255 may be new, where labels of colours need one; `notes` says so.

    Args:
        source: The set.
        layout: One of `EXPORTERS`.
        out: The folder to be made.
        link: Hard links instead of copies of the pictures, where the file system allows it.
        max_pixels: Larger pictures are left out.
        progress: Called with pictures done and in all.

    Raises:
        InvalidValueError: No such layout, or a name that means something else in it; nothing is written then.
        ConflictError: `out` is there already, or lies in the set.
        NotFoundError: The set has no labelled picture.
        LabelMapError: The layout holds colours, and two classes share one.
        DiskFullError: No space is left.
    """
    _check(source, layout, out)
    found = scan(source)
    splits = read_splits(source) if source.has_splits() else {}
    problems, exported = found.problems, dict[str, tuple[Placed, str]]()

    def read(sample: Sample) -> tuple[Sample, Checked | Problem]:
        return sample, check_sample(sample, source.table, max_pixels)

    with publish.publishing_folder(out) as scratch:
        folder = Folder(scratch, source.table, link=link)
        exporter = EXPORTERS[layout](folder)
        stored = any(sample.stored for sample in found.samples)
        for number, (sample, checked) in enumerate(read_ahead(read, found.samples, stored=stored), 1):
            if isinstance(checked, Problem):
                problems.append(checked)
            else:
                picture = _picture(sample, checked, splits.get(sample.key, ""))
                if picture.ending == ".png":
                    folder.need_ignore(picture.ids)  # a source set keeps its label in colours
                exported[sample.key] = exporter.add(picture), picture.split
            progress(number, len(found.samples))
        exporter.finish()
        _describe(source, folder, exported, lost=len(splits.keys() - exported.keys()))
        if not exported:
            raise _empty(source, problems)
        notes = prove(scratch, layout, exported, folder.table)
    return Export(len(exported), tuple(problems), (*folder.notes, *notes))


def _picture(sample: Sample, checked: Checked, split: str) -> Picture:
    ending = ".jpg" if checked.image_format == "jpeg" else ".png"
    return Picture(sample.package, sample.stem, ending, split, sample.image, checked.image, checked.ids)


def _describe(source: SourceSet, folder: Folder, exported: Exported, lost: int) -> None:
    """Write what a source set says of itself, and note what the user should know; `lost` are listed, but not exported."""
    folder.put(CLASSES, format_csv(folder.table).encode())
    for split in SPLIT_NAMES if any(split for _, split in exported.values()) else ():
        keys = sorted(key for key, (_, own) in exported.items() if own == split)
        folder.put(f"{SPLITS}/{split}.txt", "".join(f"{key}\n" for key in keys).encode())
    rows = read_manifest(source.path)
    kept = [rows.get(key, Row(*key.split("/", 1)))._replace(**_OWN) for key in exported]
    folder.put(MANIFEST, format_manifest(kept))
    if folder.table is not source.table:
        folder.notes.append(_IGNORE)
    names = [c.name_en for c in source.table.classes]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        some = ", ".join(twice)
        folder.notes.append(
            Text(
                f"这些英文名称出现多次：{some}。roadloop 按编号区分；只认名称的程序会把它们混为一类",
                f"These English names occur twice: {some}. roadloop tells them apart by id; programs that know names alone"
                " mix them",
            )
        )
    if lost:
        folder.notes.append(
            Text(
                f"划分列表中有 {lost} 张图片没有导出，未写入列表",
                f"{many(lost, 'picture')} of the split lists were not exported, and are not in the lists",
            )
        )


def _check(source: SourceSet, layout: str, out: Path) -> None:
    if layout not in EXPORTERS:
        known = ", ".join(EXPORTERS)
        raise InvalidValueError(
            Text(f"没有布局 {layout}；可用：{known}", f"There is no layout {layout}; there are {known}"),
            parameter="layout",
        )
    if out.exists() or out.is_symlink():
        raise ConflictError(Text(f"{out} 已存在，请换一个 --out", f"{out} is there already; choose another --out"))
    if out.resolve().is_relative_to(source.path):
        raise ConflictError(
            Text(
                f"{out} 在源数据 {source.name} 之内，会成为它的一部分；请换一个 --out",
                f"{out} lies in the source set {source.name} and would become a part of it; choose another --out",
            )
        )


def _empty(source: SourceSet, problems: Sequence[Problem]) -> NotFoundError:
    first = problems[0] if problems else None
    zh = f"；例如 {first.file}：{first.reason.zh}" if first else ""
    en = f"; for example {first.file}: {first.reason.en}" if first else ""
    return NotFoundError(
        Text(
            f"源数据 {source.name} 没有可用的带标注图片，未导出{zh}",
            f"The source set {source.name} has no good picture with a label, so nothing was exported{en}",
        ),
        name=source.name,
    )


_IGNORE: Final = Text(
    "标注中有 255（忽略），而类别表没有它：彩色标注需要颜色，因此导出的 classes.csv 多了一行 255 ignore",
    "Labels have 255 (ignore), which the class table does not name: labels of colours need one for it, so the exported"
    " classes.csv has a line more, 255 ignore",
)
