"""Put a dataset's folder together from its shards: lists, statistics, leak report, manifest."""

import csv
import hashlib
import io
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roadloop.datasets.gather import Base, empty_parts
from roadloop.datasets.info import DATASET, REPORT, SHOWN, SPLITS, TRACKS, DatasetInfo, Leak, Shard, format_report
from roadloop.datasets.pack import ShardReport
from roadloop.datasets.plan import Plan
from roadloop.datasets.reader import Split
from roadloop.datasets.recipe import DatasetRecipe
from roadloop.datasets.tally import Tally, total
from roadloop.errors import Text, many
from roadloop.labels.table import format_csv, union
from roadloop.storage import publish, reading

CLASSES: Final = "classes.csv"
_MOST_LEAKS_NAMED: Final = 10


def assemble(
    folder: Path, parts: Path, recipe: DatasetRecipe, plan: Plan, reports: Sequence[ShardReport]
) -> DatasetInfo:
    """Fill `folder`, a scratch folder, with a finished dataset; whoever publishes it seals it.

    Args:
        folder: The scratch folder, empty.
        parts: Where the packed shards stand; they are linked, not moved, so that a killed attempt keeps them.
        recipe: What was asked for.
        plan: What was planned.
        reports: One for each planned shard, in any order.
    """
    assert sorted(r.file for r in reports) == sorted(s.file for s in plan.shards), "every shard, once"
    ordered = sorted(reports, key=lambda r: (SPLITS.index(r.split), r.file))
    shards = _link_shards(folder, parts, plan.base, ordered)
    tallies = _tallies(plan.base, ordered)
    problems = sorted([*plan.problems, *(p for r in ordered for p in r.problems)])
    info = _describe(recipe, plan, shards, tallies, _go_over(folder, shards), len(problems))
    _write_text(folder / CLASSES, format_csv(info.table))
    _write_text(folder / REPORT, format_report(problems))
    _write_text(folder / TRACKS, _format_tracks(tallies))
    if plan.base is None or (plan.base.folder / SHOWN).is_file():
        _write_text(folder / SHOWN, _format_shown(tallies))
    publish.write_json(folder / DATASET, info.to_json())
    return info


def _link_shards(
    folder: Path, parts: Path, base: Base | None, reports: Sequence[ShardReport]
) -> dict[str, tuple[Shard, ...]]:
    shards: dict[str, list[Shard]] = {split: [] for split in SPLITS}
    for split, old in (base.info.shards if base else {}).items():
        for shard in old:
            assert base is not None
            _link(base.folder / shard.file, folder / shard.file)
            shards[split].append(shard)
    for report in reports:
        if report.rows:
            _link(parts / report.file, folder / report.file)
            shards[report.split].append(Shard(report.file, report.rows))
    return {split: tuple(found) for split, found in shards.items()}


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


def _tallies(base: Base | None, reports: Sequence[ShardReport]) -> dict[str, Tally]:
    tallies = {split: total(r.tally for r in reports if r.split == split) for split in SPLITS}
    if base:
        for split, tally in _base_tallies(base).items():
            tallies[split].merge(tally)
    return tallies


def _base_tallies(base: Base) -> dict[str, Tally]:
    tallies: dict[str, Tally] = {}
    for split in SPLITS:
        tallies[split] = tally = Tally()
        for raw_id, count in base.info.statistics[split].items():
            tally.pixels[raw_id] = count.pixels
            tally.pictures[raw_id] = count.pictures
    # Sizes and the two counts are kept for the whole dataset; any split may carry them.
    tallies[SPLITS[0]].sizes.update(base.info.sizes)
    tallies[SPLITS[0]].unknown_pixels = base.info.unknown_pixels
    tallies[SPLITS[0]].all_ignored = base.info.all_ignored
    with reading.open_text(base.folder / TRACKS) as stream:
        for row in csv.DictReader(stream):
            tally = tallies[row["split"]]
            tally.tracks[row["track"]] = int(row["pictures"])
            tally.seen[row["track"]] = {int(i) for i in row["raw_ids"].split()}
    if (base.folder / SHOWN).is_file():  # not in those of older versions
        with reading.open_text(base.folder / SHOWN) as stream:
            for row in csv.DictReader(stream):
                present = np.isin(np.arange(256), [int(i) for i in row["raw_ids"].split()])
                tallies[row["split"]].shown[np.packbits(present, bitorder="little").tobytes()] = int(row["pixels"])
    return tallies


def _format_tracks(tallies: Mapping[str, Tally]) -> str:
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["track", "split", "pictures", "raw_ids"])
    for split, tally in tallies.items():
        for track in sorted(tally.tracks):
            ids = " ".join(str(i) for i in sorted(tally.seen[track]))
            rows.writerow([track, split, tally.tracks[track], ids])
    return out.getvalue()


def _format_shown(tallies: Mapping[str, Tally]) -> str:
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["split", "raw_ids", "pixels"])
    for split, tally in tallies.items():
        for key, pixels in sorted(tally.shown.items()):
            present = np.flatnonzero(np.unpackbits(np.frombuffer(key, np.uint8), bitorder="little"))
            rows.writerow([split, " ".join(map(str, present.tolist())), pixels])
    return out.getvalue()


