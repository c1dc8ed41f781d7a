"""The class tables of an installation: the shipped ones, and those that a team adds as files.

A team's table is a file in `<home>/class-tables/`, named after the table: `<name>.csv` or `<name>.txt`, in any form
that `labels.forms` reads. A file wins over a shipped table of the same name.
"""

from pathlib import Path
from typing import Final

from roadloop.errors import NotFoundError, Text
from roadloop.labels.forms import parse_declared
from roadloop.labels.table import COLUMNS, SHIPPED, ClassTable, shipped
from roadloop.storage import reading
from roadloop.storage.paths import Workspace, check_name, find_entry, spoken

ENDINGS: Final = (".csv", ".txt")


def list_tables(workspace: Workspace) -> list[str]:
    """Names of all class tables, shipped and added, in order."""
    folder = workspace.class_tables
    added = {spoken(p.stem) for p in folder.iterdir() if _is_table(p)} if folder.is_dir() else set()
    return sorted({*SHIPPED, *added})


def find_table(workspace: Workspace, name: str, parameter: str = "roadelement") -> ClassTable:
    """The class table of a name.

    Args:
        workspace: Where it is.
        name: Name of a shipped table, or of a file in `<home>/class-tables/`.
        parameter: Name of the parameter, for the message.

    Raises:
        InvalidNameError: Not a name, or several files read like it.
        PathOutsideError: It is a link that leads out of the workspace and its roots.
        NotFoundError: No such table; the text names those there are.
        LabelMapError: The file is not a class table.
    """
    check_name(name, parameter)
    folder = workspace.class_tables
    for ending in ENDINGS:
        path = workspace.follow(find_entry(folder, f"{name}{ending}", parameter))
        if path.is_file():
            return parse_declared(reading.read_bytes(path), name).table
    if name in SHIPPED:
        return shipped(name)
    known = ", ".join(list_tables(workspace))
    raise NotFoundError(
        Text(
            f"没有名为 {name} 的类别表；现有：{known}。可把 {name}.csv（{','.join(COLUMNS)}）"
            f"或每行“R G B 名称”的 {name}.txt 放入 {folder.name}/，或不填 {parameter} 以采用数据自带的色板",
            f"No class table {name}; there are: {known}. Put {name}.csv ({','.join(COLUMNS)}) or {name}.txt with"
            f" lines 'R G B name' into {folder.name}/, or leave {parameter} out to take the one that comes with the data",
        ),
        parameter=parameter,
        name=name,
    )


def _is_table(path: Path) -> bool:
    return path.suffix in ENDINGS and not path.name.startswith(".") and path.is_file()
