"""The packed files: Arrow IPC, encoded bytes and columns, readable without roadloop (`pyarrow.ipc.open_file`)."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa

from roadloop.errors import BrokenFileError, Text

BATCH_ROWS: Final = 16
"""Rows that are written, and held in memory, at once."""

_COLUMNS: Final = (
    ("name", "string"),  # <package>/<stem>; unique in the dataset
    ("source", "string"),  # source set
    ("package", "string"),
    ("stem", "string"),
    ("track", "string"),
    ("point", "string"),
    ("city", "string"),
    ("width", "int32"),  # pixels, upright
    ("height", "int32"),
    ("image", "binary"),  # the original JPEG or PNG bytes
    ("image_format", "string"),  # jpeg | png
    ("label", "binary"),  # 8-bit grey PNG of raw ids
    ("image_sha256", "string"),
    ("label_sha256", "string"),
)


class Row(NamedTuple):
    """One packed sample; the fields are the columns."""

    name: str
    source: str
    package: str
    stem: str
    track: str
    point: str
    city: str
    width: int
    height: int
    image: bytes
    image_format: str
    label: bytes
    image_sha256: str
    label_sha256: str


@cache
def schema() -> Any:
    """The Arrow schema of every shard."""
    return pa.schema([pa.field(name, getattr(pa, kind)(), nullable=False) for name, kind in _COLUMNS])


class ShardWriter:
    """Writes rows in batches of 16. Use `writing_shard`."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer
        self._rows: list[Row] = []
        self.rows = 0

    def add(self, row: Row) -> None:
        """Append a sample."""
        self._rows.append(row)
        self.rows += 1
        if len(self._rows) == BATCH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what is waiting."""
        if self._rows:
            kinds = schema()
            columns = [pa.array(v, kinds.types[i]) for i, v in enumerate(zip(*self._rows, strict=True))]
            self._writer.write_batch(pa.record_batch(columns, schema=kinds))
            self._rows = []


@contextmanager
def writing_shard(path: Path) -> Iterator[ShardWriter]:
    """Write one shard file; complete when the block ends."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema()) as writer:
        shard = ShardWriter(writer)
        yield shard
        shard.flush()


class ShardReader:
    """Random access to one shard through a memory map.

    Args:
        path: The file.

    Raises:
        BrokenFileError: It is gone, or not a whole shard.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = pa.ipc.open_file(pa.memory_map(str(path), "r"))
        except (OSError, pa.ArrowInvalid) as error:
            place = f"datasets/{path.parent.name}/{path.name}"
            raise BrokenFileError(
                Text(
                    f"数据集文件 {place} 不见了或已损坏；请恢复它，或用 roadloop fsck --repair 登记为丢失后重新生成。",
                    f"{place} is gone or damaged; put it back, or have it noted as lost (roadloop fsck --repair) and"
                    " build the dataset again.",
                ),
                path=str(path),
            ) from error

    def row(self, index: int) -> dict[str, Any]:
        """Sample `index` of this shard, its columns by name."""
        batch = self._file.get_batch(index // BATCH_ROWS)
        place = index % BATCH_ROWS
        return {name: column[place].as_py() for name, column in zip(batch.schema.names, batch.columns, strict=True)}

    def encoded(self, index: int) -> tuple[str, memoryview, memoryview]:
        """Name, picture and label of a sample; the bytes of the two stay where they lie in the mapped file."""
        batch = self._file.get_batch(index // BATCH_ROWS)
        name, image, label = (batch.column(column)[index % BATCH_ROWS] for column in ("name", "image", "label"))
        return str(name.as_py()), _bytes_of(image), _bytes_of(label)

    def column(self, name: str) -> Iterator[Any]:
        """One column, row by row; the other columns' bytes are not read."""
        place = self._file.schema.get_field_index(name)
        for number in range(self._file.num_record_batches):
            yield from self._file.get_batch(number).column(place).to_pylist()


def _bytes_of(value: Any) -> memoryview:
    """A binary value, not copied."""
    return memoryview(value.as_buffer()).cast("B").toreadonly()
