"""Places inside the home become relative to it: rows had them as absolute paths, which a moved home no longer has.

A home that was moved before has rows of its former place. That place is learnt from rows that say both: the folder as
it was asked for, relative, and as it was resolved, absolute; and only where that folder stands in this home today.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from alembic import op

from roadloop.errors import Text

revision = "0010"
down_revision = "0009"

#: Columns with a place, and those with plain JSON values in which there may be some. A task's recipe is left as it is:
#: its checkpoints know it by its digest.
TEXTS: Final = {
    "evaluations": ("sour_dir", "dest_dir", "dest_path"),
    "selections": ("output_dir", "output_path", "track_file", "task_file", "weights_dir"),
    "imports": ("src",),
    "package_pictures": ("origin",),
}
VALUES: Final = {
    "jobs": ("seq", ("payload", "result", "memo", "moves")),
    "training_configs": ("task_id", ("train_con", "data_con")),
}


def upgrade() -> None:
    config = op.get_context().config
    assert config is not None
    config.attributes["said"] += mend(op.get_bind(), config.attributes["home"])


def mend(db: sa.Connection, home: Path) -> list[Text]:
    """Make what lies inside the home relative to it, in all rows; returns what people should know."""
    former = {old for path, text in _told_twice(db) if (old := _former(home, path, text))}
    homes = sorted({str(home), *former}, key=len, reverse=True)
    mended = sum(_mend_texts(db, homes, table, column) for table, columns in TEXTS.items() for column in columns)
    mended += sum(_mend_values(db, homes, table, *columns) for table, columns in VALUES.items())
    if not mended:
        return []
    places = ", ".join(homes)
    return [
        Text(
            f"数据库中 {mended} 处工作区内的绝对路径（{places}）已改为相对路径，工作区可以移动了；"
            "roadloop fsck 会列出仍指向别处的路径。",
            f"Absolute paths into the workspace ({places}) were made relative in the database, {mended} in all, so that"
            " it can be moved; roadloop fsck lists what still points elsewhere.",
        )
    ]


def _told_twice(db: sa.Connection) -> Iterator[tuple[str, str]]:
    """(absolute path, the same place relative to the home) from every row that knows both."""
    for table, sent, resolved in (
        ("evaluations", "dest_dir", "dest_path"),
        ("selections", "output_dir", "output_path"),
    ):
        rows = sa.table(table, sa.column(sent), sa.column(resolved))
        yield from ((row[0], row[1]) for row in db.execute(sa.select(rows.c[resolved], rows.c[sent])))
    jobs = sa.table("jobs", sa.column("kind"), sa.column("payload", sa.JSON))
    for row in db.execute(sa.select(jobs.c.payload).where(jobs.c.kind == "evaluate")):
        for model in row[0]["models"]:
            yield model["path"], f"tasks/{model['source']}/output/models/{model['file']}"


def _former(home: Path, path: str, text: str) -> str:
    """The home in which `text` was `path`, where the same place stands in this home, reached by no link; else nothing."""
    old = path.removesuffix(f"/{text}")
    place = home / text
    known = bool(text) and path.startswith("/") and not text.startswith("/") and old not in {path, ""}
    if not known or Path(old).is_relative_to(home) or not place.exists() or place.resolve() != place:
        return ""
    return old


def _mend_texts(db: sa.Connection, homes: list[str], table: str, column: str) -> int:
    rows = sa.table(table, sa.column("id"), sa.column(column))
    mended = [
        (row[0], new)
        for row in db.execute(sa.select(rows.c.id, rows.c[column]).where(rows.c[column].startswith("/"))).all()
        if (new := _relative(row[1], homes)) != row[1]
    ]
    for row_id, new in mended:
        db.execute(sa.update(rows).where(rows.c.id == row_id).values({column: new}))
    return len(mended)


def _mend_values(db: sa.Connection, homes: list[str], table: str, key: str, columns: tuple[str, ...]) -> int:
    rows = sa.table(table, sa.column(key), *(sa.column(column, sa.JSON) for column in columns))
    mended = 0
    for column in columns:
        holding = sa.cast(rows.c[column], sa.Text).contains('"/')
        for row_key, value in db.execute(sa.select(rows.c[key], rows.c[column]).where(holding)).all():
            new = _mend(value, homes)
            if new != value:
                db.execute(sa.update(rows).where(rows.c[key] == row_key).values({column: new}))
                mended += 1
    return mended


def _mend(value: Any, homes: list[str]) -> Any:
    if isinstance(value, str):
        return _relative(value, homes)
    if isinstance(value, list):
        return [_mend(one, homes) for one in value]
    return {name: _mend(one, homes) for name, one in value.items()} if isinstance(value, dict) else value


def _relative(text: str, homes: list[str]) -> str:
    for home in homes:
        if text == home or text.startswith(f"{home}/"):
            return text[len(home) + 1 :] or "."
    return text
