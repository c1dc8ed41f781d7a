"""What can be done with packages: divide, publish returned labels, look at them. No torch here."""

from collections.abc import Collection, Set
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from roadloop.accounts import service as accounts
from roadloop.errors import BrokenFileError, ConflictError, InvalidValueError, NotFoundError, Text
from roadloop.evaluation.service import find_model
from roadloop.jobs import queue
from roadloop.jobs.nodes import check_gpus
from roadloop.labels.library import find_table
from roadloop.labels.table import ClassTable, different_meanings, from_rows, shipped
from roadloop.models.files import load_description
from roadloop.networks.trust import trust_of
from roadloop.packages import choose, places, store
from roadloop.packages.listing import walk_pictures
from roadloop.packages.manifest import PackageManifest, read
from roadloop.packages.plan import parse_amount
from roadloop.packages.recipe import Divide, DivideRecipe, Division, PreModel, ProcessLabel, ProcessRecipe
from roadloop.packages.returned import ResultType, accepts
from roadloop.sources.service import has_pictures, list_sets, open_set
from roadloop.storage.database import Write
from roadloop.storage.paths import Workspace, check_name
from roadloop.storage.platform import Platform


class Cut(NamedTuple):
    """A division: of which version, and whether it sends rejected pictures out again."""

    version: str
    rejected: bool


def divide(platform: Platform, request: Divide) -> Write[str]:
    """Check a division.

    Returns:
        Writes the division's row and its job; answers the task id.

    Raises:
        NotFoundError: No such version, gold set, class table or model.
        InvalidValueError: The version has no pictures, or an option is wrong.
        ConflictError: Every picture is in a package already, or the version is being divided just now.
    """
    version = check_name(request.version, "version")
    with platform.database.reading() as db:
        _require_idle(db, version, request.types)
        packed = set() if request.again else store.packed_origins(db, version, request.types)
        if request.rejected:
            _check_rejected(db, version)
    if not request.rejected:
        _check_pictures(platform, version, request.types, packed)
    for parameter in ("overlap", "gold"):
        parse_amount(getattr(request, parameter), parameter)
    table = _class_table(platform, request)
    check_gpus(platform, request.gpus)
    recipe = DivideRecipe(
        **request.part(Division) | {"version": version},
        pre_model=_model_file(platform, request.pre_model, table),
        table=table,
    )
    names = ("step", "types", "rejected", "overlap", "gold", "gold_set", "pre_model")
    values = {name: getattr(request, name) for name in names}

    def write(db: sa.Connection) -> str:
        _require_idle(db, version, request.types)
        task_id = queue.submit(db, queue.Submission("task_divide", recipe.payload(), version, gpus=request.gpus))
        db.execute(store.divisions.insert().values(task_id=task_id, version=version, **values))
        return task_id

    return write


def publish_labels(platform: Platform, request: ProcessLabel, date: str) -> Write[str]:
    """Check what came back for a version.

    Args:
        platform: The installation.
        request: What is asked.
        date: `YYYYMMDD`, for the name.

    Returns:
        Chooses the source set's name, and writes the publication's row and its job; answers the task id.

    Raises:
        NotFoundError: Nothing was returned under that version.
        InvalidValueError: Nothing in it fits `types`.
        BrokenFileError: No returned package is known.
        ConflictError: The same labels are being published just now.
    """
    version, types = check_name(request.version, "version"), request.types
    with platform.database.reading() as db:
        _require_unpublished(db, version, types)
    folder = places.existing(platform.workspace, places.RELEASED, version)
    _check_returned(platform.workspace, version, folder, types)
    sets = frozenset(list_sets(platform.workspace))

    def write(db: sa.Connection) -> str:
        _require_unpublished(db, version, types)
        name = _free_name(db, sets, f"{'full' if types == 'union' else 'lane'}-aug-{date}")
        recipe = ProcessRecipe(version=version, types=types, new=request.new, name=name)
        task_id = queue.submit(db, queue.Submission("process_label", recipe.payload(), f"{version} · {name}"))
        db.execute(store.label_runs.insert().values(task_id=task_id, version=version, types=types, name=name))
        return task_id

    return write


