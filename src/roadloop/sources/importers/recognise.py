"""Which layout a folder has: the first whose reader finds labelled pictures, or the one that was named."""

from collections.abc import Callable, Mapping
from typing import Final

from roadloop.errors import JobError, Text
from roadloop.sources.importers import camvid, cityscapes, coco, label_studio, pairs, voc
from roadloop.sources.importers.found import Found
from roadloop.sources.importers.tree import Tree

AUTO: Final = "auto"

#: Readers by name, the most particular first.
LAYOUTS: Final[Mapping[str, Callable[[Tree], Found | None]]] = {
    "label-studio": label_studio.find,
    "coco": coco.find,
    "cityscapes": cityscapes.find,
    "cvat": voc.find_cvat,
    "voc": voc.find,
    "camvid": camvid.find_tree,
    "pairs": pairs.find,
}


def recognise(tree: Tree, layout: str = AUTO) -> tuple[str, Found]:
    """The layout of a folder and what its reader found; `pairs` when no other fits.

    Args:
        tree: The listed folder.
        layout: One of `LAYOUTS`, or `auto`.

    Raises:
        JobError: The folder does not have the layout that was named.
    """
    if layout != AUTO:
        found = LAYOUTS[layout](tree)
        if found is None:
            raise JobError(
                Text(
                    f"目录 {tree.root.name} 不是 {layout} 布局；请改用 layout=auto 或其他布局：{', '.join(LAYOUTS)}",
                    f"The folder {tree.root.name} does not have the layout {layout}; use layout=auto or another:"
                    f" {', '.join(LAYOUTS)}",
                ),
                layout=layout,
            )
        return layout, found
    for name, find in LAYOUTS.items():
        found = find(tree)
        if found is not None and found.items:
            return name, found
    return "pairs", pairs.find(tree)
