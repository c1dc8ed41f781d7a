"""The index of a source set: one SQLite file that knows of every labelled picture where, when and with which classes.

It is written once, as a whole, and then only read, so no reader waits for anybody. Classes are bits of four whole numbers: a
filter looks at a few columns of each row, whatever it asks for.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from roadloop.errors import BrokenFileError, Text
from roadloop.storage.paths import Workspace

FORMAT: Final = "roadloop-index/1"
_WORDS: Final = 4  # of 64 bits each, for raw ids 0..255
_SCHEMA: Final = """
CREATE TABLE about (value TEXT NOT NULL);
CREATE TABLE pictures (number INTEGER PRIMARY KEY, package TEXT NOT NULL, stem TEXT NOT NULL, track TEXT NOT NULL,
    point TEXT NOT NULL, city TEXT NOT NULL, time TEXT NOT NULL, author TEXT NOT NULL, imgoprange TEXT NOT NULL,
    mark TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, c0 INTEGER NOT NULL, c1 INTEGER NOT NULL, c2 INTEGER NOT NULL, c3 INTEGER NOT NULL,
    UNIQUE (package, stem));
"""
#: All that a filter asks for, so that counting reads this alone.
_COVER: Final = "CREATE INDEX facts ON pictures (city, time, imgoprange, package, c0, c1, c2, c3)"
_COLUMNS: Final = "package, stem, track, point, city, time, author, imgoprange, mark, width, height, c0, c1, c2, c3"


class Entry(NamedTuple):
    """One labelled picture.

    Attributes:
        package: Its package.
        stem: Its name without ending.
        track: Track id.
        point: Track point id.
        city: Free text.
        time: `YYYY-MM-DD HH:MM:SS`; empty = unknown.
        author: Free text.
        imgoprange: `0` half of the picture, `1` all of it; empty = unknown.
        mark: Tells its label from an older one of the same name; empty = nothing does.
        width: Of its label, pixels.
        height: Of its label, pixels.
        classes: The raw ids in its label, ascending.
    """

    package: str
    stem: str
    track: str
    point: str
    city: str
    time: str
    author: str
    imgoprange: str
    mark: str
    width: int
    height: int
    classes: tuple[int, ...]


class Where(NamedTuple):
    """Which pictures; empty: any.

    Attributes:
        package: Of this package.
        city: From there.
        time: How their time begins.
        imgoprange: Labelled so.
        classes: For each class wanted the raw ids that mean it; one of each must be in the picture.
    """

    package: str
    city: str
    time: str
    imgoprange: str
    classes: tuple[frozenset[int], ...] = ()


def index_path(workspace: Workspace, name: str) -> Path:
    """Where the index of a source set stands."""
    return workspace.indexes / f"{name}.sqlite"


def write_index(path: Path, entries: Iterable[Entry], about: Mapping[str, Any]) -> None:
    """Write the file.

    Args:
        path: A scratch name, where nothing stands.
        entries: In order of package and stem; each picture once.
        about: Plain values for JSON, read when all entries have been taken.

    Raises:
        sqlite3.OperationalError: No space is left.
    """
    db = sqlite3.connect(path)
    try:
        db.execute("PRAGMA journal_mode = OFF")  # nobody reads it before it has its name
        db.execute("PRAGMA synchronous = OFF")
        db.executescript(_SCHEMA)
        places = ", ".join("?" * (len(Entry._fields) - 1 + _WORDS))
        with db:
            db.executemany(
                f"INSERT INTO pictures ({_COLUMNS}) VALUES ({places})",  # noqa: S608 - of names in this module
                ((*entry[:-1], *_words(entry.classes)) for entry in entries),
            )
            db.execute(_COVER)
            about = {"format": FORMAT, **about}
            db.execute("INSERT INTO about VALUES (?)", (json.dumps(about, ensure_ascii=False),))
    finally:
        db.close()


class Index:
    """A file that was written. One thread uses it.

    Args:
        path: Where it is.

    Raises:
        BrokenFileError: It is no such file.
    """

    def __init__(self, path: Path) -> None:
        self._path: Final = path
        try:
            self._db: Final = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
            (value,) = self._db.execute("SELECT value FROM about").fetchone()
            self.about: Final[dict[str, Any]] = json.loads(value)
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise self._broken() from error
        if self.about.get("format") != FORMAT:
            self._db.close()
            raise self._broken()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def find(self, package: str, stem: str) -> Entry | None:
        """What is known of one picture."""
        return next(self._rows("pictures WHERE package = ? AND stem = ?", (package, stem)), None)

    def count(self, where: Where) -> int:
        """How many pictures."""
        text, values = _condition(where)
        query = f"SELECT count(*) FROM pictures INDEXED BY facts WHERE {text}"  # noqa: S608 - of texts in this module
        (number,) = self._run(query, values).fetchone()
        return int(number)

    def some(self, where: Where, start: int, number: int) -> list[Entry]:
        """Some of the pictures, in order of package and stem.

        Args:
            where: Which.
            start: How many are passed over.
            number: How many, at most.
        """
        text, values = _condition(where)
        by = (
            "" if where.package else "NOT INDEXED"
        )  # in the order of the rows: nothing is sorted, whatever is asked for
        query = f"pictures {by} WHERE {text} ORDER BY number LIMIT ? OFFSET ?"
        return list(self._rows(query, (*values, number, start)))

    def _rows(self, query: str, values: Sequence[object]) -> Iterator[Entry]:
        query = f"SELECT {_COLUMNS} FROM {query}"  # noqa: S608 - of texts in this module
        for row in self._run(query, values):
            facts = row[:-_WORDS]
            yield Entry._make((*facts, _ids(row[-_WORDS:])))

    def _run(self, query: str, values: Sequence[object]) -> sqlite3.Cursor:
        try:
            return self._db.execute(query, values)
        except sqlite3.Error as error:
            raise self._broken() from error

    def _broken(self) -> BrokenFileError:
        name = self._path.stem
        return BrokenFileError(
            Text(
                f"源数据 {name} 的索引无法读取；请重新读取它的标注。",
                f"The index of the source set {name} cannot be read; read its labels again.",
            ),
            file=self._path.name,
        )


def _condition(where: Where) -> tuple[str, list[object]]:
    """The filter as SQL, and its values."""
    texts, values = ["1"], list[object]()
    for column in ("package", "city", "imgoprange"):
        if wanted := getattr(where, column):
            texts.append(f"{column} = ?")
            values.append(wanted)
    if where.time:
        texts.append("time >= ? AND time < ?")
        values += [where.time, f"{where.time}\U0010ffff"]
    for ids in where.classes:
        words = _words(ids)
        parts = [f"(c{n} & ?) != 0" for n, word in enumerate(words) if word]
        texts.append(f"({' OR '.join(parts) or '0'})")
        values += [word for word in words if word]
    return " AND ".join(texts), values


def _words(ids: Collection[int]) -> list[int]:
    """Raw ids as four whole numbers of 64 bits, as SQLite has them: signed."""
    words = [0] * _WORDS
    for one in ids:
        words[one // 64] |= 1 << one % 64
    return [word - (1 << 64) if word >> 63 else word for word in words]


def _ids(words: Sequence[int]) -> tuple[int, ...]:
    return tuple(64 * n + bit for n, word in enumerate(words) for bit in range(64) if word >> bit & 1)
