"""Which layout a folder has: the first whose reader finds labelled pictures, or the one that was named."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

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
from roadloop.sources.importers.found import Fate, Found, Layout, Line, leftovers
from roadloop.sources.importers.tree import Tree

AUTO: Final = "auto"

#: Layouts by name, the most particular first; masks before the documents that masks are often made from.
LAYOUTS: Final[Mapping[str, Layout]] = {
    known.name: known
    for known in (
        mapillary.LAYOUT,
        label_studio.LAYOUT,
        coco.LAYOUT,
        *cityscapes.LAYOUTS,
        bdd.LAYOUT,
        *apolloscape.LAYOUTS,
        *voc.LAYOUTS,
        camvid.LAYOUT,
        pairs.LAYOUT,
        cvat_xml.LAYOUT,
        labelme.LAYOUT,
    )
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
    """A line for every file, with a word on documents that could not be read, or that are another layout's."""
    others = {file: name for name, known in LAYOUTS.items() if name != layout for file in known.documents(tree)}
    for line in (*found.lines, *leftovers(tree, found)):
        if line.fate is Fate.NOT_USED and line.file in tree.unreadable:
            yield Line(line.file, Fate.BROKEN, tree.unreadable[line.file])
        elif line.fate is Fate.NOT_USED and (other := others.get(line.file)):
            text = Text(
                f"这是 {other} 的标注文件，而目录按 {layout} 布局导入；请用 layout={other} 另行导入",
                f"A document of the layout {other}, but the folder was read as {layout}; import it with layout={other}",
            )
            yield Line(line.file, Fate.UNSUPPORTED, text)
        else:
            yield line
