"""What a caller can do with training tasks before and between their runs. One function, one use case; no torch."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import sqlalchemy as sa

from roadloop.datasets import service as datasets
from roadloop.datasets.info import DatasetInfo
from roadloop.errors import BrokenFileError, ConflictError, NotFoundError, OvertakenError, Text
from roadloop.jobs.queue import Job
from roadloop.labels.label_map import LabelMap, parse_map, saved_otherwise
from roadloop.labels.table import Color
from roadloop.models.service import compatible_weights
from roadloop.networks import folder
from roadloop.networks import service as networks
from roadloop.storage.database import Write
from roadloop.storage.paths import Workspace
from roadloop.storage.platform import Platform
from roadloop.training import store
from roadloop.training.configure import TaskFacts, absent_classes, check, epochs_for, fill_data, fill_train, merge_train
from roadloop.training.increment import count_new
from roadloop.training.measured import settled
from roadloop.training.recipe import DataConfig, TrainConfig, parse


@dataclass(frozen=True)
class Task:
    """A training task as it stands in the database.

    Attributes:
        row: Its row with the configuration.
        job: Its job.
    """

    row: sa.Row[Any]
    job: Job

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.row.name)

    @property
    def started(self) -> bool:
        """Whether /starttask has fixed its recipe."""
        return self.row.recipe is not None

    @property
    def label_map(self) -> LabelMap:
        """Raw id -> train id."""
        return LabelMap.from_json(self.row.label_map)

    @property
    def train_con(self) -> TrainConfig:
        """The stored training configuration."""
        return TrainConfig.model_validate(self.row.train_con)

    @property
    def data_con(self) -> DataConfig:
        """The stored data configuration."""
        return DataConfig.model_validate(self.row.data_con)


def require(db: sa.Connection, task_id: str) -> Task:
    """A training task by its id.

    Raises:
        NotFoundError: No training task has that id.
    """
    found = store.find(db, task_id)
    if found is None:
        raise NotFoundError(
            Text(
                f"没有 task_id 为 {task_id[:80]!r} 的训练任务；/train_history 列出全部。",
                f"No training task has the id {task_id[:80]!r}; /train_history lists them.",
            ),
            parameter="task_id",
            task_id=task_id[:80],
        )
    return Task(*found)


def read_task(platform: Platform, task_id: str) -> Task:
    """A training task by its id, as it stands now.

    Raises:
        NotFoundError: No training task has that id.
    """
    with platform.database.reading() as db:
        return require(db, task_id)


def require_same(db: sa.Connection, task: Task) -> None:
    """Refuse to write what was prepared from a task whose rows have changed since.

    Raises:
        OvertakenError: They have.
    """
    found = store.find(db, task.job.id)
    if found is None or found[0] != task.row:
        raise OvertakenError


def find_id(db: sa.Connection, name: str) -> str | None:
    """The task id of the training task with a name; None when there is none."""
    return store.find_name(db, name)


def dataset_of(platform: Platform, name: str) -> str:
    """The finished dataset that the training task of a name was made for; empty where one of the two is not here."""
    with platform.database.reading() as db:
        task_id = find_id(db, name)
        data = "" if task_id is None else str(require(db, task_id).row.data)
    with suppress(NotFoundError, ConflictError, BrokenFileError):
        return datasets.require(platform, data).name if data else ""
    return ""


def at_work(db: sa.Connection, described: str) -> list[tuple[str, str]]:
    """Names and task ids of the training tasks that wait or run and whose description begins so, in the order of their names."""
    return store.at_work(db, described)


def require_open(db: sa.Connection, task_id: str) -> Task:
    """A training task that has not been started, so that its configuration may change.

    Raises:
        NotFoundError: No training task has that id.
        ConflictError: It was started: its recipe is fixed.
    """
    task = require(db, task_id)
    if task.started:
        raise ConflictError(
            Text(
                f"任务 {task.name} 已经开始，配置与映射不能再修改。要继续训练请用 /continue_task；要用别的配置请新建任务。",
                f"Task {task.name} has been started; its configuration and label map are fixed."
                " Use /continue_task to go on, or create a new task.",
            ),
            task_id=task_id,
            state=task.job.state.value,
        )
    return task


def facts_of(platform: Platform, task: Task) -> TaskFacts:
    """What a task is made of.

    Raises:
        NotFoundError: Its dataset is gone.
    """
    info = datasets.require(platform, task.row.data)
    return made_of(platform, task.name, task.row.network, info, task.label_map)


def made_of(platform: Platform, name: str, network: str, info: DatasetInfo, label_map: LabelMap) -> TaskFacts:
    """What a task is made of, that is written or will be."""
    dataset = platform.workspace.dataset(info.name)
    added = None
    if info.base_data:
        base = platform.workspace.dataset(info.base_data)
        if base.is_dir():
            added = count_new(dataset, base)
    return TaskFacts(name, network, info, label_map, partial(datasets.shown, platform, info.name), added)


def classes_of(platform: Platform, task: Task) -> list[dict[str, Any]]:
    """What a task's network learns: `train_id`, both names and `color`, which is None when the dataset is gone."""
    colors: tuple[Color | None, ...] = (None,) * task.label_map.num_classes
    with suppress(NotFoundError, ConflictError, BrokenFileError):
        colors = task.label_map.colors(datasets.require(platform, task.row.data).table)
    names = zip(task.label_map.names("en"), task.label_map.names("zh"), colors, strict=True)
    return [
        {"train_id": i, "name_en": en, "name_zh": zh, "color": None if color is None else list(color)}
        for i, (en, zh, color) in enumerate(names)
    ]


