"""An export reads itself back before it is visible: what the import would find must be what was exported."""

from collections.abc import Mapping
from pathlib import Path

from roadloop.errors import InvalidValueError, JobError, Text
from roadloop.labels.table import ClassTable
from roadloop.sources.exporters.folder import Placed
from roadloop.sources.importers.found import FileLabel, Found
from roadloop.sources.importers.legend import find_legend
from roadloop.sources.importers.recognise import recognise
from roadloop.sources.importers.tree import list_tree

Exported = Mapping[str, tuple[Placed, str]]


def prove(root: Path, layout: str, exported: Exported, table: ClassTable) -> list[Text]:
    """Compare what the importer finds with what was written: pairs, packages, names, splits, class table.

    Args:
        root: The export.
        layout: Its layout.
        exported: `<package>/<stem>` -> its files and its split.
        table: The class table that went with it.

    Returns:
        What the user should know.

    Raises:
        InvalidValueError: A name that means something else in this layout; the text names it.
        LabelMapError: The class table cannot be read back.
    """
    tree = list_tree(root, lambda _path: True, lambda: None)
    legend = find_legend(tree)
    if legend is None or legend.table.to_rows() != table.to_rows():
        raise _refused(layout, Text("类别表", "the class table"))
    name, found = recognise(tree)
    if _wrong(found, exported) is None and name == layout:
        return []
    try:
        wrong = _wrong(recognise(tree, layout)[1], exported)
    except JobError:  # not one picture is read in this layout
        wrong = next(iter(exported))
    if wrong is not None:
        raise _refused(layout, Text(f"图片 {wrong}", f"the picture {wrong}"))
    return [
        Text(
            f"目录看起来也像 {name} 布局；导入时请写 layout={layout}",
            f"The folder looks like {name}, too; say layout={layout} when you import it",
        )
    ]


def _wrong(found: Found, exported: Exported) -> str | None:
    """A picture that comes back otherwise than it was written; None when all are right."""
    back = {}
    for item in found.items:
        placed = Placed(item.image, item.label.file if isinstance(item.label, FileLabel) else "")
        back[f"{item.package}/{item.stem}"] = placed, item.split
    if len(back) == len(found.items) and back == dict(exported):
        return None
    return next((key for key in exported if back.get(key) != exported[key]), next(iter(back), "-"))


def _refused(layout: str, what: Text) -> InvalidValueError:
    return InvalidValueError(
        Text(
            f"{layout} 布局无法原样保存{what.zh}：它的名称在该布局中另有含义，导入时会被读成别的。未导出任何文件；"
            "请改用其他布局（如 coco、voc），或先改名",
            f"The layout {layout} cannot hold {what.en} as it is: its name means something else there, and an import would"
            " read it otherwise. Nothing was exported; choose another layout (coco or voc, say), or rename it",
        ),
        parameter="layout",
    )