def cuts(db: sa.Connection, task_ids: Collection[str]) -> dict[str, Cut]:
    """What divisions are about, by task id."""
    rows = store.divisions.c
    query = sa.select(rows.task_id, rows.version, rows.rejected).where(rows.task_id.in_(task_ids))
    return {row[0]: Cut(row[1], row[2]) for row in db.execute(query)}


def publications(db: sa.Connection, task_ids: Collection[str]) -> dict[str, str]:
    """The versions whose labels were published, by the task id of each run."""
    rows = store.label_runs.c
    return {
        row[0]: row[1] for row in db.execute(sa.select(rows.task_id, rows.version).where(rows.task_id.in_(task_ids)))
    }


def require(platform: Platform, version: str, number: int) -> tuple[Path, PackageManifest]:
    """A package's folder and manifest.

    Raises:
        NotFoundError: There is no such package.
        BrokenFileError: It has no valid manifest.
    """
    folder = places.existing(platform.workspace, places.PACKAGES, version) / str(number)
    if not folder.is_dir():
        there = ", ".join(map(str, places.numbered(folder.parent))) or "-"
        raise NotFoundError(
            Text(
                f"版本 {version} 没有任务包 {number}；现有：{there}",
                f"{version} has no package {number}; it has {there}",
            ),
            version=version,
            number=number,
        )
    return folder, read(folder)


def give(platform: Platform, version: str, number: int, person: str) -> Write[str]:
    """Check a package that is to be given to somebody; "" takes it back.

    Returns:
        Writes whose it is; answers their name.

    Raises:
        NotFoundError: There is no such package; or, as it is written, nobody of that name.
    """
    require(platform, version, number)
    return partial(accounts.give, number=number, person=person)


def find(platform: Platform, number: int) -> PackageManifest | None:
    """A package's manifest by its number, which is unique over all versions; None when there is none.

    Raises:
        BrokenFileError: It has no valid manifest.
    """
    folder = places.find_package(platform.workspace, number)
    return None if folder is None else read(folder)


def _require_idle(db: sa.Connection, version: str, types: str) -> None:
    active = store.active(db, store.divisions, version, types)
    if active is not None:
        raise ConflictError(
            Text(f"版本 {version} 正在划分任务包，请等它完成。", f"Version {version} is being divided; wait for that."),
            task_id=active,
        )


def _require_unpublished(db: sa.Connection, version: str, types: ResultType) -> None:
    active = store.active(db, store.label_runs, version, types)
    if active is not None:
        raise ConflictError(
            Text(
                f"版本 {version} 的 {types} 标注正在发布，请等它完成；再发布一次会得到同样的源数据。",
                f"The {types} labels of {version} are being published; wait for that. Once more would give the same set.",
            ),
            task_id=active,
        )


def _check_rejected(db: sa.Connection, version: str) -> None:
    if not store.rejected_pictures(db, version):
        raise InvalidValueError(
            Text(
                f"版本 {version} 没有等待重做的标注；/label_history 列出各次发布退回的数量。",
                f"Version {version} has no rejected labels that wait to be sent out again; /label_history says what"
                " each run rejected.",
            ),
            parameter="rejected",
        )


def _check_pictures(platform: Platform, version: str, types: str, packed: set[str]) -> None:
    folder = places.existing(platform.workspace, places.IMAGES, version)
    holds = platform.workspace.holds
    if all(reason is not None for _, reason in walk_pictures(folder, holds)):
        left = next(((path, reason) for path, reason in walk_pictures(folder, holds) if reason is not None), None)
        zh = f"例如 {left[0]}：{left[1].zh}" if left else ".jpg、.jpeg、.png"
        en = f"such as {left[0]}: {left[1].en}" if left else ".jpg, .png"
        raise InvalidValueError(
            Text(f"images/{version} 中没有可用的图片（{zh}）。", f"images/{version} holds no pictures ({en})."),
            parameter="version",
        )
    if packed and not choose.of_version(platform.workspace, version, packed)[0]:
        raise ConflictError(
            Text(
                f"images/{version} 的全部图片都已在 {types} 任务包中；要重新划分请加 again=1。",
                f"Every picture of images/{version} is in a {types} package already; again=1 cuts them again.",
            ),
            parameter="version",
        )