def configs(platform: Platform, task: Task) -> tuple[dict[str, Any], dict[str, Any]]:
    """The stored `train_con` and `data_con`; of a started task with what was measured in the place of `auto`."""
    if not task.started:
        return task.row.train_con, task.row.data_con
    return dump(settled(task.train_con, platform.workspace.task(task.name))), task.row.data_con


def fill(platform: Platform, task_id: str) -> Write[tuple[dict[str, Any], dict[str, Any]]]:
    """Fill every field that follows from the task into the stored configurations.

    A second call changes nothing more; the configuration of a started task is complete already.

    Returns:
        Stores and answers them.
    """
    task = read_task(platform, task_id)
    if task.started:
        complete = configs(platform, task)
        return lambda _db: complete
    facts = facts_of(platform, task)
    data = fill_data(task.data_con, facts)
    return partial(_save, task=task, train=fill_train(task.train_con, data, facts), data=data)


def save_configs(
    platform: Platform,
    task_id: str,
    *,
    train_con: Mapping[str, Any] | None = None,
    data_con: Mapping[str, Any] | None = None,
) -> Write[tuple[dict[str, Any], dict[str, Any]]]:
    """Check edited values of the stored configurations; keys that are not sent stay, null empties a field.

    Returns:
        Stores both, and answers them as they are then.

    Raises:
        ConflictError: The task was started.
        InvalidValueError: An unknown key, a wrong value, or one that does not fit the task.
    """
    with platform.database.reading() as db:
        task = require_open(db, task_id)
    train = portable(platform.workspace, merge_train(task.row.train_con, train_con or {}))
    data = parse(DataConfig, {**task.row.data_con, **(data_con or {})}, "data_con")
    check(train, data, facts_of(platform, task))
    return partial(_save, task=task, train=train, data=data)


def save_map(platform: Platform, task_id: str, value: Mapping[str, Any]) -> Write[tuple[LabelMap, list[Text]]]:
    """Check a task's new label map. Configured values that followed from the old one are emptied with it.

    Returns:
        Stores the map; answers it as saved, and warnings: classes without training pixels, train ids that became
        others, classes that were not mentioned.

    Raises:
        ConflictError: The task was started.
        LabelMapError: An entry that cannot be read, an unknown raw id, fewer than two classes.
    """
    with platform.database.reading() as db:
        task = require_open(db, task_id)
    facts = facts_of(platform, task)
    label_map = parse_map(value, facts.dataset.table)
    train, data = task.train_con, task.data_con
    if label_map.lut().tolist() != task.label_map.lut().tolist():
        train = train.model_copy(update={"num_classes": None, "class_weights": None})
        data = data.model_copy(update={"flip_pairs": None})
    absent = absent_classes(replace(facts, label_map=label_map))
    warnings = [*absent, *saved_otherwise(value, facts.dataset.table, label_map)]

    def write(db: sa.Connection) -> tuple[LabelMap, list[Text]]:
        _save(db, task, train, data, num_classes=label_map.num_classes)
        store.update_config(db, task_id, label_map=label_map.to_json())
        return label_map, warnings

    return write


def list_weights(platform: Platform, task_id: str, q: str = "") -> list[str]:
    """Names of the files that can start a task, those that fit best first; `q` as in `compatible_weights`.

    Raises:
        NotFoundError: No training task has that id, or its network is gone.
    """
    task = read_task(platform, task_id)
    network = networks.require(platform, task.row.network)
    return compatible_weights(platform, network, task.label_map.num_classes, leave_out=task.name, q=q)


def calculate(platform: Platform, task_id: str, batch_size: int) -> int:
    """Epochs that give about 10,000 updates with a batch size, and at least 300."""
    task = read_task(platform, task_id)
    return epochs_for(facts_of(platform, task).pictures(task.data_con), batch_size)


def shown(train: TrainConfig, data: DataConfig, gpus: str, num_classes: int) -> dict[str, Any]:
    """The values of a history row that follow from the configuration."""
    return {
        "category_num": num_classes,
        "iter_num": train.num_epoch,
        "learning_rate": train.base_lr,
        "steps": ",".join(map(str, train.steps)),
        "batch_size": train.batch_size,
        "gpus": gpus,
        "model": train.model or "",
        "weights": train.weights,
        "data_type": data.data_type,
    }


def dump(config: TrainConfig | DataConfig) -> dict[str, Any]:
    """A configuration as plain JSON values."""
    return config.model_dump(mode="json")


def portable(workspace: Workspace, train: TrainConfig) -> TrainConfig:
    """The configuration with the folder that a network begins from as rows keep it."""
    begin = train.network_settings.get(folder.CHECKPOINT)
    if not isinstance(begin, str):
        return train
    settings = train.network_settings | {folder.CHECKPOINT: workspace.store_path(begin)}
    return train.model_copy(update={"network_settings": settings})


def _save(
    db: sa.Connection, task: Task, train: TrainConfig, data: DataConfig, *, num_classes: int | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Store both configurations of a task that is as it was read; returns them."""
    require_same(db, task)
    task_id = task.job.id
    classes = num_classes or task.label_map.num_classes
    store.update_config(db, task_id, train_con=dump(train), data_con=dump(data))
    store.update_task(db, task_id, shown=shown(train, data, "", classes))
    return dump(train), dump(data)
