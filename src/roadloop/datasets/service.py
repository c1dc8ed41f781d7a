"""What a caller can do with datasets: create, list, look into, require. No torch, no pyarrow at import."""

from typing import Any, Final

import sqlalchemy as sa

from roadloop.datasets import store
from roadloop.datasets.info import SPLITS, DatasetInfo, read_info, read_report, read_shown
from roadloop.datasets.reader import DatasetReader, EncodedSample
from roadloop.datasets.recipe import CreateData, DatasetJob, DatasetRecipe, Division
from roadloop.datasets.split import normalise_shares
from roadloop.errors import (
    BrokenFileError,
    ConflictError,
    InvalidValueError,
    Language,
    NameTakenError,
    NotFoundError,
    Text,
    many,
)
from roadloop.imaging.decode import decode_label
from roadloop.imaging.encode import encode_palette
from roadloop.imaging.header import read_header
from roadloop.imaging.room import room
from roadloop.jobs import queue
from roadloop.jobs.choices import ready
from roadloop.jobs.queue import JobState, Submission
from roadloop.labels.colors import palette
from roadloop.labels.table import ClassTable, different_meanings, union
from roadloop.lists import read_names, write_names
from roadloop.parameters import Choices
from roadloop.sources.choice import parse_filter
from roadloop.sources.service import SourceSet, has_pictures, open_set, read_splits
from roadloop.storage.database import Write
from roadloop.storage.paths import check_name, check_new_name
from roadloop.storage.platform import Platform

DEFAULT_SHARES: Final = {"train": 0.8, "val": 0.1, "test": 0.1}
NEWEST_ONES: Final = Choices()
_SHOWN: Final = ("name", "track", "width", "height")  #: of a sample, in the details of its dataset
_FREE: Final = frozenset({JobState.FAILED.value, JobState.CANCELLED.value})


def create(platform: Platform, request: CreateData) -> Write[str]:
    """Check a request.

    Returns:
        Writes the dataset's row and its job; answers the task id.

    Raises:
        NotFoundError: A source set or the base is unknown.
        NameTakenError: There is, or soon will be, a dataset of that name.
        ConflictError: Two class tables give one raw id different meanings, or the base is not finished.
        InvalidValueError: A share or the filter is wrong, a set has no pictures, or official lists are missing.
    """
    name = check_new_name(request.data_name, "data_name")
    require_no_trace(platform, name)
    recipe = resolve(platform, request, name=name, max_bad=request.max_bad)
    return writing(recipe, request.thread, request.data_desc)


def writing(recipe: DatasetRecipe, thread: int, description: str) -> Write[str]:
    """Writes the row and the job of a dataset that was checked; answers the task id."""
    name = recipe.name
    payload = DatasetJob(recipe=recipe, thread=thread).payload()
    row = {
        "name": name,
        "description": description,
        "data_type": recipe.data_type,
        "sour_data": write_names(recipe.sources),
        **recipe.shares,
    }

    def write(db: sa.Connection) -> str:
        given_up = _require_free(db, name)
        if given_up is not None:
            store.give_up_name(db, given_up)
        task_id = queue.submit(db, Submission(kind="create_data", payload=payload, title=name))
        store.insert(db, {"task_id": task_id, **row})
        return task_id

    return write


def resolve(platform: Platform, request: Division, **more: Any) -> DatasetRecipe:
    """What a request asks for, checked: the sets opened, and the base of an increment found.

    Args:
        platform: The installation.
        request: Which pictures, and how they are divided.
        more: Further values of the recipe, its name among them.

    Raises:
        As `create`, but for the name.
    """
    opened = [open_set(platform.workspace, source) for source in read_names(request.sour_data)]
    if not opened:
        raise InvalidValueError(
            Text("sour_data 应为源数据名称，多个用逗号分隔", "sour_data: one source set, or several with commas"),
            parameter="sour_data",
        )
    sources = list({source.name: source for source in opened}.values())
    shares = request.shares or dict(DEFAULT_SHARES)
    if not request.lists:
        normalise_shares(shares)
    for source in sources:
        _check_source(source, lists=request.lists)
    table = _common_table([s.table for s in sources])
    base = _find_base(platform, request.base_data, table) if request.data_type == "aug" else ""
    return DatasetRecipe.model_validate(
        {
            "sources": [s.name for s in sources],
            "data_type": request.data_type,
            "base_data": base,
            "shares": {split: shares.get(split, 0.0) for split in SPLITS},
            "lists": request.lists,
            "split_by": request.split_by,
            "seed": request.seed,
            "filter": parse_filter(request.filter),
            **more,
        }
    )


