"""Starting, continuing and stopping training tasks: everything is checked before anything begins. No torch."""

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from roadloop.devices import service as devices
from roadloop.errors import ConflictError, NotFoundError, Text
from roadloop.jobs import queue
from roadloop.jobs.nodes import check_gpus
from roadloop.jobs.queue import JobState
from roadloop.models.files import is_described, load_description
from roadloop.models.service import find_weights
from roadloop.networks import service as networks
from roadloop.networks import trust
from roadloop.networks.folder import CHECKPOINT, digest, read_source
from roadloop.storage.database import Write
from roadloop.storage.paths import check_name
from roadloop.storage.platform import Platform
from roadloop.storage.publish import sha256_file
from roadloop.training import store
from roadloop.training.configure import TaskFacts, check, check_places, fill_data, fill_train, merge_train, warnings
from roadloop.training.forms import StartTask
from roadloop.training.recipe import DataConfig, Named, R, TrainConfig, TrainingRecipe, parse
from roadloop.training.service import Task, dump, facts_of, read_task, require, require_open, require_same, shown

Configs = tuple[Mapping[str, Any], Mapping[str, Any]]  #: train_con and data_con


def start(platform: Platform, request: StartTask) -> Write[list[Text]]:
    """Check a start.

    Returns:
        Fixes the task's recipe and queues its job; answers what somebody should know, although it forbids nothing.

    Raises:
        As `plan`; also:
        NotFoundError: No training task has that id.
        ConflictError: The task was started before.
    """
    with platform.database.reading() as db:
        task = require_open(db, request.task_id)
        base = require(db, task.row.base_task) if task.row.base_task else None
    begin = plan(platform, facts_of(platform, task), (task.row.train_con, task.row.data_con), base, request)

    def write(db: sa.Connection) -> list[Text]:
        require_same(db, task)
        return begin(db, task.job.id)

    return write


def plan(
    platform: Platform, facts: TaskFacts, stored: Configs, base: Task | None, request: StartTask
) -> Callable[[sa.Connection, str], list[Text]]:
    """Check the start of a task that is written, or will be.

    Args:
        platform: The installation.
        facts: What the task is made of.
        stored: Its stored `train_con` and `data_con`.
        base: Its base task.
        request: What is asked; its `task_id` is not looked at.

    Returns:
        Given a transaction and the task's id, fixes its recipe and queues its job, as `start` says.

    Raises:
        NotFoundError: Its network, its dataset or the start weights are gone.
        ConflictError: Its base task has no model file yet.
        InvalidValueError: A value that is unknown, wrong, or does not fit; names it.
    """
    train, data = _resolved(stored, facts, request)
    train = _with_checkpoint(platform, train)
    network = networks.require(platform, facts.network)
    source = read_source(network.folder)
    weights = _start_weights(platform, base, train.weights)
    recipe = TrainingRecipe(
        task=facts.name,
        dataset=Named(name=facts.dataset.name, digest=facts.dataset.digest),
        network=Named(name=network.name, digest=digest(source)),
        start_weights=weights,
        label_map=facts.label_map.to_json(),
        gpus=check_gpus(platform, request.gpus, several=True),
        train=train.model_copy(update={"weights": weights.name if weights else ""}),
        data=data,
    )
    check_places(train, facts.pictures(data), devices.wish(recipe.gpus))
    config = {
        "recipe": recipe.model_dump(mode="json"),
        "source": source,
        "train_con": dump(recipe.train),
        "data_con": dump(recipe.data),
    }
    values = shown(recipe.train, recipe.data, recipe.gpus, recipe.num_classes)
    texts = [*warnings(recipe.train, data, facts), *_other_outputs(platform, recipe, facts)]

    def begin(db: sa.Connection, task_id: str) -> list[Text]:
        store.update_config(db, task_id, **config)
        store.update_task(db, task_id, shown=values, start_date=request.start_date)
        trust.note(db, recipe.network.digest, network.name, "trained")
        queue.start(db, task_id, gpus=recipe.gpus)
        return texts

    return begin


def _other_outputs(platform: Platform, recipe: TrainingRecipe, facts: TaskFacts) -> list[Text]:
    """A warning where the start weights have as many outputs, which mean other classes than the task's."""
    if recipe.start_weights is None:
        return []
    path = find_weights(platform, recipe.start_weights.name)
    record = load_description(path) if is_described(path) else None
    if record is None or record.num_classes != recipe.num_classes:
        return []  # nothing is known of them, or the last layer is not taken over
    ours = {c.train_id: (c.name_en, c.name_zh) for c in facts.label_map.classes(facts.dataset.table)}
    theirs = {c.train_id: (c.name_en, c.name_zh) for c in record.classes}
    other = [(i, theirs.get(i, ("-", "-")), ours[i]) for i in ours if theirs.get(i) != ours[i]]
    if not other:
        return []
    zh = "；".join(f"{i} {a[1] or a[0]} → {b[1] or b[0]}" for i, a, b in other[:20])
    en = "; ".join(f"{i} {a[0] or a[1]} -> {b[0] or b[1]}" for i, a, b in other[:20])
    name = recipe.start_weights.name
    return [
        Text(
            f"weights {name} 的输出含义与本任务的 label_map 不同（文件 → 任务）：{zh}。最后一层从别的类别开始，训练初期的"
            "分数会偏低；若本应相同，请检查 label_map。",
            f"The outputs of the weights {name} mean other classes than this task's label_map (file -> task): {en}. The"
            " last layer begins from other classes, so that early scores are low; if they should be the same, check the"
            " label_map.",
        )
    ]


