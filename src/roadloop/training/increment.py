"""Which training pictures an increment added: those that its base dataset does not name. Reads the split lists."""

from pathlib import Path

from roadloop.datasets.info import SPLITS
from roadloop.datasets.reader import Split


def new_indices(split: Split, base: Path | None) -> list[int] | None:
    """Places of the new pictures in a split.

    Args:
        split: The training split.
        base: Folder of the base dataset; None: all pictures are wanted.

    Returns:
        Indices into the split, or None for all.
    """
    if base is None:
        return None
    known = {name for split in SPLITS for name in listed(base, split)}
    return [i for i, name in enumerate(split.names()) if name not in known]


def count_new(dataset: Path, base: Path) -> int:
    """How many training pictures an increment added to its base."""
    known = {name for split in SPLITS for name in listed(base, split)}
    return sum(1 for name in listed(dataset, "train") if name not in known)


def listed(dataset: Path, split: str) -> list[str]:
    """Names in a dataset's list of one split; none when the list is absent."""
    path = dataset / "splits" / f"{split}.txt"
    if not path.is_file():
        return []
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line]
