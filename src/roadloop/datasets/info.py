"""What a built dataset says about itself: the record behind `dataset.json`, and the tables beside it."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from roadloop.errors import BrokenFileError, NotFoundError, Text
from roadloop.labels.table import ClassTable, from_rows
from roadloop.sources.layout import Problem
from roadloop.storage import reading
from roadloop.storage.sheets import Sheet, plain

DATASET: Final = "dataset.json"
SHOWN: Final = "shown.csv"
REPORT: Final = "report.csv"
TRACKS: Final = "tracks.csv"
SPLITS: Final = ("train", "val", "test")
FORMAT: Final = "roadloop-dataset/1"


class ClassCount(NamedTuple):
    """How often a raw class occurs in a split: in so many pixels, pictures and tracks."""

    pixels: int
    pictures: int
    tracks: int


class Shard(NamedTuple):
    """One Arrow file of a split and how many samples it holds."""

    file: str
    rows: int


class Leak(NamedTuple):
    """A track with pictures in more than one split: neighbouring frames are nearly equal pictures."""

    track: str
    pictures: dict[str, int]  # split -> how many


@dataclass(frozen=True)
class DatasetInfo:
    """A finished dataset.

    Attributes:
        name: Its name.
        table: The class table it was built with.
        data_type: `all` or `aug`.
        base_data: The dataset that an increment started from, or "".
        sources: Names of its source sets.
        shares: Shares as sent, by split.
        split_by: `track`, `picture` or `lists` (the sets' official lists).
        seed: What the split was drawn with.
        counts: Pictures by split.
        tracks: Tracks by split.
        statistics: Split -> raw id -> how often; classes that do not occur are absent.
        sizes: `<width>x<height>` -> pictures, all splits.
        leaks: Tracks in more than one split, most pictures first.
        identical: Pictures in different splits whose files are byte for byte equal.
        bad: Files left out; `report.csv` names them.
        unknown_pixels: Pixels outside the class table, set to 255 (at most 1 % of a picture).
        all_ignored: Pictures that show nothing but classes whose default train id is 255.
        warnings: What a person should know.
        shards: The packed files by split, in order.
        digest: sha256 over every sample's name, split, picture and label: the dataset's content.
        again: Classes whose training pictures stand in it once more, as copies; empty where it has none.
    """

    name: str
    table: ClassTable
    data_type: str
    base_data: str
    sources: tuple[str, ...]
    shares: Mapping[str, float]
    split_by: str
    seed: int
    counts: Mapping[str, int]
    tracks: Mapping[str, int]
    statistics: Mapping[str, Mapping[int, ClassCount]]
    sizes: Mapping[str, int]
    leaks: tuple[Leak, ...]
    identical: int
    bad: int
    unknown_pixels: int
    all_ignored: int
    warnings: tuple[Text, ...]
    shards: Mapping[str, tuple[Shard, ...]]
    digest: str = field(default="")
    again: tuple[int, ...] = ()

    def pixels(self, split: str) -> dict[int, int]:
        """Pixels by raw id in a split: what class weights are made from."""
        return {raw_id: count.pixels for raw_id, count in self.statistics[split].items()}

    def to_json(self) -> dict[str, Any]:
        """Plain values; `from_json` reads them back."""
        value = asdict(replace(self, statistics={}, leaks=(), warnings=(), shards={}))
        value["table"] = {"name": self.table.name, "classes": self.table.to_rows()}
        value["sources"] = list(self.sources)
        value["statistics"] = {
            split: {str(i): count._asdict() for i, count in sorted(classes.items())}
            for split, classes in self.statistics.items()
        }
        value["leaks"] = [leak._asdict() for leak in self.leaks]
        value["warnings"] = [list(w) for w in self.warnings]
        value["shards"] = {split: [list(s) for s in shards] for split, shards in self.shards.items()}
        if not self.again:
            del value["again"]  # as it was before there was such a thing, byte for byte
        return {"format": FORMAT, **value}


def from_json(value: Mapping[str, Any]) -> DatasetInfo:
    """The record that `DatasetInfo.to_json` wrote."""
    values = {k: v for k, v in value.items() if k != "format"}
    values["table"] = from_rows(value["table"]["name"], value["table"]["classes"])
    values["sources"] = tuple(value["sources"])
    values["statistics"] = {
        split: {int(i): ClassCount(**count) for i, count in classes.items()}
        for split, classes in value["statistics"].items()
    }
    values["leaks"] = tuple(Leak(**leak) for leak in value["leaks"])
    values["again"] = tuple(value.get("again", ()))
    values["warnings"] = tuple(Text(*w) for w in value["warnings"])
    values["shards"] = {split: tuple(Shard(*s) for s in shards) for split, shards in value["shards"].items()}
    return DatasetInfo(**values)


def read_info(folder: Path) -> DatasetInfo:
    """Read `dataset.json` of a dataset's folder.

    Raises:
        BrokenFileError: It is missing, or not what this program writes.
    """
    path = folder / DATASET
    try:
        value = json.loads(reading.read_bytes(path))
        if value["format"] == FORMAT:
            return from_json(value)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _broken(path) from error
    raise _broken(path)


def read_shown(folder: Path, split: str) -> dict[frozenset[int], int]:
    """For each set of raw ids, the pixels of all pictures of a split that show exactly these.

    Raises:
        NotFoundError: The dataset was built by a version that did not count this.
        BrokenFileError: The file cannot be read.
    """
    try:
        with reading.open_text(folder / SHOWN) as stream:
            rows = [row for row in csv.DictReader(stream) if row["split"] == split]
        return {frozenset(int(i) for i in row["raw_ids"].split()): int(row["pixels"]) for row in rows}
    except FileNotFoundError as error:
        raise NotFoundError(
            Text(
                f"data {folder.name} 由旧版本生成，没有 {SHOWN}，无法计算 median_frequency；请重新生成，或改用别的 class_weighting。",
                f"The dataset {folder.name} was built by an older version and has no {SHOWN}, which median_frequency"
                " needs; build it again, or choose another class_weighting.",
            ),
            parameter="class_weighting",
            dataset=folder.name,
        ) from error
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise _broken(folder / SHOWN) from error


def read_tracks(folder: Path, split: str, raw_id: int) -> frozenset[str]:
    """The tracks of a split that show a class.

    Raises:
        BrokenFileError: The file cannot be read.
    """
    wanted = str(raw_id)
    try:
        with reading.open_text(folder / TRACKS) as stream:
            rows = [row for row in csv.DictReader(stream) if row["split"] == split]
            return frozenset(row["track"] for row in rows if wanted in row["raw_ids"].split())
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise _broken(folder / TRACKS) from error


def format_report(problems: Iterable[Problem]) -> str:
    """The report of files that are left out, as csv: file, reason in Chinese, reason in English; one line each."""
    out = io.StringIO()
    rows = Sheet(out)
    rows.add(["file", "reason_zh", "reason_en"])
    rows.add_all([p.file, *p.reason] for p in problems)
    return out.getvalue()


def read_report(folder: Path, most: int, skip: int = 0) -> list[Problem]:
    """`most` lines of a dataset's report after the first `skip`; none where there is no report."""
    if not (folder / REPORT).is_file():
        return []
    with reading.open_text(folder / REPORT) as stream:
        rows = islice(csv.DictReader(stream), skip, skip + most)
        return [Problem(plain(row["file"]), Text(row["reason_zh"], row["reason_en"])) for row in rows]


def _broken(path: Path) -> BrokenFileError:
    return BrokenFileError(
        Text(
            f"{path} 缺失或无法识别；请重新生成这个 data",
            f"{path} is missing or not of a known format; build the dataset again",
        ),
        path=str(path),
    )