def finished_names(platform: Platform, choices: Choices = NEWEST_ONES) -> list[str]:
    """Names of the finished datasets, newest first.

    Raises:
        NotFoundError: No dataset is named as `choices.after` says.
    """
    with platform.database.reading() as db:
        return ready(db, store.datasets, choices)


def require(platform: Platform, name: str) -> DatasetInfo:
    """What a finished dataset says about itself; it stands in `workspace.dataset(info.name)`.

    Raises:
        NotFoundError: No such dataset.
        ConflictError: It is not finished.
    """
    name = check_name(name, "data")
    with platform.database.reading() as db:
        _require_finished(db, name)
    return read_info(platform.workspace.dataset(name))


def shown(platform: Platform, name: str) -> dict[frozenset[int], int]:
    """For each set of raw ids, the pixels of all training pictures of a dataset that show exactly these.

    Raises:
        NotFoundError: The dataset was built by a version that did not count this.
    """
    return read_shown(platform.workspace.dataset(name), SPLITS[0])


def description(db: sa.Connection, name: str) -> str:
    """The free text that a dataset was created with; empty when there is no such dataset."""
    row = store.find_live(db, name)
    return "" if row is None else str(row.description)


def sample(platform: Platform, name: str, split: str, index: int) -> EncodedSample:
    """One sample of a finished dataset, `index` from 0.

    Raises:
        NotFoundError: No such dataset, split or index.
        ConflictError: The dataset is not finished.
    """
    info = require(platform, name)
    samples = DatasetReader(platform.workspace.dataset(info.name)).split(split)
    if not 0 <= index < len(samples):
        raise NotFoundError(
            Text(
                f"{name} 的 {split} 有 {len(samples)} 张图片，序号应为 0..{len(samples) - 1}",
                f"{split} of {name} has {many(len(samples), 'picture')}; the index is 0..{len(samples) - 1}",
            ),
            count=len(samples),
        )
    return samples.encoded(index)


def details(platform: Platform, name: str, language: Language, first: int) -> dict[str, Any]:
    """What a page shows of a finished dataset, plain values.

    Args:
        platform: The installation.
        name: Name of the dataset.
        language: Of warnings and reasons.
        first: How many samples of each split, and how many lines of the report.

    Raises:
        NotFoundError: No such dataset.
        ConflictError: It is not finished.
    """
    info = require(platform, name)
    folder = platform.workspace.dataset(info.name)
    reader = DatasetReader(folder)
    value = info.to_json()
    del value["shards"], value["format"]
    value["warnings"] = [w.pick(language) for w in info.warnings]
    value["problems"] = [{"file": p.file, "reason": p.reason.pick(language)} for p in read_report(folder, first)]
    value["pictures"] = {
        split: [
            {"index": i, **dict(zip(_SHOWN, values, strict=True))}
            for i, *values in zip(range(first), *(reader.split(split).column(name) for name in _SHOWN), strict=False)
        ]
        for split in SPLITS
    }
    return value


def label_picture(platform: Platform, name: str, split: str, index: int) -> bytes:
    """The label of a sample as a PNG in the class table's colours; its palette indices are the raw ids."""
    table = require(platform, name).table
    label = sample(platform, name, split, index).label
    header = read_header(label)
    with room.take(header.width * header.height):
        return encode_palette(decode_label(label), palette(table))


