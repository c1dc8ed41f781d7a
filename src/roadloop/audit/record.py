"""Lines of the record: one for each thing done, in the transaction that does it where it writes rows.

A line's hash covers the hash before it, so nobody can change, take out or put in one without changing all that follow. Whoever
keeps the last hash elsewhere sees, too, when the end was cut off. Lines are never changed or removed: triggers of the database
refuse it, and whoever removes the triggers does not get past the hashes.
"""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from roadloop.errors import BrokenDatabaseError, Text
from roadloop.storage.database import metadata

MOST_SAID: Final = 200  #: characters of one fact
MOST_FACTS: Final = 30
_FIRST: Final = "0" * 64  # what stands before the first line
_CHUNK: Final = 1000

audit: Final = sa.Table(
    "audit",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),  # 1, 2, 3... without a gap
    sa.Column("at", sa.Float, nullable=False),  # Unix seconds
    sa.Column("who", sa.Text, nullable=False),  # name of the account; "": this machine, without one
    sa.Column("what", sa.String(80), nullable=False),  # name of the endpoint or of the command
    sa.Column("facts", sa.Text, nullable=False),  # JSON, in the spelling that was hashed
    sa.Column("hash", sa.String(64), nullable=False),  # sha256 of the hash before and of this line
    sa.Index("ix_audit_who", "who", "seq"),
    sa.Index("ix_audit_what", "what", "seq"),
)


class Head(NamedTuple):
    """The last line: its number, and the hash that stands for all up to it."""

    seq: int
    hash: str


def add(db: sa.Connection, who: str, what: str, facts: Mapping[str, Any]) -> None:
    """Add a line, inside the caller's transaction, which must take its turn: lines follow each other.

    Args:
        db: The transaction.
        who: Whose doing it is; "" where nobody has an account.
        what: Name of the endpoint or command.
        facts: JSON values; long texts are cut. Never a password or a token.
    """
    before = _head(db)
    said = {name: _cut(value) for name, value in list(facts.items())[:MOST_FACTS]}
    line = {"at": time.time(), "who": who, "what": what, "facts": json.dumps(said, ensure_ascii=False, sort_keys=True)}
    db.execute(audit.insert().values(seq=before.seq + 1, hash=_hash(before.hash, line), **line))


def verify(db: sa.Connection, known: Head | None = None) -> Head:
    """Compute every hash anew.

    Args:
        db: Sees one state of the rows.
        known: A line as it was noted earlier, elsewhere; it must be there still.

    Returns:
        The last line; number 0 where there is none.

    Raises:
        BrokenDatabaseError: A line was changed, taken out or put in, or the end is missing; names the first such line.
    """
    head, seen = Head(0, _FIRST), known is None or known.seq == 0
    for row in _lines(db):
        line = {name: row[name] for name in ("at", "who", "what", "facts")}
        if row["seq"] != head.seq + 1 or row["hash"] != _hash(head.hash, line):
            raise _broken(head.seq + 1)
        head = Head(row["seq"], row["hash"])
        if known is not None and head.seq == known.seq:
            if head.hash != known.hash:
                raise _broken(head.seq)
            seen = True
    if not seen:
        raise _broken(head.seq + 1)
    return head


def lines(
    db: sa.Connection, *, who: str = "", what: str = "", before: int = 0, limit: int = 0
) -> Iterator[dict[str, Any]]:
    """Lines, the newest first, their facts as values.

    Args:
        db: A connection.
        who: Only of this account.
        what: Only of this endpoint or command.
        before: Only older ones than this number; 0: all.
        limit: At most so many; 0: all, read a little at a time.
    """
    query = sa.select(audit).order_by(audit.c.seq.desc())
    query = query.where(audit.c.who == who) if who else query
    query = query.where(audit.c.what == what) if what else query
    left = limit or None
    while left is None or left > 0:
        some = query.where(audit.c.seq < before) if before else query
        rows = db.execute(some.limit(_CHUNK if left is None else min(left, _CHUNK))).mappings().all()
        for row in rows:
            yield {**row, "facts": json.loads(row["facts"])}
        if len(rows) < _CHUNK:
            return
        before, left = rows[-1]["seq"], None if left is None else left - len(rows)


def cells(db: sa.Connection) -> Iterator[tuple[Any, ...]]:
    """The whole record for a table: a head, then the lines, the newest first, times in this machine's zone."""
    yield "seq", "at", "who", "what", "facts", "hash"
    for line in lines(db):
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(line["at"]))
        facts = json.dumps(line["facts"], ensure_ascii=False, sort_keys=True)
        yield line["seq"], at, line["who"], line["what"], facts, line["hash"]


def _head(db: sa.Connection) -> Head:
    last = db.execute(sa.select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)).first()
    return Head(0, _FIRST) if last is None else Head(last.seq, last.hash)


def _lines(db: sa.Connection) -> Iterator[sa.RowMapping]:
    query, seq = sa.select(audit).order_by(audit.c.seq).limit(_CHUNK), -1
    while rows := db.execute(query.where(audit.c.seq > seq)).mappings().all():
        yield from rows
        seq = rows[-1]["seq"]


def _hash(before: str, line: Mapping[str, Any]) -> str:
    text = json.dumps([before, line["at"], line["who"], line["what"], line["facts"]], ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _cut(value: Any) -> Any:
    if isinstance(value, bool | int | float) or value is None:
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    return text if len(text) <= MOST_SAID else f"{text[:MOST_SAID]}…"


def _broken(seq: int) -> BrokenDatabaseError:
    return BrokenDatabaseError(
        Text(
            f"操作记录从第 {seq} 行起与其校验链不符：有记录被改动、删去或插入。请与备份中的记录对照。",
            f"From line {seq} on the record does not fit its chain of hashes: lines were changed, removed or put in."
            " Compare it with the record in a backup.",
        ),
        seq=seq,
    )
