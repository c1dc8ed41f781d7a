"""Colour tables that come with the data: `label_colors.txt`, `class_dict.csv`, `classes.csv`, `labelmap.txt`."""

import re
from pathlib import PurePosixPath
from typing import Final

from roadloop.errors import LabelMapError, Text
from roadloop.labels.library import parse_table, table_of
from roadloop.labels.table import ClassTable, Color, decode
from roadloop.sources.importers.tree import Tree

LEGEND_FILE: Final = Text("色板，已读取", "The colour table; it was read")
LABEL_MAP: Final = "labelmap.txt"
_NAMES: Final = re.compile(r"(classes|class_dict|.*colou?rs?|.*palette|.*class.?colou?rs?)\.(csv|txt)")
_DEPTH: Final = 3
_BYTES: Final = 2**16


def find_legend(tree: Tree) -> tuple[str, ClassTable] | None:
    """The first colour table near the top of the folder, its file and what it says; None when there is none."""
    near = [f for f in tree.files if len(PurePosixPath(f).parts) <= _DEPTH]
    for file in sorted(near, key=lambda f: (len(PurePosixPath(f).parts), f)):
        name = PurePosixPath(file).name.lower()
        if not (_NAMES.fullmatch(name) or name == LABEL_MAP):
            continue
        try:
            data = tree.read(file)[:_BYTES]
            table = parse_label_map(data) if name == LABEL_MAP else parse_table(data, PurePosixPath(file).stem)
        except (OSError, LabelMapError):
            continue
        return file, table
    return None


def parse_label_map(data: bytes) -> ClassTable:
    """CVAT's `labelmap.txt`: lines `name:r,g,b:parts:actions`; raw ids count the lines.

    Raises:
        LabelMapError: No such line, or too many.
    """
    rows: list[tuple[str, Color]] = []
    for line in decode(data).splitlines():
        name, *rest = line.rsplit(":", 3)
        numbers = rest[0].split(",") if len(rest) == 3 else []
        if len(numbers) == 3 and not line.startswith("#") and all(n.strip().isdigit() for n in numbers):
            r, g, b = (int(n) for n in numbers)
            rows.append((name.strip(), (r, g, b)))
    return table_of("labelmap", rows)