def _require_finished(db: sa.Connection, name: str) -> None:
    row = store.find_live(db, name)
    if row is None:
        known = ", ".join(ready(db, store.datasets, Choices(page_size=10))) or "-"
        raise NotFoundError(
            Text(f"没有名为 {name} 的 data；现有：{known}", f"No dataset is named {name}; there are: {known}"),
            name=name,
        )
    if row.state != JobState.SUCCEEDED.value:
        raise ConflictError(
            Text(
                f"data {name} 尚未生成完毕（{row.state}）；请等待任务 {row.task_id} 成功",
                f"Dataset {name} is not finished ({row.state}); wait until its job {row.task_id} has succeeded",
            ),
            name=name,
            task_id=row.task_id,
            state=row.state,
        )


def _require_free(db: sa.Connection, name: str, *, there: bool = True) -> int | None:
    """Refuse a name that a dataset holds; else the id of the row that holds it for a failed or stopped job."""
    row = store.find_live(db, name)
    if row is not None and row.state not in _FREE:
        gone = row.state == JobState.SUCCEEDED.value and not there
        raise NameTakenError(_lost(name) if gone else _taken(name), task_id=row.task_id, parameter="data_name")
    return None if row is None else int(row.id)


def require_no_trace(platform: Platform, name: str) -> None:
    """Refuse a name that a dataset, or a folder without one, has."""
    there = platform.workspace.dataset(name).exists()  # first: a job that makes it now has a row
    with platform.database.reading() as db:
        _require_free(db, name, there=there)
    if there:
        raise ConflictError(
            Text(
                f"目录 datasets/{name} 已存在但没有登记；请移走它或换一个名称",
                f"The folder datasets/{name} is there without a record; move it away or choose another name",
            ),
            parameter="data_name",
        )


def _taken(name: str) -> Text:
    return Text(
        f"名为 {name} 的 data 已存在，未作任何改动；请换一个名称",
        f"There is a dataset {name} already; nothing was changed. Choose another name",
    )


def _lost(name: str) -> Text:
    return Text(
        f"data {name} 已登记，但目录 datasets/{name} 不见了，未作任何改动；请从备份恢复，或用 roadloop fsck --repair 登记为丢失，"
        "名称即可再次使用；也可换一个名称",
        f"The dataset {name} is on record, but its folder datasets/{name} is gone; nothing was changed. Put it back from a"
        " backup, or have it noted as lost with roadloop fsck --repair, which frees the name; or choose another name",
    )


def _check_source(source: SourceSet, *, lists: bool) -> None:
    if not has_pictures(source):
        raise InvalidValueError(
            Text(
                f"源数据 {source.name} 中没有图片；应有 {source.name}/<包>/<图片>.jpg 及其标注",
                f"Source set {source.name} holds no pictures; it should hold {source.name}/<package>/<picture>.jpg"
                " with labels",
            ),
            parameter="sour_data",
            sour_data=source.name,
        )
    if lists:
        read_splits(source)


def _common_table(tables: list[ClassTable]) -> ClassTable:
    first = tables[0]
    for other in tables[1:]:
        _check_meanings(first, other)
        first = union(first.name, [first, other])
    return first


def _check_meanings(a: ClassTable, b: ClassTable) -> None:
    strange = different_meanings(a, b)
    if strange:
        raise ConflictError(
            Text(
                f"类别表 {a.name} 与 {b.name} 中原始编号 {strange} 含义不同，不能合并；请先统一类别表",
                f"The class tables {a.name} and {b.name} give the raw ids {strange} different meanings;"
                " make them agree first",
            ),
            raw_ids=strange,
        )


def _find_base(platform: Platform, name: str, table: ClassTable) -> str:
    """The base of an increment, checked."""
    if name:
        name = check_name(name, "base_data")
        _check_meanings(require(platform, name).table, table)
        return name
    for candidate in finished_names(platform):
        try:
            if require(platform, candidate).table.classes == table.classes:
                return candidate
        except BrokenFileError:
            continue
    raise NotFoundError(
        Text(
            "没有类别表相同的已完成 data 可作增量基础；请用 data_type=all，或用 base_data 指定",
            "No finished dataset has the same class table; use data_type=all, or name one in base_data",
        ),
        parameter="base_data",
    )
