"""Creating training tasks: everything is checked, and nothing runs yet. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from roadloop.datasets import service as datasets
from roadloop.datasets.info import DatasetInfo
from roadloop.errors import NameTakenError, Text
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
from roadloop.training.service import dump, made_of, portable, require, shown


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
            holds a key that no configuration has.
    """
    name = check_new_name(new.train_name, "train_name")
    with platform.database.reading() as db:
        _require_free(db, name)
        if new.base_task:
            require(db, new.base_task)
    network = networks.require(platform, new.network)
    info = datasets.require(platform, new.data)
    template = "" if new.maps == info.table.name else new.maps
    label_map = default_map(info.table, template)
    train, data = defaults(network.folder)
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


def _require_free(db: sa.Connection, name: str) -> None:
    holder = store.find_name(db, name)
    if holder is not None:
        raise NameTakenError(
            Text(
                f"已有名为 {name} 的训练任务；请换一个名称。", f"A training task named {name} exists; choose another."
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
