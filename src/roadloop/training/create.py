"""Creating training tasks: everything is checked, and nothing runs yet. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from roadloop.datasets import service as datasets
from roadloop.datasets.info import DatasetInfo
from roadloop.errors import InvalidValueError, NameTakenError, Text
from roadloop.jobs import queue
from roadloop.jobs.queue import JobState, Submission
from roadloop.labels.label_map import LabelMap, default_map
from roadloop.networks import folder
from roadloop.networks import service as networks
from roadloop.storage.paths import check_new_name
from roadloop.storage.platform import Platform
from roadloop.training import store
from roadloop.training.configure import TaskFacts
from roadloop.training.forms import CreateTrain
from roadloop.training.recipe import DataConfig, TrainConfig, TrainingJob, parse
from roadloop.training.service import Task, dump, made_of, portable, require, shown


@dataclass(frozen=True)
class Draft:
    """A training task that is checked, and not written yet.

    Attributes:
        task: Its row, without the task id.
        config: The row of its configuration, without it.
        dataset: Its dataset.
        label_map: Raw id -> train id.
    """

    task: Mapping[str, Any]
    config: Mapping[str, Any]
    dataset: DatasetInfo
    label_map: LabelMap

    def write(self, db: sa.Connection) -> str:
        """Write the task, whose name must be free still; returns its id."""
        name = self.task["name"]
        _require_free(db, name)
        job = Submission(
            kind="train",
            payload=TrainingJob(task=name).payload(),
            title=name,
            pool="training",
            state=JobState.CREATED,
            log=f"tasks/{name}/log/train.log",
        )
        task_id = queue.submit(db, job)
        store.insert(db, {"task_id": task_id, **self.task}, dict(self.config))
        return task_id

    def facts(self, platform: Platform) -> TaskFacts:
        """What the task is made of."""
        return made_of(platform, self.task["name"], self.task["network"], self.dataset, self.label_map)


def draft(platform: Platform, new: CreateTrain) -> Draft:
    """Check a training task that is to be created; nothing runs yet, and nothing is written.

    Raises:
        InvalidNameError: `train_name` cannot be a name.
        NotFoundError: The network, the dataset or the base task is unknown.
        ConflictError: The dataset is not finished.
        NameTakenError: Another task has the name.
        InvalidValueError: The label map template is unknown or does not fit, or the network's train.json or data.json
            holds a key that no configuration has; or the label map of the task to copy is of other raw classes.
    """
    name = check_new_name(new.train_name, "train_name")
    with platform.database.reading() as db:
        _require_free(db, name)
        if new.base_task:
            require(db, new.base_task)
        copied = require(db, new.copy_of) if new.copy_of else None
    network = networks.require(platform, new.network)
    info = datasets.require(platform, new.data)
    template = "" if new.maps == info.table.name else new.maps
    train, data = defaults(network.folder)
    if copied is None:
        label_map = default_map(info.table, template)
    else:
        label_map = _same_map(copied, info)
        train, data = _same_settings(copied, train, info, network.name)
    train = portable(platform.workspace, train)
    with platform.database.reading() as db:
        told = {"net_desc": networks.description(db, network.name), "data_desc": datasets.description(db, info.name)}
    task = {
        "name": name,
        "network": network.name,
        "data": info.name,
        "base_task": new.base_task,
        "task_desc": new.task_desc,
        **told,
        "shown": shown(train, data, "", label_map.num_classes),
        "start_date": "",
        "end_date": "",
    }
    config = {"train_con": dump(train), "data_con": dump(data), "label_map": label_map.to_json()}
    return Draft(task, config, info, label_map)


def _same_map(copied: Task, info: DatasetInfo) -> LabelMap:
    """The label map of a task, for a dataset of the same raw classes."""
    label_map = copied.label_map
    ours = {raw: entry.name_en for raw, entry in label_map.entries.items()}
    if info.name != copied.row.data and ours != {one.raw_id: one.name_en for one in info.table.classes}:
        raise InvalidValueError(
            Text(
                f"任务 {copied.name} 的标签映射与 data {info.name} 的原始类别（{info.table.name}）不同，不能复制过去；请选类别表相同的"
                f" data（例如 {copied.row.data}），或不复制而新建任务。",
                f"The label map of task {copied.name} is not of the raw classes of the dataset {info.name}"
                f" ({info.table.name}), so it cannot be copied there. Choose a dataset of the same class table (such as"
                f" {copied.row.data}), or create the task without a copy.",
            ),
            parameter="data",
        )
    return label_map


def _same_settings(copied: Task, usual: TrainConfig, info: DatasetInfo, network: str) -> tuple[TrainConfig, DataConfig]:
    """The settings of a task without what followed from it alone; with another network, that one's own `build` keywords."""
    train, data = copied.train_con, copied.data_con
    empty: dict[str, Any] = {"network_path": None, "output_path": None}
    if train.model == copied.name:
        empty["model"] = None
    if info.name != copied.row.data:
        empty["class_weights"] = None
    if network != copied.row.network:
        empty["network_settings"] = usual.network_settings
    return train.model_copy(update=empty), data.model_copy(update={"data_path": None})


def _require_free(db: sa.Connection, name: str) -> None:
    holder = store.find_name(db, name)
    if holder is not None:
        raise NameTakenError(
            Text(
                f"已有名为 {name} 的训练任务；请换一个名称，或先删除那个任务（失败的也可以），名称即可再用。",
                f"A training task named {name} exists; choose another name, or delete that task (a failed one, too), which"
                " frees its name.",
            ),
            task_id=holder,
            parameter="train_name",
        )


def defaults(network: Path) -> tuple[TrainConfig, DataConfig]:
    """What a network's folder says about its training.

    Raises:
        InvalidValueError: A file is no JSON object, or holds a key or a value that no configuration has; names it.
    """
    where = f"networks/{network.name}"
    train = parse(TrainConfig, folder.read_defaults(network, folder.TRAIN), f"{where}/{folder.TRAIN}")
    data = parse(DataConfig, folder.read_defaults(network, folder.DATA), f"{where}/{folder.DATA}")
    return train, data
