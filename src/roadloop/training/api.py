"""HTTP routes of training tasks (chapter 一, sections 1 to 14)."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from fastapi import APIRouter

from roadloop.errors import BrokenFileError, ConflictError, Language, NameTakenError, NotFoundError
from roadloop.jobs.arrange import Fields
from roadloop.jobs.history import history
from roadloop.jobs.store import jobs
from roadloop.parameters import History
from roadloop.storage.platform import Platform
from roadloop.training import create, service, start
from roadloop.training.curves import curves
from roadloop.training.forms import (
    Calculate,
    ContinueTask,
    CreateTrain,
    EndTask,
    ListWeights,
    LookAtSettings,
    Metrics,
    SaveDataConfig,
    SaveMap,
    SaveTrainConfig,
    StartTask,
    TaskId,
    TrainingRows,
)
from roadloop.training.look import look
from roadloop.training.replies import SettingsReply
from roadloop.training.store import training_tasks
from roadloop.web.call import Call
from roadloop.web.endpoint import Answer, Endpoints

EXAMPLE_ID: Final = "0123456789abcdef0123456789abcdef"
_FIELDS: Final[Fields] = {
    "task_name": training_tasks.c.name,
    "network": training_tasks.c.network,
    "data": training_tasks.c.data,
    "epoch": jobs.c.memo["epoch"].as_integer(),
    "best.miou": jobs.c.memo["best"]["miou"].as_float(),
}


def routes(platform: Platform) -> APIRouter:
    """The router of this feature."""
    router = Endpoints(platform, tag="training")
    _tasks(router, platform)
    _configurations(router, platform)
    _label_maps(router, platform)
    _runs(router, platform)
    return router.api


def _tasks(router: Endpoints, platform: Platform) -> None:
    @router.post(
        "/create_train",
        CreateTrain,
        "work",
        reply={"message": "Autosele start", "data": EXAMPLE_ID},
        errors=(NotFoundError, NameTakenError, ConflictError),
    )
    def create_train(call: Call, p: CreateTrain) -> Answer:
        """Create a training task (创建训练任务).

        Nothing runs yet: look at its label map and configuration, then call /starttask.
        """
        return call.write(
            lambda: create.draft(platform, p).write,
            lambda task_id: {"message": "Autosele start", "data": task_id},
        )

    @router.post("/train_history", History, "see", reply=TrainingRows, errors=(NotFoundError,))
    def train_history(call: Call, p: History) -> Answer:
        """List the training tasks, or look at one (查询历史任务, 查询任务详情)."""
        return history(call, p, table=training_tasks, render=_row, fields=_FIELDS)

    @router.get(
        "/v1/tasks/{task_id}/metrics",
        Metrics,
        "see",
        reply={
            "data": {
                "steps": [{"step": 10, "epoch": 1, "loss": 0.7, "lr": 0.01}],
                "epochs": [{"epoch": 1, "step": 50, "loss": 0.6, "miou": 0.51, "iou": [0.5, None]}],
                "classes": [{"train_id": 0, "name_en": "road", "name_zh": "道路", "color": [192, 192, 192]}],
                "next": "1311-2048",
                "whole": True,
            }
        },
        errors=(NotFoundError,),
    )
    def task_metrics(_call: Call, p: Metrics) -> Answer:
        """The curves of a training task: loss and learning rate by step, scores by epoch.

        With `since` only what came after an earlier answer, without the classes; `whole` tells when it is everything after all,
        because a resumed attempt has begun its file anew.
        """
        task = service.read_task(platform, p.task_id)
        path = platform.workspace.task(task.name) / "log" / "metrics.jsonl"
        found = curves(path, p.points, p.since)
        return {"data": {**found, "classes": service.classes_of(platform, task) if found["whole"] else []}}


def _configurations(router: Endpoints, platform: Platform) -> None:
    @router.get(
        "/train_configs", TaskId, "see", reply={"data": {"base_lr": 0.01}}, errors=(NotFoundError, BrokenFileError)
    )
    def train_configs(_call: Call, p: TaskId) -> Answer:
        """The stored training configuration (查询训练配置).

        Of a started task, what was measured stands in the place of `auto`: another task with it computes in the same way.
        """
        return {"data": service.configs(platform, service.read_task(platform, p.task_id))[0]}

    @router.get(
        "/data_configs", TaskId, "see", reply={"resp": {"flip": 0.5}, "data": {"flip": 0.5}}, errors=(NotFoundError,)
    )
    def data_configs(_call: Call, p: TaskId) -> Answer:
        """The stored data configuration (查询数据配置)."""
        stored = service.configs(platform, service.read_task(platform, p.task_id))[1]
        return {"resp": stored, "data": stored}

    @router.get(
        "/train_config",
        TaskId,
        "see",
        reply={"message": "query success", "data": {"num_classes": 13, "num_epoch": 300}},
        errors=(NotFoundError, ConflictError),
    )
    def train_config(call: Call, p: TaskId) -> Answer:
        """The training configuration, filled in and stored (查询修改训练配置).

        What follows from the task is filled in: paths, number of classes, class weights, epochs. A second call changes
        nothing more.
        """
        return call.write(
            lambda: service.fill(platform, p.task_id),
            lambda filled: {"message": "query success", "data": filled[0]},
        )

    @router.get(
        "/data_config",
        TaskId,
        "see",
        reply={"message": "query success", "data": {"crop": [352, 480]}},
        errors=(NotFoundError, ConflictError),
    )
    def data_config(call: Call, p: TaskId) -> Answer:
        """The data configuration, filled in and stored (查询修改数据配置)."""
        return call.write(
            lambda: service.fill(platform, p.task_id),
            lambda filled: {"message": "query success", "data": filled[1]},
        )

    @router.post(
        "/train_config",
        SaveTrainConfig,
        "work",
        reply={"message": "save success", "data": {"base_lr": 0.01}},
        errors=(NotFoundError, ConflictError),
    )
    def save_train_config(call: Call, p: SaveTrainConfig) -> Answer:
        """Save an edited training configuration."""
        return call.write(
            lambda: service.save_configs(platform, p.task_id, train_con=p.train_con),
            lambda stored: {"message": "save success", "data": stored[0]},
        )

    @router.post(
        "/data_config",
        SaveDataConfig,
        "work",
        reply={"message": "save success", "data": {"flip": 0.5}},
        errors=(NotFoundError, ConflictError),
    )
    def save_data_config(call: Call, p: SaveDataConfig) -> Answer:
        """Save an edited data configuration."""
        return call.write(
            lambda: service.save_configs(platform, p.task_id, data_con=p.data_con),
            lambda stored: {"message": "save success", "data": stored[1]},
        )

    @router.post(
        "/v1/tasks/{task_id}/settings",
        LookAtSettings,
        "see",
        reply=SettingsReply,
        errors=(NotFoundError, BrokenFileError),
    )
    def look_at_settings(call: Call, p: LookAtSettings) -> Answer:
        """Look at a task's settings, with edits that are not stored.

        Every key with its type, bounds, choices, meaning, default and where that comes from; what would be refused, by key;
        and what the settings lead to: steps, memory, time. Nothing is written.
        """
        return {"data": look(platform, p, call.language)}


def _label_maps(router: Endpoints, platform: Platform) -> None:
    maps_example = {"0": ["12", "other", "其他"], "1": ["255", "ignore", "Ignore"]}

    @router.post("/maps", TaskId, "see", reply={"data": maps_example}, errors=(NotFoundError,))
    def maps(_call: Call, p: TaskId) -> Answer:
        """The label map of a task: raw id to train id (获取label_map映射)."""
        return {"data": service.read_task(platform, p.task_id).label_map.to_maps()}

    @router.post(
        "/save_map",
        SaveMap,
        "work",
        reply={"message": "save success", "data": maps_example, "warnings": ["..."]},
        errors=(NotFoundError, ConflictError),
    )
    def save_map(call: Call, p: SaveMap) -> Answer:
        """Save the label map of a task (保存label_map映射).

        Train ids are made consecutive from 0 in ascending order; 255 is ignored, and so is every raw id that is not
        mentioned. Where the map is saved otherwise than it was sent, `warnings` say so.
        """
        return call.write(
            lambda: service.save_map(platform, p.task_id, p.map_value),
            lambda saved: {
                "message": "save success",
                "data": saved[0].to_maps(),
                "warnings": [text.pick(call.language) for text in saved[1]],
            },
        )


def _runs(router: Endpoints, platform: Platform) -> None:
    @router.get(
        "/weights",
        ListWeights,
        "see",
        reply={"message": "query success", "data": ["cityscapes_rna-a1_cls19_s8_ep-0001.params"]},
        errors=(NotFoundError,),
    )
    def weights(_call: Call, p: ListWeights) -> Answer:
        """Files that can start this task, those that fit best first (选择weights).

        They are those in weights/ and the results of the newest 1,000 training tasks; `q` finds older ones by name.
        """
        return {"message": "query success", "data": service.list_weights(platform, p.task_id, p.q)}

    @router.get(
        "/calculate", Calculate, "see", reply={"message": "success", "data": 300}, errors=(NotFoundError, ConflictError)
    )
    def calculate(_call: Call, p: Calculate) -> Answer:
        """Epochs for about 10,000 updates, at least 300 (参数自动计算)."""
        return {"message": "success", "data": service.calculate(platform, p.task_id, p.batch_val)}

    @router.post(
        "/starttask",
        StartTask,
        "work",
        reply={"message": "任务开始", "data": EXAMPLE_ID, "warnings": []},
        errors=(NotFoundError, ConflictError),
    )
    def starttask(call: Call, p: StartTask) -> Answer:
        """Start a training task (开始训练任务).

        Everything is checked before anything begins. Flat parameters win over train_con and data_con, which win over
        the stored configuration; the resolved recipe is kept with the task.
        """
        return call.write(
            lambda: start.start(platform, p),
            lambda texts: {
                "message": "任务开始",
                "data": p.task_id,
                "warnings": [text.pick(call.language) for text in texts],
            },
        )

    @router.post(
        "/endtask",
        EndTask,
        "work",
        reply={"message": "任务结束", "data": EXAMPLE_ID},
        errors=(NotFoundError, ConflictError),
    )
    def endtask(call: Call, p: EndTask) -> Answer:
        """Stop a training task (结束训练任务).

        Within ten seconds it has saved a checkpoint and its processes are gone; /continue_task goes on from there.
        """
        return call.write(
            lambda: partial(start.stop, task_id=p.task_id, end_date=p.end_date),
            lambda _: {"message": "任务结束", "data": p.task_id},
        )

    @router.post(
        "/continue_task",
        ContinueTask,
        "work",
        reply={"message": "任务继续", "data": EXAMPLE_ID},
        errors=(NotFoundError, ConflictError),
    )
    def continue_task(call: Call, p: ContinueTask) -> Answer:
        """Let a stopped or failed training task go on from its newest good checkpoint.

        With other `gpus` than before, it takes the same batches in the same order, only not bit by bit.
        """
        return call.write(
            lambda: start.resume(platform, p.task_id, p.gpus),
            lambda _: {"message": "任务继续", "data": p.task_id},
        )


def _row(row: Mapping[str, Any], _language: Language) -> dict[str, Any]:
    memo = row["job"].memo
    return {
        "task_name": row["name"],
        "network": row["network"],
        "data": row["data"],
        "network_path": f"networks/{row['network']}",
        "data_path": f"datasets/{row['data']}",
        **row["shown"],
        **{name: row[name] for name in ("start_date", "end_date", "task_desc", "net_desc", "data_desc", "base_task")},
        "epoch": memo.get("epoch", 0),
        "best": memo.get("best"),
        "images_per_second": memo.get("speed", {}).get("images_per_second"),
        "loader_wait": memo.get("speed", {}).get("loader_wait"),
    }
