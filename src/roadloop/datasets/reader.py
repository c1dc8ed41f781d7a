"""Read a built dataset: random access, memory-mapped, safe to hand to other processes."""

import bisect
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from roadloop.datasets.info import SPLITS, DatasetInfo, Shard, read_info
from roadloop.errors import NotFoundError, Text

if TYPE_CHECKING:
    from roadloop.datasets.shards import ShardReader


class EncodedSample(NamedTuple):
    """One sample of a dataset; the bytes lie in the mapped file and are read-only.

    Attributes:
        name: `<package>/<stem>`, unique in the dataset.
        image: JPEG or PNG, as it was in the source set.
        label: 8-bit grey PNG; pixel = raw id.
    """

    name: str
    image: memoryview
    label: memoryview


class Split:
    """The samples of one split, by index.

    Files are opened when first needed, once in each process; pickling carries the paths only.
    """

    def __init__(self, folder: Path, shards: tuple[Shard, ...]) -> None:
        self._folder = folder
        self._shards = shards
        self._ends = list(accumulate(s.rows for s in shards))
        self._open: dict[int, ShardReader] = {}

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __reduce__(self) -> tuple[Any, ...]:
        """Carry no open file into another process."""
        return Split, (self._folder, self._shards)

    def encoded(self, index: int) -> EncodedSample:
        """Name, picture and label of sample `index`, 0..len-1; no byte of the two is copied.

        Raises:
            IndexError: Outside that range.
        """
        shard, place = self._find(index)
        return EncodedSample(*shard.encoded(place))

    def values(self, index: int, columns: Sequence[str]) -> tuple[Any, ...]:
        """Some columns of sample `index`, 0..len-1; pictures and labels are not read.

        Raises:
            IndexError: Outside that range.
        """
        shard, place = self._find(index)
        return shard.values(place, columns)

    def column(self, name: str) -> Iterator[Any]:
        """One column of all samples in order, for example `track`; pictures and labels are not read."""
        for number in range(len(self._shards)):
            yield from self._shard(number).column(name)

    def names(self) -> list[str]:
        """Names of all samples, in order."""
        return list(self.column("name"))

    def _find(self, index: int) -> "tuple[ShardReader, int]":
        """The shard of a sample, and its place there."""
        if not 0 <= index < len(self):
            message = f"sample {index} of {len(self)}"
            raise IndexError(message)
        number = bisect.bisect_right(self._ends, index)
        return self._shard(number), index - (self._ends[number - 1] if number else 0)

    def _shard(self, number: int) -> "ShardReader":
        shard = self._open.get(number)
        if shard is None:
            from roadloop.datasets.shards import ShardReader  # noqa: PLC0415 - the server imports no pyarrow

            shard = self._open[number] = ShardReader(self._folder / self._shards[number].file)
        return shard


class DatasetReader:
    """A built dataset.

    Args:
        folder: `datasets/<name>`.

    Raises:
        BrokenFileError: `dataset.json` is missing or unknown.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.info: DatasetInfo = read_info(folder)

    def split(self, name: str) -> Split:
        """The samples of `train`, `val` or `test`.

        Raises:
            NotFoundError: No such split.
        """
        if name not in SPLITS:
            raise NotFoundError(
                Text(f"没有名为 {name} 的划分；应为 train、val 或 test", f"No split {name}: it is train, val or test"),
                split=name,
            )
        return Split(self.folder, self.info.shards.get(name, ()))
