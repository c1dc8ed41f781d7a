"""Which pictures a dataset is made from, and which split each gets: by names, manifests and lists; none is opened.

The job divides by this, and so does the preview of the form.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from roadloop.datasets.info import SPLITS, DatasetInfo
from roadloop.datasets.reader import DatasetReader
from roadloop.datasets.recipe import DatasetRecipe
from roadloop.datasets.split import LEFT_OUT, assign, normalise_shares
from roadloop.errors import Text, many
from roadloop.labels.table import ClassTable
from roadloop.sources.choice import passes
from roadloop.sources.layout import Problem, Sample
from roadloop.sources.service import Scan, SourceSet, open_set, read_splits
from roadloop.storage.paths import Workspace


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


class Gathered(NamedTuple):
    """The pictures that a dataset is made from, before they are divided.

    Attributes:
        base: For an increment.
        tables: Class table of each source set.
        named: Name in the dataset -> picture; those that an increment's base has are not among them.
        official: Name -> split of the sets' official lists, where these are used.
        problems: Files that are left out already.
        chosen: Source set -> pictures that the filter lets through, those of the base among them.
        left_out: Pictures that the filter leaves out.
    """

    base: Base | None
    tables: Mapping[str, ClassTable]
    named: Mapping[str, Sample]
    official: Mapping[str, str]
    problems: tuple[Problem, ...]
    chosen: Mapping[str, int]
    left_out: int


class Division(NamedTuple):
    """Which picture goes where: name -> split, "" for what is left out; and what a person should know about it."""

    splits: Mapping[str, str]
    warnings: tuple[Text, ...]


def gather(workspace: Workspace, recipe: DatasetRecipe, look: Callable[[SourceSet], Scan]) -> Gathered:
    """The pictures that a recipe means, by names and manifests; none is opened.

    Args:
        workspace: Has the sets, and the base.
        recipe: What is asked for.
        look: Scans a set.

    Raises:
        InvalidValueError: Official lists are missing or contradict each other.
    """
    base = open_base(workspace, recipe)
    tables: dict[str, ClassTable] = {}
    counts: dict[str, int] = {}
    named: dict[str, Sample] = {}
    official: dict[str, str] = {}
    problems: list[Problem] = []
    first = base.info.sources[0] if base else recipe.sources[0]
    left_out = 0
    for source_name in recipe.sources:
        source = open_set(workspace, source_name)
        tables[source.name] = source.table
        found = look(source)
        problems += found.problems
        lists = read_splits(source) if recipe.lists else {}
        chosen = [sample for sample in found.samples if passes(sample, recipe.filter)]
        left_out += len(found.samples) - len(chosen)
        counts[source.name] = len(chosen)
        for sample in chosen:
            name = sample.key if source_name == first else f"{source_name}/{sample.key}"
            if base is None or name not in base.names:
                named[name] = sample
                official[name] = lists.get(sample.key, LEFT_OUT)
    return Gathered(base, tables, named, official, tuple(problems), counts, left_out)


def divide(recipe: DatasetRecipe, found: Gathered) -> Division:
    """Give every picture its split."""
    warnings: list[Text] = []
    if not recipe.lists:
        return Division(_draw(recipe, found.named, found.base, warnings), tuple(warnings))
    left = sum(split == LEFT_OUT for split in found.official.values())
    if left:
        warnings.append(
            Text(
                f"{left} 张图片不在官方划分列表中，未使用",
                f"{many(left, 'picture is', 'pictures are')} in no official list and are left out",
            )
        )
    return Division(found.official, tuple(warnings))


def empty_parts(recipe: DatasetRecipe, counts: Mapping[str, int]) -> Text | None:
    """Which splits that were asked for have no picture, and why."""
    wanted = ("train", "val") if recipe.lists else [s for s in SPLITS if recipe.shares.get(s, 0) > 0]
    empty = [split for split in wanted if not counts[split]]
    if not empty:
        return None
    return Text(
        f"{'、'.join(empty)} 没有图片：轨迹数少于划分数，或列表为空",
        f"No pictures in {', '.join(empty)}: fewer tracks than shares, or empty lists",
    )


def open_base(workspace: Workspace, recipe: DatasetRecipe) -> Base | None:
    """The dataset that a recipe's increment starts from; None where it is none."""
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
            Text(
                f"比例之和小于 1，{left} 张图片未使用",
                f"The shares sum to less than 1; {many(left, 'picture is', 'pictures are')} left out",
            )
        )
    return splits


def nothing(recipe: DatasetRecipe, found: Gathered) -> Text:
    """Why there is no picture to divide."""
    sets, problems = ", ".join(recipe.sources), found.problems
    if found.left_out:
        return Text(
            f"filter 排除了源数据 {sets} 的全部 {found.left_out} 张（新）图片；请检查取值是否与 manifest.csv 一致",
            f"The filter leaves out all {found.left_out} (new) pictures of {sets};"
            " compare its values with the sets' manifest.csv",
        )
    if found.base:
        return Text(
            f"源数据 {sets} 中没有 {recipe.base_data} 以外的新图片；未生成新 data",
            f"Source sets {sets} hold no picture that {recipe.base_data} does not have; nothing was built",
        )
    example = f"; {problems[0].file}: {problems[0].reason.en}" if problems else ""
    example_zh = f"；例如 {problems[0].file}：{problems[0].reason.zh}" if problems else ""
    return Text(
        f"源数据 {sets} 中没有带标注的图片（<包>/X.jpg 与 X.png 或 label-X.png）{example_zh}",
        f"Source sets {sets} hold no labelled picture (<package>/X.jpg with X.png or label-X.png){example}",
    )
