"""Looking at a task's settings without storing any: every key for a form, what would be refused, what they lead to. No torch."""

import os
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final, Literal

import sqlalchemy as sa

from roadloop.devices import service as devices
from roadloop.errors import InvalidValueError, Language, RoadloopError, Text, many
from roadloop.jobs.nodes import check_gpus
from roadloop.jobs.queue import jobs
from roadloop.networks import service as networks
from roadloop.networks.folder import about, network_folder
from roadloop.storage.platform import Platform
from roadloop.training import outlook as ahead
from roadloop.training.configure import TaskFacts, check, check_places, fill_data, fill_train, merge_train, warnings
from roadloop.training.create import defaults
from roadloop.training.forms import LookAtSettings
from roadloop.training.recipe import DataConfig, R, TrainConfig, parse
from roadloop.training.service import Task, configs, dump, facts_of, read_task
from roadloop.training.settings_form import GROUPS, KINDS, Where, described
from roadloop.training.store import training_configs, training_tasks

_MOST_ERRORS: Final = 54
_LARGEST: Final = 1e15  #: number that an `about.json` may state; larger ones, and NaN, are none
_SEEN: Final = 50  #: of the network's newest trainings, one with a speed is looked for
_FOLLOWS: Final = ("network_path", "output_path", "num_classes", "num_epoch", "model", "class_weights")
_FOLLOWS_DATA: Final = ("data_path", "crop", "flip_pairs")


def look(platform: Platform, request: LookAtSettings, language: Language) -> dict[str, Any]:
    """What a form of a task's settings shows: the keys, the values with edits, errors by key, warnings, consequences.

    Raises:
        NotFoundError: No training task has that id, or its dataset is gone.
    """
    task = read_task(platform, request.task_id)
    facts = facts_of(platform, task)
    stored = configs(platform, task)
    sent: tuple[Mapping[str, Any], Mapping[str, Any]] = (
        ({}, {}) if task.started else (request.train_con, request.data_con)
    )
    errors: list[tuple[str, str, Text]] = []
    given = (
        _readable(TrainConfig, stored[0], sent[0], "train_con", errors),
        _readable(DataConfig, stored[1], sent[1], "data_con", errors),
    )
    train = merge_train(stored[0], given[0])
    data = parse(DataConfig, {**stored[1], **given[1]}, "data_con")
    saved_data = fill_data(parse(DataConfig, stored[1], "data_con"), facts)
    saved_train = fill_train(parse(TrainConfig, stored[0], "train_con"), saved_data, facts)
    data_full = fill_data(data, facts)
    train_full = fill_train(train, data_full, facts)
    gpus = _gpus(platform, request.gpus, errors)
    for test in (
        partial(check, train_full, data_full, facts),
        partial(check_places, train_full, facts.pictures(data_full), devices.wish(gpus)),
    ):
        try:
            test()
        except InvalidValueError as error:
            key = str(error.details.get("parameter", ""))
            errors.append((_place(key), key, error.text))
    count = devices.wish(gpus).count
    cost = cost_of(platform, task.row.network)
    cores = platform.settings.torch_threads or os.cpu_count() or 1
    host = ahead.Host(count, cores, _pace(platform, task, gpu=count > 0))
    found = ahead.outlook(train_full, data_full, facts, cost, host)
    slow = ahead.warning(found, train_full, gpus=count)
    usual, origins = _defaults(platform, task, facts, train_full, data_full)
    words = ahead.beside(found, train_full, gpus=count)
    return {
        "open": not task.started,
        "groups": [{"name": name, "title": title.pick(language)} for name, (title, _keys) in GROUPS.items()],
        "fields": [field.model_dump(mode="json") for field in described(usual, origins, language)],
        "saved": {"train_con": dump(saved_train), "data_con": dump(saved_data)},
        "train_con": dump(train_full),
        "data_con": dump(data_full),
        "errors": [{"where": where, "key": key, "message": text.pick(language)} for where, key, text in errors],
        "warnings": [
            text.pick(language) for text in [*([slow] if slow else []), *warnings(train_full, data_full, facts)]
        ],
        "beside": {key: text.pick(language) for key, text in words.items()},
        "outlook": ahead.numbers(found)
        | {
            "basis": found.basis.pick(language) if found.basis else None,
            "memory_basis": found.memory_basis.pick(language),
        },
    }


def _readable(
    kind: type[R], stored: Mapping[str, Any], given: Mapping[str, Any], where: str, errors: list[tuple[str, str, Text]]
) -> dict[str, Any]:
    """What was sent without the keys that cannot be read, which are added to `errors`."""
    kept = dict(given)
    for _ in range(_MOST_ERRORS):
        try:
            parse(kind, {**stored, **kept}, where)
        except InvalidValueError as error:
            key = str(error.details["key"]).partition(".")[0]
            errors.append((where, key, error.text))
            if key not in kept:
                break
            del kept[key]
        else:
            return kept
    return {}


def _place(key: str) -> Where | Literal[""]:
    return next((where for where, kind in KINDS.items() if key in kind.model_fields), "")