def _go_over(folder: Path, shards: Mapping[str, tuple[Shard, ...]]) -> tuple[str, int]:
    """Write the split lists and compute what needs every sample; columns only, no picture is read.

    Returns:
        sha256 over name, split, picture and label of every sample; and how many pictures stand in more than one split,
        byte for byte.
    """
    digest = hashlib.sha256()
    seen: list[NDArray[np.uint64]] = []
    (folder / "splits").mkdir()
    for split in SPLITS:
        samples = Split(folder, shards[split])
        pictures: list[int] = []
        with (folder / "splits" / f"{split}.txt").open("w", encoding="utf-8") as stream:
            columns = (samples.column(c) for c in ("name", "image_sha256", "label_sha256"))
            for name, image, label in zip(*columns, strict=True):
                stream.write(f"{name}\n")
                digest.update(f"{split}\n{name}\n{image}\n{label}\n".encode())
                pictures.append(int(image[:16], 16))
        seen.append(np.unique(np.array(pictures, dtype=np.uint64)))
    _, times = np.unique(np.concatenate(seen), return_counts=True)
    return digest.hexdigest(), int((times > 1).sum())


def _describe(
    recipe: DatasetRecipe,
    plan: Plan,
    shards: Mapping[str, tuple[Shard, ...]],
    tallies: Mapping[str, Tally],
    contents: tuple[str, int],
    bad: int,
) -> DatasetInfo:
    whole = total(tallies.values())
    digest, identical = contents
    base = plan.base
    tables = [*([base.info.table] if base else []), *plan.tables.values()]
    leaks = _leaks(tallies)
    counts = {split: sum(s.rows for s in shards[split]) for split in SPLITS}
    old = base.info.sources if base else ()
    return DatasetInfo(
        name=recipe.name,
        table=union(tables[0].name, tables),
        data_type=recipe.data_type,
        base_data=recipe.base_data,
        sources=tuple(dict.fromkeys((*old, *recipe.sources))),
        shares=recipe.shares,
        split_by="lists" if recipe.lists else recipe.split_by,
        seed=recipe.seed,
        counts=counts,
        tracks={split: len(tally.tracks) for split, tally in tallies.items()},
        statistics={split: tally.classes() for split, tally in tallies.items()},
        sizes=dict(sorted(whole.sizes.items())),
        leaks=leaks,
        identical=identical,
        bad=bad,
        unknown_pixels=whole.unknown_pixels,
        all_ignored=whole.all_ignored,
        warnings=(*plan.warnings, *_warnings(recipe, counts, leaks, identical, whole, bad)),
        shards=shards,
        digest=digest,
        again=recipe.again,
    )


def _leaks(tallies: Mapping[str, Tally]) -> tuple[Leak, ...]:
    by_track: dict[str, dict[str, int]] = {}
    for split, tally in tallies.items():
        for track, pictures in tally.tracks.items():
            by_track.setdefault(track, {})[split] = pictures
    leaks = [Leak(track, pictures) for track, pictures in by_track.items() if len(pictures) > 1]
    return tuple(sorted(leaks, key=lambda leak: (-sum(leak.pictures.values()), leak.track)))


def _warnings(
    recipe: DatasetRecipe,
    counts: Mapping[str, int],
    leaks: Sequence[Leak],
    identical: int,
    whole: Tally,
    bad: int,
) -> list[Text]:
    empty = empty_parts(recipe, counts)
    named = ", ".join(leak.track for leak in leaks[:_MOST_LEAKS_NAMED])
    texts = (
        (empty is not None, empty),
        (
            not counts["val"],
            Text("没有 val，训练时将无法验证", "Without val a training validates on nothing"),
        ),
        (
            bool(leaks),
            Text(
                f"{len(leaks)} 条轨迹同时出现在多个划分中，评估结果会偏高：{named}",
                f"{many(len(leaks), 'track is', 'tracks are')} in more than one split, so scores will be too good: {named}",
            ),
        ),
        (
            identical > 0,
            Text(
                f"{identical} 张内容完全相同的图片出现在多个划分中",
                f"{many(identical, 'picture stands', 'pictures stand')} in more than one split, byte for byte",
            ),
        ),
        (
            bad > 0,
            Text(
                f"{bad} 个文件未使用，原因见 {REPORT}",
                f"{many(bad, 'file is', 'files are')} left out; {REPORT} says why",
            ),
        ),
        (
            whole.unknown_pixels > 0,
            Text(
                f"{whole.unknown_pixels} 个像素不在类别表中，已设为 255（忽略）",
                f"{whole.unknown_pixels} pixels are outside the class table and were set to 255 (ignore)",
            ),
        ),
        (
            whole.all_ignored > 0,
            Text(
                f"{whole.all_ignored} 张图片只含默认被忽略的类别",
                f"{many(whole.all_ignored, 'picture shows', 'pictures show')} only classes that are ignored by default",
            ),
        ),
    )
    return [text for holds, text in texts if holds and text]


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
