"""Which layout a folder has: the first whose reader finds labelled pictures, or the one that was named."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from roadloop.errors import JobError, Text
from roadloop.sources.importers import (
    apolloscape,
    bdd,
    camvid,
    cityscapes,
    coco,
    cvat_xml,
    label_studio,
    labelme,
    mapillary,
    pairs,
    voc,
)
from roadloop.sources.importers.beside import read_beside
from roadloop.sources.importers.found import Fate, Found, Line
from roadloop.sources.importers.tree import Tree

AUTO: Final = "auto"


def _none(_tree: Tree) -> Collection[str]:
    return ()


class Layout(NamedTuple):
    """A layout that imports know.

    Attributes:
        find: Its reader; None when the folder is another.
        signs: What decides that a folder has it.
        documents: The files that could be no other layout's.
    """

    find: Callable[[Tree], Found | None]
    signs: Text
    documents: Callable[[Tree], Collection[str]] = _none


#: Layouts by name, the most particular first; masks before the documents that masks are often made from.
LAYOUTS: Final[Mapping[str, Layout]] = {
    "mapillary": Layout(
        mapillary.find,
        Text(
            "有 images/ 与 labels/ 或 v2.0/labels/，以及 config.json 或 config_v2.0.json",
            "images/ with labels/ or v2.0/labels/, and config.json or config_v2.0.json",
        ),
    ),
    "label-studio": Layout(label_studio.find, Text("有 Label Studio 导出的 JSON", "a JSON that Label Studio exported")),
    "coco": Layout(
        coco.find, Text("有含 images 与 categories 的 JSON", "a JSON with images and categories"), coco.documents
    ),
    "cityscapes": Layout(
        cityscapes.finder("cityscapes"),
        Text("文件名含 _leftImg8bit 与 _labelIds", "names with _leftImg8bit and _labelIds"),
    ),
    "cityscapes-train-ids": Layout(
        cityscapes.finder("cityscapes-train-ids"),
        Text("文件名含 _leftImg8bit 与 _labelTrainIds", "names with _leftImg8bit and _labelTrainIds"),
    ),
    "idd": Layout(
        cityscapes.finder("idd"),
        Text("文件名含 _leftImg8bit 与 _labelids（小写）", "names with _leftImg8bit and _labelids, in lower case"),
    ),
    "idd-level3": Layout(
        cityscapes.finder("idd-level3"),
        Text("文件名含 _leftImg8bit 与 _labellevel3Ids", "names with _leftImg8bit and _labellevel3Ids"),
    ),
    "bdd100k": Layout(
        bdd.find,
        Text(
            "有 images/10k/ 与 labels/sem_seg/masks/，或文件名含 _train_id",
            "images/10k/ with labels/sem_seg/masks/, or labels called ..._train_id",
        ),
    ),
    "apolloscape": Layout(
        apolloscape.find_scene,
        Text("有 ColorImage/ 与 Label/ 中的 X_bin.png", "ColorImage/, and Label/ with X_bin.png"),
    ),
    "apolloscape-lane": Layout(
        apolloscape.find_lanes,
        Text(
            "有 ColorImage_<道路>/ 与 Labels_<道路>/ 中的 X_bin.png，或目录名以 _lane 结尾",
            "ColorImage_<road>/, and Labels_<road>/ with X_bin.png, or folders called ..._lane",
        ),
    ),
    "cvat": Layout(voc.find_cvat, Text("有 labelmap.txt 与 SegmentationClass/", "labelmap.txt and SegmentationClass/")),
    "voc": Layout(voc.find, Text("有 JPEGImages/ 与 SegmentationClass/", "JPEGImages/ and SegmentationClass/")),
    "camvid": Layout(camvid.find_tree, Text("有 <目录>annot/ 或 X_L.png", "folders called ...annot/, or X_L.png")),
    "pairs": Layout(pairs.find, Text("图片与同名标注成对", "pictures with labels of their names")),
    "cvat-xml": Layout(
        cvat_xml.find,
        Text("有 CVAT for images 导出的 annotations.xml", "CVAT's annotations.xml, 'CVAT for images'"),
        cvat_xml.documents,
    ),
    "labelme": Layout(
        labelme.find,
        Text("每张图片有一个含 shapes 与 imagePath 的 JSON", "for each picture a JSON with shapes and imagePath"),
        labelme.documents,
    ),
}


def recognise(tree: Tree, layout: str = AUTO) -> tuple[str, Found]:
    """The layout of a folder and what its reader found; `pairs` when no other fits.

    Args:
        tree: The listed folder.
        layout: One of `LAYOUTS`, or `auto`.

    Raises:
        JobError: The folder does not have the layout that was named.
    """
    name, found = _first(tree) if layout == AUTO else (layout, LAYOUTS[layout].find(tree))
    if found is None:
        raise JobError(
            Text(
                f"目录 {tree.root.name} 不是 {layout} 布局（应{LAYOUTS[layout].signs.zh}）；请改用 layout=auto 或其他布局："
                f"{', '.join(LAYOUTS)}",
                f"The folder {tree.root.name} does not have the layout {layout} ({LAYOUTS[layout].signs.en}); use"
                f" layout=auto or another: {', '.join(LAYOUTS)}",
            ),
            layout=layout,
        )
    found = read_beside(tree, found)
    return name, replace(found, lines=tuple(_told(tree, name, found)))


def _first(tree: Tree) -> tuple[str, Found]:
    empty: list[tuple[str, Found]] = []
    for name, known in LAYOUTS.items():
        found = known.find(tree)
        if found is not None and found.items:
            return name, found
        if found is not None:
            empty.append((name, found))  # a layout that has nothing to pair says itself what is missing
    described = (pair for pair in empty if LAYOUTS[pair[0]].documents(tree))
    return next(described, None) or next(iter(empty), None) or ("pairs", pairs.find(tree))


def _told(tree: Tree, layout: str, found: Found) -> Iterator[Line]:
    """The lines, with a word on documents that could not be read, or that are another layout's."""
    others = {file: name for name, known in LAYOUTS.items() if name != layout for file in known.documents(tree)}
    for line in found.lines:
        if line.fate is not Fate.NOT_USED:
            yield line
        elif line.file in tree.unreadable:
            yield Line(line.file, Fate.BROKEN, tree.unreadable[line.file])
        elif line.file in others:
            other = others[line.file]
            yield Line(
                line.file,
                Fate.UNSUPPORTED,
                Text(
                    f"这是 {other} 的标注文件，而目录按 {layout} 布局导入；请用 layout={other} 另行导入",
                    f"A document of the layout {other}, but the folder was read as {layout}; import it with layout={other}",
                ),
            )
        else:
            yield line
