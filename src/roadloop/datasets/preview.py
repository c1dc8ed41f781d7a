"""What a dataset would be, before it is built: the preview of the form.

Where the numbers come from. Pictures, tracks and the split: from the names of the files and the sets' manifests, by the
code that the job itself divides with (`gather`); no picture is opened, and a scan is kept until the
set's folders change. Classes: from some labels of each part, `LOOKED_AT` at most, evenly from its tracks, which are
decoded once and remembered; the answer says how many these were. An increment's base: from its `dataset.json` and the
name columns of its shards. The only transactions are the short ones in which the base is looked up.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from roadloop.datasets import service
from roadloop.datasets.gather import Gathered, divide, empty_parts, gather, nothing
from roadloop.datasets.info import SPLITS
from roadloop.datasets.recipe import DatasetRecipe, Division
from roadloop.datasets.split import LEFT_OUT, normalise_shares
from roadloop.errors import Language, RoadloopError, Text, many
from roadloop.imaging.header import read_header
from roadloop.imaging.room import room
from roadloop.labels.table import IGNORE, ClassTable, union
from roadloop.sources.check import read_ids
from roadloop.sources.choice import FIELDS
from roadloop.sources.contents import scanned
from roadloop.sources.layout import Sample
from roadloop.sources.service import open_set
from roadloop.storage import reading
from roadloop.storage.platform import Platform

LOOKED_AT: Final = 40  #: labels of each part
FEW: Final = 10  #: pictures in a part that say little
_SHOWN: Final = 12  #: files that are left out, tracks of a part
_VALUES: Final = 60  #: of each field of the filter
_FIELDS: Final = ("city", "author", "source", "annotype", "datakind", "imgoprange", "package")
_NAME: Final = "preview"  # of a dataset that is never built


def preview(platform: Platform, request: Division, language: Language) -> dict[str, Any]:
    """What a dataset would hold, plain values.

    Raises:
        NotFoundError: A source set or the base is unknown.
        ConflictError: Two class tables give one raw id different meanings, or the base is not finished.
        InvalidValueError: A share or the filter is wrong, a set has no pictures, or official lists are missing.
    """
    recipe = service.resolve(platform, request, name=_NAME)
    found = gather(platform.workspace, recipe, scanned)
    splits, warnings = divide(recipe, found) if found.named else ({}, (nothing(recipe, found),))
    parts = {split: [name for name in found.named if splits[name] == split] for split in SPLITS}
    base = found.base
    tables = [*([base.info.table] if base else []), *found.tables.values()]
    table = union(tables[0].name, tables)
    max_pixels = platform.settings.max_picture_mpix * 1_000_000
    described = {split: _part(found, split, names, max_pixels) for split, names in parts.items()}
    if found.named:
        warnings = (*warnings, *_too_small(recipe, found, described), *_missing(found, described, table))
    sets = [scanned(open_set(platform.workspace, name)).samples for name in recipe.sources]
    return {
        "parts": described,
        "left_out": {
            "filter": found.left_out,
            "split": sum(split == LEFT_OUT for split in splits.values()),
            "bad": len(found.problems),
        },
        "problems": [{"file": p.file, "reason": p.reason.pick(language)} for p in found.problems[:_SHOWN]],
        "sources": [
            {
                "name": name,
                "pictures": len(samples),
                "tracks": len({sample.track for sample in samples}),
                "chosen": found.chosen[name],
                "new": sum(sample.source == name for sample in found.named.values()),
                "lists": open_set(platform.workspace, name).has_splits(),
            }
            for name, samples in zip(recipe.sources, sets, strict=True)
        ],
        "base": {"name": base.info.name, "counts": dict(base.info.counts)} if base else None,
        "fields": _fields([sample for samples in sets for sample in samples]),
        "classes": table.to_rows(),
        "warnings": [text.pick(language) for text in warnings],
        "possible": bool(found.named),
    }


def _part(found: Gathered, split: str, names: Sequence[str], max_pixels: int) -> dict[str, Any]:
    tracks = Counter(found.named[name].track for name in names)
    looked, unusable = 0, 0
    classes: Counter[int] = Counter()
    for sample in _some([found.named[name] for name in names]):
        seen = _classes_of(sample, found.tables[sample.source], max_pixels)
        looked += seen is not None
        unusable += seen is None
        classes.update(seen or ())
    base = found.base.info if found.base else None
    return {
        "pictures": len(names),
        "tracks": len(tracks),
        "largest": [{"track": track, "pictures": number} for track, number in tracks.most_common(_SHOWN)],
        "base": base.counts[split] if base else 0,
        "looked_at": looked,
        "unusable": unusable,
        "classes": [{"raw_id": i, "pictures": number} for i, number in sorted(classes.items()) if i != IGNORE],
    }


def _some(samples: Sequence[Sample]) -> list[Sample]:
    """Some of the pictures whose labels are files, evenly from their tracks."""
    near = sorted((s for s in samples if not s.stored), key=lambda s: (s.track, s.point, s.key))
    number = min(LOOKED_AT, len(near))
    return [near[(2 * k + 1) * len(near) // (2 * number)] for k in range(number)]


def _classes_of(sample: Sample, table: ClassTable, max_pixels: int) -> frozenset[int] | None:
    """Raw ids in a label; None where it cannot be used."""
    place = sample.label
    try:
        state = (place.stat().st_size, place.stat().st_mtime_ns) if isinstance(place, Path) else None
    except OSError:
        return None
    return _decoded(sample, table, max_pixels, state)


@lru_cache(maxsize=4096)
def _decoded(sample: Sample, table: ClassTable, max_pixels: int, _state: object) -> frozenset[int] | None:
    try:
        header = read_header(reading.read_bytes(sample.label))
        with room.take(header.width * header.height):
            _ids, counts, _unknown = read_ids(sample, table, max_pixels)
    except (OSError, RoadloopError):
        return None
    return frozenset(counts.nonzero()[0].tolist())


def _too_small(recipe: DatasetRecipe, found: Gathered, parts: Mapping[str, Mapping[str, Any]]) -> Iterator[Text]:
    """What in a split would make scores that say little."""
    counts = {split: part["pictures"] + part["base"] for split, part in parts.items()}
    empty = empty_parts(recipe, counts)
    if empty:
        yield empty
    whole = sum(counts.values())
    shares = {} if recipe.lists else normalise_shares(recipe.shares)
    for split in SPLITS:
        pictures, share = counts[split], shares.get(split, 0.0)
        if not pictures:
            continue
        if pictures < FEW:
            why = _why_few(split)
            yield Text(
                f"{split} 只有 {pictures} 张图片：{why.zh}",
                f"{split} has {pictures} {'picture' if pictures == 1 else 'pictures'} only: {why.en}",
            )
        elif share and found.base is None and abs(pictures / whole - share) > share / 2:
            yield Text(
                f"{split} 占 {pictures / whole:.0%}，而要求 {share:.0%}：轨迹不可拆分，轨迹少或大小悬殊时只能如此",
                f"{split} gets {pictures / whole:.0%} where {share:.0%} were asked for: tracks stay whole, and these"
                " are few or of very different sizes",
            )
    unusable = sum(part["unusable"] for part in parts.values())
    if unusable:
        looked = unusable + sum(part["looked_at"] for part in parts.values())
        yield Text(
            f"查看的 {looked} 个标注中有 {unusable} 个无法使用，生成时会被排除并写明原因",
            f"Of {many(looked, 'label')} that were looked at, {unusable} cannot be used; the build leaves them out and says why",
        )


def _missing(found: Gathered, parts: Mapping[str, Mapping[str, Any]], table: ClassTable) -> Iterator[Text]:
    """The classes of train that no label of val, or test, shows, as far as these were looked at."""
    base = found.base.info.statistics if found.base else {}
    seen = {
        split: {one["raw_id"] for one in part["classes"]} | set(base.get(split, ())) for split, part in parts.items()
    }
    for split in SPLITS[1:]:
        missing = [one for one in table.classes if one.raw_id in seen["train"] - seen[split] and one.raw_id != IGNORE]
        if seen[split] and missing:
            more = "…" if len(missing) > _SHOWN else ""
            zh = "、".join(one.name_zh or one.name_en for one in missing[:_SHOWN]) + more
            en = ", ".join(one.name_en or one.name_zh for one in missing[:_SHOWN]) + more
            looked = parts[split]["looked_at"]
            yield Text(
                f"{split} 的 {looked} 个标注中没有：{zh}；这些类别没有成绩可看",
                f"None of the {many(looked, 'label')} of {split} that were looked at shows {en}: there would be no score for it",
            )


def _why_few(split: str) -> Text:
    if split == "train":
        return Text("学不到什么；请多选源数据", "there is little to learn from; choose more source sets")
    return Text(
        "这样的成绩不可信；请增加轨迹、调整份额，或换一个种子",
        "scores on so few say nothing; add tracks, change the shares, or try another seed",
    )


def _fields(samples: Sequence[Sample]) -> dict[str, list[dict[str, Any]]]:
    """What the filter can tell apart: field -> its most frequent values; months for the time."""
    values: dict[str, Counter[str]] = {name: Counter(map(FIELDS[name], samples)) for name in _FIELDS}
    values["month"] = Counter(FIELDS["time"](sample)[:7] for sample in samples)
    return {
        name: [{"name": value, "pictures": number} for value, number in counted.most_common(_VALUES)]
        for name, counted in values.items()
        if len(counted) > 1 or "" not in counted
    }
