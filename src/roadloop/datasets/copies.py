"""Pictures of a dataset once more, as rows of another one: an increment that shows a rare class more often."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadloop.datasets.info import SPLITS
from roadloop.datasets.reader import DatasetReader
from roadloop.datasets.shards import Row, checksum
from roadloop.imaging.decode import decode_label
from roadloop.labels.table import IGNORE, ClassTable
from roadloop.sources.check import count_ids

_TAKEN: Final = tuple(name for name in Row._fields if name not in {"name", "image", "label", "crc32"})


class Copies(NamedTuple):
    """Which pictures of a dataset's training part to look at, and which of them to take.

    Attributes:
        folder: The dataset's.
        digest: Of its content.
        places: Indices into its training part.
        raw_ids: A picture that shows one of these is taken.
    """

    folder: Path
    digest: str
    places: tuple[int, ...]
    raw_ids: tuple[int, ...]


class Made(NamedTuple):
    """One row, and what is counted of it.

    Attributes:
        row: As it goes into the shard.
        counts: int64 [256], pixels by raw id.
        unknown_pixels: Those outside the class table.
        learned: Raw ids that are not ignored by default.
    """

    row: Row
    counts: NDArray[np.int64]
    unknown_pixels: int
    learned: list[int]


def learned_ids(table: ClassTable) -> list[int]:
    """Raw ids that are not ignored by default."""
    return [c.raw_id for c in table.classes if c.train_id != IGNORE]


def copy_name(name: str, taken: frozenset[str]) -> str:
    """What a picture's next copy is called: `<name>+1`, `+2` where that stands in the dataset already."""
    return next(free for n in count(1) if (free := f"{name}+{n}") not in taken)


def copied(copies: Copies, names: Sequence[str]) -> Iterator[Made | None]:
    """The pictures byte for byte, verified; None for one that shows none of the classes.

    Raises:
        BrokenFileError: A picture of the dataset is damaged.
    """
    reader = _open(copies.folder, copies.digest)
    samples, learned = reader.split(SPLITS[0]), learned_ids(reader.info.table)
    for place, name in zip(copies.places, names, strict=True):
        sample = samples.encoded(place)
        counts = count_ids(decode_label(sample.label))
        if not counts[list(copies.raw_ids)].any():
            yield None
            continue
        image, label = bytes(sample.image), bytes(sample.label)
        values = dict(zip(_TAKEN, samples.values(place, _TAKEN), strict=True))
        row = Row(**values, name=name, image=image, label=label, crc32=checksum(name, image, label))
        yield Made(row, counts, 0, learned)


@lru_cache(maxsize=1)
def _open(folder: Path, _digest: str) -> DatasetReader:
    return DatasetReader(folder)