def _gpus(platform: Platform, text: str, errors: list[tuple[str, str, Text]]) -> str:
    try:
        return check_gpus(platform, text, several=True)
    except RoadloopError as error:
        errors.append(("", "gpus", error.text))
        return ""


def cost_of(platform: Platform, name: str) -> ahead.Cost:
    """What is known of a network's cost: by its check, and by its `about.json`."""
    result = networks.cost(platform, name)
    stated = about(network_folder(platform.workspace, name)).get("training")
    return ahead.Cost(
        parameters=result.get("parameters"),
        multiply_adds=result.get("multiply_adds"),
        kept_bytes=_stated(stated, "kept_bytes_per_pixel"),
        pace=_stated(stated, "multiply_adds_per_core_second") or ahead.USUAL_PACE,
    )


def _stated(training: Any, key: str) -> float | None:
    """A number of an `about.json`, which a team may have edited; None where it is none."""
    value = training.get(key) if isinstance(training, Mapping) else None
    sensible = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < _LARGEST
    return float(value) if sensible else None  # type: ignore[arg-type]


def _pace(platform: Platform, task: Task, *, gpu: bool) -> ahead.Pace | None:
    """How fast the newest training of the task's network was on a GPU, or on the CPU; None when nobody knows."""
    rows = (
        sa.select(training_tasks.c.name, jobs.c.memo, training_configs.c.recipe)
        .join(jobs, jobs.c.id == training_tasks.c.task_id)
        .join(training_configs, training_configs.c.task_id == training_tasks.c.task_id)
        .where(training_tasks.c.network == task.row.network, training_configs.c.recipe.is_not(None))
        .order_by(training_tasks.c.id.desc())
        .limit(_SEEN)
    )
    with platform.database.reading() as db:
        found = db.execute(rows).all()
    for name, memo, recipe in found:
        speed = (memo or {}).get("speed", {}).get("images_per_second")
        crop = (recipe or {}).get("data", {}).get("crop")
        if not speed or not crop:
            continue
        count = devices.wish(recipe["gpus"]).count
        if (count > 0) == gpu:
            return ahead.Pace(name, speed, (crop[0], crop[1]), count or 1)
    return None


def _defaults(
    platform: Platform, task: Task, facts: TaskFacts, train: TrainConfig, data: DataConfig
) -> tuple[dict[str, Any], dict[str, Text]]:
    """What each key is where nobody sets it, and where that comes from; `train` and `data` are complete, with edits."""
    folder = network_folder(platform.workspace, task.row.network)
    brought: tuple[TrainConfig, DataConfig] = (TrainConfig(), DataConfig())
    with suppress(RoadloopError):  # a folder that is gone, or damaged since: then the usual ones
        brought = defaults(folder)
    empty_data = data.model_copy(update={key: getattr(brought[1], key) for key in _FOLLOWS_DATA})
    empty_train = train.model_copy(update={key: getattr(brought[0], key) for key in _FOLLOWS})
    follows = dump(fill_data(empty_data, facts)) | dump(fill_train(empty_train, data, facts))
    usual = dump(TrainConfig()) | dump(DataConfig())
    by_network = dump(brought[0]) | dump(brought[1])
    said = _reasons(facts, train, data)
    values, origins = {}, {}
    for key in usual:
        if by_network[key] != usual[key]:
            values[key] = by_network[key]
            origins[key] = Text(f"网络 {task.row.network} 的默认值", f"default of the network {task.row.network}")
        elif key in said:
            values[key], origins[key] = follows[key], said[key]
        else:
            values[key], origins[key] = usual[key], Text("通用默认值", "usual default")
    return values, origins


def _reasons(facts: TaskFacts, train: TrainConfig, data: DataConfig) -> dict[str, Text]:
    """Where the values come from that follow from the task."""
    n = facts.pictures(data)
    decided = Text("由任务决定", "the task decides it")
    classes = facts.label_map.num_classes
    size = max(sorted(facts.dataset.sizes), key=lambda one: facts.dataset.sizes[one], default="")
    return {
        "network_path": decided,
        "output_path": decided,
        "data_path": decided,
        "num_classes": Text("由标签映射决定", "the label map decides it"),
        "num_epoch": Text(
            f"由 {n:,} 张训练图片与批大小 {train.batch_size} 得出：约 10,000 步，至少 300 轮",
            f"from {many(n, 'training picture')} and batches of {train.batch_size}: about 10,000 steps, at least 300 epochs",
        ),
        "model": Text("任务的名称", "the task's name"),
        "class_weights": Text(
            f"由 {n:,} 张训练图片中 {classes} 个类别的像素按 class_weighting 算出",
            f"from the pixels of {many(classes, 'class', 'classes')} in {many(n, 'training picture')}, by class_weighting",
        ),
        "crop": Text(f"由最常见的尺寸 {size} 得出", f"from the most frequent size, {size}"),
        "flip_pairs": Text("由类别名称中的左、右得出", "from left and right in the names of the classes"),
    }
