"""Decide before anything is decoded: which pictures, in which split, in which shard."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from roadloop.datasets.copies import Copies, copy_name
from roadloop.datasets.gather import Base, divide, gather, nothing, open_base
from roadloop.datasets.info import SPLITS, DatasetInfo, read_tracks
from roadloop.datasets.pack import ShardPlan
from roadloop.datasets.reader import DatasetReader
from roadloop.datasets.recipe import DatasetRecipe
from roadloop.datasets.shards import BATCH_ROWS
from roadloop.errors import JobError, Text
from roadloop.labels.table import ClassTable
from roadloop.sources.layout import Problem, Sample
from roadloop.sources.service import scan
from roadloop.storage.paths import Workspace

MOST_ROWS: Final = 128
MANY_SHARDS: Final = 24


class Plan(NamedTuple):
    """What a build will do.

    Attributes:
        tables: Class table of each source set.
        shards: What to pack, in order.
        problems: Files that are left out already.
        warnings: What a person should know.
        base: For an increment.
    """

    tables: Mapping[str, ClassTable]
    shards: tuple[ShardPlan, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Text, ...]
    base: Base | None

    @property
    def pictures(self) -> int:
        """How many pictures will be read."""
        return sum(len(s.names) for s in self.shards)


def make_plan(workspace: Workspace, recipe: DatasetRecipe) -> Plan:
    """Scan the source sets and divide their pictures.

    Raises:
        JobError: There is no labelled picture, or an increment adds none.
        InvalidValueError: Official lists are missing or contradict each other.
    """
    if recipe.again:
        return _plan_copies(workspace, recipe)
    found = gather(workspace, recipe, scan)
    if not found.named:
        raise JobError(nothing(recipe, found))
    splits, warnings = divide(recipe, found)
    return Plan(found.tables, tuple(_shards(found.named, splits, found.base)), found.problems, warnings, found.base)


def _shards(named: Mapping[str, Sample], splits: Mapping[str, str], base: Base | None) -> Iterator[ShardPlan]:
    rows = shard_rows(len(named))
    for split in SPLITS:
        start = _next_number(base.info, split) if base else 0
        names = [name for name in named if splits[name] == split]
        for number, begin in enumerate(range(0, len(names), rows), start):
            chosen = names[begin : begin + rows]
            yield ShardPlan(split, number, tuple(named[n] for n in chosen), tuple(chosen))


def _plan_copies(workspace: Workspace, recipe: DatasetRecipe) -> Plan:
    """An increment that repeats pictures: every one whose track shows a class is looked at, in the order of the base.

    What a base has repeated already is no picture of its own: one that is repeated twice stands in a dataset three times.
    """
    base = open_base(workspace, recipe)
    assert base is not None
    table = {recipe.base_data: base.info.table}
    tracks = frozenset().union(*(read_tracks(base.folder, SPLITS[0], raw_id) for raw_id in recipe.again))
    samples = DatasetReader(base.folder).split(SPLITS[0])
    columns = zip(*(samples.column(name) for name in ("name", "track", "package", "stem")), strict=True)
    looked_at = [
        (index, name)
        for index, (name, track, package, stem) in enumerate(columns)
        if track in tracks and name.endswith(f"{package}/{stem}")
    ]
    rows, first = shard_rows(len(looked_at)), _next_number(base.info, SPLITS[0])
    shards = []
    for number, begin in enumerate(range(0, len(looked_at), rows), first):
        places, names = zip(*looked_at[begin : begin + rows], strict=True)
        copies = Copies(base.folder, base.info.digest, places, recipe.again)
        shards.append(ShardPlan(SPLITS[0], number, (), tuple(copy_name(n, base.names) for n in names), copies))
    return Plan(table, tuple(shards), (), (), base)


def shard_rows(pictures: int) -> int:
    """Samples in a shard: enough shards to keep many processes busy, none smaller than a batch."""
    return min(MOST_ROWS, max(BATCH_ROWS, pictures // MANY_SHARDS))


def _next_number(info: DatasetInfo, split: str) -> int:
    files = [s.file for s in info.shards.get(split, ())]
    return max((int(f.removesuffix(".arrow").rpartition("-")[2]) + 1 for f in files), default=0)