def _resolved(stored: Configs, facts: TaskFacts, request: StartTask) -> tuple[TrainConfig, DataConfig]:
    """Both configurations, complete and checked: flat parameters over sent ones over stored ones."""
    train = merge_train(stored[0], request.train_con)
    data = parse(DataConfig, {**stored[1], **request.data_con}, "data_con")
    train = _with_flat(TrainConfig, train, request.train)
    data = _with_flat(DataConfig, data, request.data)
    check(train, data, facts)
    data = fill_data(data, facts)
    train = fill_train(train, data, facts)
    check(train, data, facts)
    assert train.model is not None
    check_name(train.model, "model")
    return train, data


def _with_flat(kind: type[R], config: R, flat: Mapping[str, Any]) -> R:
    return parse(kind, {**config.model_dump(mode="json"), **flat}, "") if flat else config


def _with_checkpoint(platform: Platform, train: TrainConfig) -> TrainConfig:
    """The folder that a network begins from as a row keeps it; like every path of a request, it stays inside."""
    given = train.network_settings.get(CHECKPOINT)
    if not given:
        return train
    store_path = platform.workspace.store_path
    folder = platform.workspace.resolve(str(given), f"network_settings.{CHECKPOINT}")
    if not folder.is_dir():
        raise NotFoundError(
            Text(
                f"network_settings.{CHECKPOINT}：没有文件夹 {folder}；请放到工作区内，例如 weights/ 下。",
                f"network_settings.{CHECKPOINT}: there is no folder {folder}; put it into the workspace, such as"
                " below weights/.",
            ),
            parameter="train_con",
        )
    return train.model_copy(update={"network_settings": train.network_settings | {CHECKPOINT: store_path(folder)}})


def _start_weights(platform: Platform, base: Task | None, name: str) -> Named | None:
    """The file to begin from: the one that was chosen, else the best model of the base task, else none."""
    if not name and base is not None:
        best = base.job.memo.get("best")
        if best is None:
            raise ConflictError(
                Text(
                    f"base_task {base.name} 还没有模型文件；请等它完成一轮，或用 weights 指定文件。",
                    f"The base task {base.name} has no model file yet; wait for an epoch, or name a file in weights.",
                ),
                task_id=base.job.id,
            )
        name = f"{base.name}/{best['file']}"
    if not name:
        return None
    for part in name.split("/", 1):
        check_name(part, "weights")
    path = find_weights(platform, name)
    digest = load_description(path).params_sha256 if is_described(path) else sha256_file(path)
    return Named(name=name, digest=digest)


def resume(platform: Platform, task_id: str, gpus: str | None = None) -> Write[None]:
    """Check whether a stopped or failed task can go on from its newest good checkpoint: same id, new attempt.

    Args:
        platform: The workspace and its settings.
        task_id: The task.
        gpus: Where it goes on: GPU indices, or "" or `cpu`; None = where it was. Batches and the order of the pictures
            stay the same.

    Returns:
        Queues its job.

    Raises:
        NotFoundError: No training task has that id, or its dataset is gone.
        ConflictError: It was never started, is at work, or is finished.
        InvalidValueError: A GPU that it needs is not there, or there are too many for a batch.
    """
    task = read_task(platform, task_id)
    if not task.started:
        raise ConflictError(
            Text(
                f"任务 {task.name} 还没有开始过；请用 /starttask。",
                f"Task {task.name} was never started; use /starttask.",
            ),
            task_id=task_id,
        )
    _check_can_go_on(task)
    facts = facts_of(platform, task)
    text = check_gpus(platform, task.job.gpus if gpus is None else gpus, several=True)
    recipe = TrainingRecipe.model_validate(task.row.recipe)
    check_places(recipe.train, facts.pictures(recipe.data), devices.wish(text))

    def write(db: sa.Connection) -> None:
        now = require(db, task_id)
        _check_can_go_on(now)
        store.update_task(db, task_id, shown={**now.row.shown, "gpus": text})
        queue.start(db, task_id, gpus=text)

    return write


def _check_can_go_on(task: Task) -> None:
    state = task.job.state
    if state in {JobState.QUEUED, JobState.RUNNING}:
        raise ConflictError(
            Text(
                f"任务 {task.name} 正在进行（{state}），无需继续。", f"Task {task.name} is at work already ({state})."
            ),
            task_id=task.job.id,
            state=state.value,
        )
    if state is JobState.SUCCEEDED:
        raise ConflictError(
            Text(
                f"任务 {task.name} 已经完成。要接着训练，请新建任务并把 base_task 设为它。",
                f"Task {task.name} is completed. To train further, create a task with it as base_task.",
            ),
            task_id=task.job.id,
            state=state.value,
        )


def stop(db: sa.Connection, task_id: str, end_date: str) -> None:
    """Ask a task to stop: within ten seconds it has saved a checkpoint and its processes are gone.

    Raises:
        NotFoundError: No training task has that id.
        ConflictError: It was never started, or has ended.
    """
    task = require(db, task_id)
    if not task.started:
        raise ConflictError(
            Text(f"任务 {task.name} 还没有开始，无需停止。", f"Task {task.name} was never started; nothing to stop."),
            task_id=task_id,
            state=task.job.state.value,
        )
    queue.cancel(db, task_id)
    store.update_task(db, task_id, end_date=end_date)
