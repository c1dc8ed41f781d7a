"""Class tables that come with the data: `classes.csv`, `class_dict.csv`, `label_colors.txt`, `labelmap.txt` and the like.

Such a file says what the labels mean, so it is never passed over: what cannot be read, or two that contradict each other,
end the import with the file's name.
"""

import re
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from roadloop.errors import JobError, LabelMapError, Text
from roadloop.labels.forms import Declared, parse_declared
from roadloop.labels.table import ClassTable
from roadloop.sources.importers.tree import OutsideError, Tree, shown
from roadloop.storage import reading

LEGEND_FILE: Final = Text("类别表，已读取", "The class table; it was read")
LABEL_MAP: Final = "labelmap.txt"
NAMES_ALONE: Final = frozenset(
    f"{stem}{ending}"
    for stem in ("classes", "class_names", "class_list", "labels", "label_names", "codes", "类别", "类别表")
    for ending in (".txt", ".names")
)
#: Names of files that are class tables.
TABLES: Final = re.compile(
    r"_?classes|class_names|class_list|labels|label_names|codes|类别表?|class[_-]?dict|label[_-]?maps?|(label|class)[_-]?colou?rs?|colou?r[_-]?maps?|(colou?r[_-]?)?palette"
)
_OUTSIDE: Final = Text("链接指向工作区与根目录之外", "a link out of the workspace and its roots")
_ENDINGS: Final = frozenset({".csv", ".tsv", ".txt", ".names"})
_NOT_READ: Final = re.compile(
    rf"({TABLES.pattern}|id2label|label2id)\.(json|yaml|yml|xml|xlsx|xls|mat|pbtxt)|data(set)?\.ya?ml"
)
_DEPTH: Final = 3
_BYTES: Final = 2**20


class Legend(NamedTuple):
    """The class table that lies beside the data.

    Attributes:
        file: Where it stands.
        same: Further files that say the same.
        declared: What it says.
    """

    file: str
    same: tuple[str, ...]
    declared: Declared

    @property
    def table(self) -> ClassTable:
        """The classes."""
        return self.declared.table


def is_table(name: str) -> bool:
    """Whether a file of that name is a class table."""
    path = PurePosixPath(name.lower())
    return path.suffix in _ENDINGS and TABLES.fullmatch(path.stem) is not None


def find_legend(tree: Tree) -> Legend | None:
    """The class table near the top of the folder; None when there is none.

    Raises:
        LabelMapError: A file with such a name cannot be read; the text names it, the line and the cure.
        JobError: Two of them do not say the same.
    """
    near = [f for f in tree.files if len(PurePosixPath(f).parts) <= _DEPTH and is_table(PurePosixPath(f).name)]
    found = [(file, _read(tree, file)) for file in sorted(near, key=lambda f: (len(PurePosixPath(f).parts), f))]
    if not found:
        return None
    first, others = max(found, key=lambda pair: (pair[1].has_ids, pair[1].has_colors)), found
    for file, declared in others:
        if not agree(first[1], declared):
            raise JobError(
                Text(
                    f"{shown(first[0])} 与 {shown(file)} 的类别不同，无法确定用哪一个；请只保留一个，或分别导入各个目录",
                    f"{shown(first[0])} and {shown(file)} name different classes, so it is not clear which counts; keep"
                    " one of them, or import the folders one by one",
                ),
                files=[first[0], file],
            )
    return Legend(first[0], tuple(file for file, _ in found if file != first[0]), first[1])


def check_unread(tree: Tree) -> None:
    """Refuse a file near the top that is a class table by its name, in a form that is not read.

    Raises:
        LabelMapError: With its name and the cure.
    """
    near = (PurePosixPath(file) for file in tree.files)
    file = next((str(p) for p in near if len(p.parts) <= _DEPTH and _NOT_READ.fullmatch(p.name.lower())), None)
    if file is not None:
        raise LabelMapError(
            Text(
                f"{shown(file)} 像是数据自带的类别表，但这种格式不能读取；请另存为 classes.csv（raw_id,name_en,name_zh,r,g,b,train_id），"
                "或用 roadelement 指定类别表；若它不是类别表，请改名",
                f"{shown(file)} seems to be the data's class table, in a form that is not read: save it as classes.csv"
                " (raw_id,name_en,name_zh,r,g,b,train_id), or name a table with roadelement, or give the file another name",
            ),
            file=file,
        )


def read_legend(data: bytes, file: str) -> Declared:
    """A class table's bytes; errors name the file.

    Raises:
        LabelMapError: It cannot be read.
    """
    name = PurePosixPath(file).name
    try:
        return parse_declared(data[:_BYTES], name, names_alone=name.lower() in NAMES_ALONE)
    except LabelMapError as error:
        raise LabelMapError(
            Text(
                f"随数据的类别表 {shown(file)} 无法读取：{error.text.zh}。请改正该文件；若它不是类别表，请改名",
                f"The class table {shown(file)} beside the data cannot be read: {error.text.en}. Mend the file, or give it"
                " another name if it is no class table",
            ),
            file=file,
        ) from error


def _read(tree: Tree, file: str) -> Declared:
    try:
        return read_legend(tree.read(file), file)
    except OSError as error:
        what = _OUTSIDE if isinstance(error, OutsideError) else reading.why(error)
        raise LabelMapError(
            Text(
                f"随数据的类别表 {shown(file)} 无法读取：{what.zh}",
                f"The class table {shown(file)} beside the data cannot be read: {what.en}",
            ),
            file=file,
        ) from error


def agree(a: Declared, b: Declared) -> bool:
    """Whether two tables name the same classes, with the same ids and colours as far as both declare them."""

    def key(d: Declared) -> list[tuple[object, ...]]:
        rows = sorted(d.table.classes, key=lambda c: c.raw_id)
        return sorted(
            (
                c.name_en.strip(),
                c.raw_id if a.has_ids == b.has_ids else 0,
                c.color if a.has_colors and b.has_colors else 0,
            )
            for c in rows
        )

    return key(a) == key(b)
