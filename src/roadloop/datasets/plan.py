"""Decide before anything is decoded: which pictures, in which split, in which shard."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from roadloop.datasets.info import SPLITS, DatasetInfo
from roadloop.datasets.pack import ShardPlan
from roadloop.datasets.reader import DatasetReader
from roadloop.datasets.recipe import DatasetRecipe
from roadloop.datasets.shards import BATCH_ROWS
from roadloop.datasets.split import LEFT_OUT, assign, normalise_shares
from roadloop.errors import JobError, Text
from roadloop.labels.table import ClassTable
from roadloop.sources.choice import passes
from roadloop.sources.layout import Problem, Sample
from roadloop.sources.service import open_set, read_splits, scan
from roadloop.storage.paths import Workspace

MOST_ROWS: Final = 128
MANY_SHARDS: Final = 24


class Base(NamedTuple):
    """The dataset that an increment starts from.

    Attributes:
        folder: Where it is.
        info: What it says about itself.
        names: Names of all its samples.
        tracks: Track -> its split (the first one, in the order train, val, test).
    """

    folder: Path
    info: DatasetInfo
    names: frozenset[str]
    tracks: Mapping[str, str]


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
        return sum(len(s.samples) for s in self.shards)


def make_plan(workspace: Workspace, recipe: DatasetRecipe) -> Plan:
    """Scan the source sets and divide their pictures.

    Raises:
        JobError: There is no labelled picture, or an increment adds none.
        InvalidValueError: Official lists are missing or contradict each other.
    """
    base = _open_base(workspace, recipe)
    tables: dict[str, ClassTable] = {}
    named: dict[str, Sample] = {}
    official: dict[str, str] = {}
    problems: list[Problem] = []
    first = base.info.sources[0] if base else recipe.sources[0]
    left_out = 0
    for source_name in recipe.sources:
        source = open_set(workspace, source_name)
        tables[source.name] = source.table
        found = scan(source)
        problems += found.problems
        lists = read_splits(source) if recipe.lists else {}
        chosen = [sample for sample in found.samples if passes(sample, recipe.filter)]
        left_out += len(found.samples) - len(chosen)
        for sample in chosen:
            name = sample.key if source_name == first else f"{source_name}/{sample.key}"
            if base is None or name not in base.names:
                named[name] = sample
                official[name] = lists.get(sample.key, LEFT_OUT)
    if not named:
        raise _nothing(recipe, base, problems, left_out)
    warnings: list[Text] = []
    if recipe.lists:
        splits = official
        left = sum(split == LEFT_OUT for split in official.values())
        if left:
            warnings.append(
                Text(
                    f"{left} 张图片不在官方划分列表中，未使用",
                    f"{left} pictures are in no official list and are left out",
                )
            )
    else:
        splits = _draw(recipe, named, base, warnings)
    return Plan(tables, tuple(_shards(named, splits, base)), tuple(problems), tuple(warnings), base)


def _open_base(workspace: Workspace, recipe: DatasetRecipe) -> Base | None:
    if recipe.data_type != "aug":
        return None
    folder = workspace.dataset(recipe.base_data)
    reader = DatasetReader(folder)
    names: set[str] = set()
    tracks: dict[str, str] = {}
    for split in SPLITS:
        samples = reader.split(split)
        names.update(samples.column("name"))
        for track in samples.column("track"):
            tracks.setdefault(track, split)
    return Base(folder, reader.info, frozenset(names), tracks)


def _draw(
    recipe: DatasetRecipe, named: Mapping[str, Sample], base: Base | None, warnings: list[Text]
) -> dict[str, str]:
    shares = normalise_shares(recipe.shares)
    sent = sum(recipe.shares.values())
    if sent > 1 + 1e-9:
        shown = ", ".join(f"{name} {share:.4f}" for name, share in shares.items())
        warnings.append(
            Text(f"比例之和为 {sent:g}，已按比例折算：{shown}", f"The shares sum to {sent:g}; divided by it: {shown}")
        )
    if recipe.split_by == "picture":
        return assign(dict.fromkeys(named, 1), shares, recipe.seed)
    sizes = Counter(s.track for s in named.values())
    tracks = assign(sizes, shares, recipe.seed, base.tracks if base else None)
    splits = {name: tracks[sample.track] for name, sample in named.items()}
    left = sum(split == LEFT_OUT for split in splits.values())
    if left:
        warnings.append(
            Text(f"比例之和小于 1，{left} 张图片未使用", f"The shares sum to less than 1; {left} pictures are left out")
        )
    return splits


def _shards(named: Mapping[str, Sample], splits: Mapping[str, str], base: Base | None) -> Iterator[ShardPlan]:
    rows = shard_rows(len(named))
    for split in SPLITS:
        start = _next_number(base.info, split) if base else 0
        names = [name for name in named if splits[name] == split]
        for number, begin in enumerate(range(0, len(names), rows), start):
            chosen = names[begin : begin + rows]
            yield ShardPlan(split, number, tuple(named[n] for n in chosen), tuple(chosen))


def shard_rows(pictures: int) -> int:
    """Samples in a shard: enough shards to keep many processes busy, none smaller than a batch."""
    return min(MOST_ROWS, max(BATCH_ROWS, pictures // MANY_SHARDS))


def _next_number(info: DatasetInfo, split: str) -> int:
    files = [s.file for s in info.shards.get(split, ())]
    return max((int(f.removesuffix(".arrow").rpartition("-")[2]) + 1 for f in files), default=0)


def _nothing(recipe: DatasetRecipe, base: Base | None, problems: Sequence[Problem], left_out: int) -> JobError:
    sets = ", ".join(recipe.sources)
    if left_out:
        return JobError(
            Text(
                f"filter 排除了源数据 {sets} 的全部 {left_out} 张（新）图片；请检查取值是否与 manifest.csv 一致",
                f"The filter leaves out all {left_out} (new) pictures of {sets};"
                " compare its values with the sets' manifest.csv",
            )
        )
    if base:
        return JobError(
            Text(
                f"源数据 {sets} 中没有 {recipe.base_data} 以外的新图片；未生成新 data",
                f"Source sets {sets} hold no picture that {recipe.base_data} does not have; nothing was built",
            )
        )
    example = f"; {problems[0].file}: {problems[0].reason.en}" if problems else ""
    example_zh = f"；例如 {problems[0].file}：{problems[0].reason.zh}" if problems else ""
    return JobError(
        Text(
            f"源数据 {sets} 中没有带标注的图片（<包>/X.jpg 与 X.png 或 label-X.png）{example_zh}",
            f"Source sets {sets} hold no labelled picture (<package>/X.jpg with X.png or label-X.png){example}",
        )
    )
