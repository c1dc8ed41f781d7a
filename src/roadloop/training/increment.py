"""Which training pictures an increment added: those that its base dataset does not name. Reads the split lists."""

from collections.abc import Sequence
from pathlib import Path

from roadloop.datasets.info import SPLITS


def new_indices(names: Sequence[str], base: Path | None) -> list[int] | None:
    """Places of the new pictures among `names`.

    Args:
        names: `<package>/<stem>` of every training picture.
        base: Folder of the base dataset; None: all pictures are wanted.

    Returns:
        Indices into `names`, or None for all.
    """
    if base is None:
        return None
    known = {name for split in SPLITS for name in listed(base, split)}
    return [i for i, name in enumerate(names) if name not in known]


def listed(dataset: Path, split: str) -> list[str]:
    """Names in a dataset's list of one split; none when the list is absent."""
    path = dataset / "splits" / f"{split}.txt"
    if not path.is_file():
        return []
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line]
