"""The class table that a document's labels make when they have names, but no ids of their own."""

from collections.abc import Sequence

from roadloop.errors import JobError, Text, many
from roadloop.labels.colors import distinct_colors
from roadloop.labels.table import IGNORE, ClassTable, LabelClass
from roadloop.sources.importers.found import LegendClass
from roadloop.sources.importers.translate import numbered


def table_of(
    title: str, legend: Sequence[LegendClass], *, by_name: bool = False
) -> tuple[ClassTable | None, tuple[int, ...]]:
    """A table, and the raw id of each class of the legend in it; `__ignore__` is 255 and not in the table.

    Args:
        title: The table's name.
        legend: Classes with different names. Where all are called `<raw id> <name>`, these ids count; else they are
            counted from 0.
        by_name: Whether they are counted in the order of their names, not of the legend.

    Raises:
        JobError: There are more classes than labels of 8 bits can hold, or two have one number before their names.
    """
    _check_numbers(legend)
    classes = [c for c in legend if c.name != "__ignore__"]  # labelme's word for 255
    if not classes:
        return None, (IGNORE,) * len(legend)
    if len(classes) > IGNORE:
        raise JobError(
            Text(
                f"共有 {len(classes)} 个类别；标注每像素 8 位，最多 {IGNORE} 个。请用 roadelement 选一个较小的类别表，或合并类别",
                f"There are {many(len(classes), 'class', 'classes')}; labels have 8 bits a pixel, so there can be {IGNORE}. Merge some in the"
                " annotation tool",
            )
        )
    own = [pair for c in classes if (pair := numbered(c.name)) is not None and pair[0] < IGNORE]
    if len(own) == len(classes):
        ids = {c.name: pair for c, pair in zip(classes, own, strict=True)}
    else:
        names = sorted(c.name for c in classes) if by_name else [c.name for c in classes]
        ids = {name: (number, name) for number, name in enumerate(names)}
    colors = [c.color for c in classes if c.color is not None]
    free = distinct_colors(len(classes))
    rows = sorted((*ids[c.name], c.color if c.color and len(set(colors)) == len(classes) else None) for c in classes)
    table = tuple(LabelClass(i, name, name, color or free[n], n) for n, (i, name, color) in enumerate(rows))
    return ClassTable(title, table), tuple(ids[c.name][0] if c.name in ids else IGNORE for c in legend)


def _check_numbers(legend: Sequence[LegendClass]) -> None:
    known: dict[int, str] = {}
    for name in (c.name for c in legend):
        pair = numbered(name)
        if pair is not None and known.setdefault(pair[0], name) != name:
            raise JobError(
                Text(
                    f"标签“{known[pair[0]]}”与“{name}”使用同一编号，不能混在一起；请分别导入",
                    f"The labels '{known[pair[0]]}' and '{name}' have one number and cannot be mixed; import them one by one",
                )
            )