def _class_table(platform: Platform, request: Divide) -> ClassTable:
    """The classes to be painted: as asked, else the gold set's, else the model's, else HD-road."""
    amount = parse_amount(request.gold, "gold")
    if amount(1_000_000) and not request.gold_set:
        raise InvalidValueError(
            Text("gold 需要 gold_set：已标注的源数据名称。", "gold needs gold_set: the name of a labelled source set."),
            parameter="gold_set",
        )
    gold = open_set(platform.workspace, request.gold_set, "gold_set") if request.gold_set else None
    if gold is not None and not has_pictures(gold):
        raise InvalidValueError(
            Text(f"源数据 {gold.name} 中没有图片。", f"The source set {gold.name} holds no pictures."),
            parameter="gold_set",
        )
    if request.roadelement:
        table = find_table(platform.workspace, request.roadelement)
    elif gold is not None:
        table = ClassTable("classes", gold.table.classes)  # the set's name would give the test away
    elif request.pre_model:
        table = _model_table(platform, request.pre_model)
    else:
        table = shipped()
    if gold is not None:
        _check_meanings(gold.table, table, "gold_set")
    return table


def _check_meanings(theirs: ClassTable, table: ClassTable, parameter: str) -> None:
    different = different_meanings(theirs, table)
    if different:
        raise ConflictError(
            Text(
                f"{parameter} 的类别表与 {table.name} 对这些编号含义不同：{different}",
                f"{parameter}: its class table and {table.name} give these raw ids different meanings: {different}",
            ),
            parameter=parameter,
            raw_ids=different,
        )


def _model_path(platform: Platform, name: str) -> Path:
    source, _, file = name.rpartition("/")
    return find_model(platform, source or "weights", file).path


def _model_table(platform: Platform, name: str) -> ClassTable:
    rows: Any = load_description(_model_path(platform, name)).class_table
    return from_rows("model", rows)


def _model_file(platform: Platform, name: str, table: ClassTable) -> PreModel | None:
    if not name:
        return None
    _check_meanings(_model_table(platform, name), table, "pre_model")
    path = _model_path(platform, name)
    record = load_description(path)
    trust_of(platform).require(record.network.source, path)
    return PreModel(name=name, path=platform.workspace.store_path(path), sha256=record.params_sha256)


def _check_returned(workspace: Workspace, version: str, folder: Path, types: ResultType) -> None:
    """Fail early where nothing can come of it."""
    numbers = places.numbered(folder)
    if not numbers:
        raise InvalidValueError(
            Text(
                f"released/{version} 中没有任务包（以数字命名的目录，内含 ext-label-*.png）。",
                f"released/{version} holds no packages (folders named by a number, with ext-label-*.png in them).",
            ),
            parameter="version",
        )
    kinds: set[str] = set()
    problem: BrokenFileError | None = None
    for number in numbers:
        package = places.find_package(workspace, number, version)
        try:
            kinds |= {read(package).type} if package is not None else set()
        except BrokenFileError as error:
            problem = error
    if problem is not None and not kinds:
        raise problem
    if not kinds:
        raise NotFoundError(
            Text(
                f"released/{version} 中的任务包 {list(numbers)[:20]} 都不是由 /task_divide 生成的，没有对应的清单。",
                f"None of the packages {list(numbers)[:20]} in released/{version} was made by /task_divide: there is no"
                " manifest for them.",
            ),
            parameter="version",
        )
    if not any(types in accepts(kind) for kind in kinds):
        there = " / ".join(sorted(kinds))
        fitting = ", ".join(t for kind in sorted(kinds) for t in accepts(kind))
        raise InvalidValueError(
            Text(
                f"released/{version} 的任务包是 {there} 类型，不能发布为 {types}；可用：{fitting}。",
                f"types: the packages of released/{version} are of type {there}, which {types} cannot be made of;"
                f" use {fitting}.",
            ),
            parameter="types",
        )


def is_outstanding(db: sa.Connection, number: int) -> bool:
    """Whether a package has pictures that nobody has labelled yet."""
    return any(row.outcome == "" for row in store.pictures_in(db, number).values())


def _free_name(db: sa.Connection, sets: Set[str], base: str) -> str:
    names = chain([base], (f"{base}-{n}" for n in count(2)))
    return next(name for name in names if name not in sets and not store.holds_name(db, name))
