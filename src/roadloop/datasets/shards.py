"""The packed files: Arrow IPC, encoded bytes and columns, readable without roadloop (`pyarrow.ipc.open_file`).

A JPEG with a flipped bit decodes to another picture without an error, so every sample carries a checksum, which is
compared each time the sample is read.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple, get_type_hints

import pyarrow as pa
from zlib_ng import zlib_ng

from roadloop.errors import BrokenFileError, Text
from roadloop.imaging.header import Encoded

BATCH_ROWS: Final = 16
"""Rows that are written, and held in memory, at once."""

_OTHER_COLUMNS: Final = "the columns are not those of a shard"
_KINDS: Final = {str: pa.string(), bytes: pa.binary(), int: pa.int32()}


class Row(NamedTuple):
    """One packed sample; the fields are the columns."""

    name: str  # <package>/<stem>; unique in the dataset
    source: str  # source set
    package: str
    stem: str
    track: str
    point: str
    city: str
    width: int  # pixels, upright
    height: int
    image: bytes  # the original JPEG or PNG bytes
    image_format: str  # jpeg | png
    label: bytes  # 8-bit grey PNG of raw ids
    image_sha256: str
    label_sha256: str
    crc32: int  # of name, image and label, unsigned; absent from shards of older versions


def checksum(name: str, image: Encoded, label: Encoded) -> int:
    """CRC-32 of a sample's name, picture and label, one after the other."""
    return int(zlib_ng.crc32(label, zlib_ng.crc32(image, zlib_ng.crc32(name.encode()))))


@cache
def schema() -> Any:
    """The Arrow schema of every shard."""
    kinds = {name: _KINDS[kind] for name, kind in get_type_hints(Row).items()} | {"crc32": pa.uint32()}
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in kinds.items()])


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
        self._path = path
        with self._whole():
            self._file = pa.ipc.open_file(pa.memory_map(str(path), "r"))
            self._has_crc = self._file.schema.equals(schema())
            if not self._has_crc and not self._file.schema.equals(schema().remove(len(Row._fields) - 1)):
                raise pa.ArrowInvalid(_OTHER_COLUMNS)

    def encoded(self, index: int) -> tuple[str, memoryview, memoryview]:
        """Name, picture and label of a sample; the bytes of the two stay where they lie in the mapped file.

        Raises:
            BrokenFileError: The sample is damaged (then `name` is in its details), or the whole shard.
        """
        with self._whole():
            batch, place = self._batch(index // BATCH_ROWS), index % BATCH_ROWS
            texts = (batch.column(column)[place] for column in ("name", "image", "label"))
            name, image, label = next(texts).as_py(), _bytes_of(next(texts)), _bytes_of(next(texts))
        self._verify(name, image, label, batch, place)
        return name, image, label

    def values(self, index: int, columns: Sequence[str]) -> tuple[Any, ...]:
        """Some columns of one row; the other columns' bytes are not read."""
        with self._whole():
            batch, place = self._batch(index // BATCH_ROWS), index % BATCH_ROWS
            return tuple(batch.column(name)[place].as_py() for name in columns)

    def column(self, name: str) -> Iterator[Any]:
        """One column, row by row; the other columns' bytes are not read."""
        with self._whole():
            place = self._file.schema.get_field_index(name)
            for number in range(self._file.num_record_batches):
                yield from self._batch(number).column(place).to_pylist()

    def _batch(self, number: int) -> Any:
        """One batch whose offsets lie inside the file and whose texts are texts."""
        batch = self._file.get_batch(number)
        batch.validate(full=True)
        return batch

    def _verify(self, name: str, image: Encoded, label: Encoded, batch: Any, place: int) -> None:
        if self._has_crc:
            whole = checksum(name, image, label) == batch.column("crc32")[place].as_py()
        else:
            sums = (batch.column(column)[place].as_py() for column in ("image_sha256", "label_sha256"))
            whole = tuple(sums) == (hashlib.sha256(image).hexdigest(), hashlib.sha256(label).hexdigest())
        if not whole:
            raise BrokenFileError(
                Text(
                    f"{self._place} 中样本 {name} 的字节已损坏（校验和不符）；请恢复该文件，或重新生成数据集。",
                    f"Sample {name} in {self._place} is damaged (its checksum does not fit);"
                    " put the file back, or build the dataset again.",
                ),
                path=str(self._path),
                name=name,
            )

    @property
    def _place(self) -> str:
        return f"datasets/{self._path.parent.name}/{self._path.name}"

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Turn what Arrow says of a file that is gone or damaged into our named error."""
        try:
            yield
        except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
            raise BrokenFileError(
                Text(
                    f"数据集文件 {self._place} 不见了或已损坏；请恢复它，或用 roadloop fsck --repair 登记为丢失后重新生成。",
                    f"{self._place} is gone or damaged; put it back, or have it noted as lost (roadloop fsck --repair) and"
                    " build the dataset again.",
                ),
                path=str(self._path),
            ) from error


def _bytes_of(value: Any) -> memoryview:
    """A binary value, not copied."""
    return memoryview(value.as_buffer()).cast("B").toreadonly()
