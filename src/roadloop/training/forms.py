"""The parameters and rows of the training endpoints, as the API description shows them."""

from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from roadloop.jobs.history import JobFields, JobRows
from roadloop.parameters import JsonObject, Parameters

FLAT: Final = ("num_classes", "num_epoch", "batch_size", "model", "steps", "base_lr", "weights", "weights_pairing")


class TaskId(Parameters):
    """An endpoint about one training task."""

    task_id: str = Field(description="The training task's id.", examples=["sadasd"])


class ListWeights(TaskId):
    """Which files could start a training task."""

    q: str = Field("", max_length=200, description="Only files and tasks whose names contain this.")


class CreateTrain(Parameters):
    """What `/create_train` takes."""

    train_name: str = Field(description="Name of the new task; one folder name.", examples=["suzhou"])
    network: str = Field(description="One of `/network`.", examples=["c_network"])
    data: str = Field(description="One of `/sour_datas`.", examples=["20180727"])
    task_desc: str = Field("", max_length=10_000, description="Free text.", examples=["苏州任务"])
    maps: str = Field(
        "", description="Label map template: `general`, `hd-13`, or the class table's own name.", examples=["hd-13"]
    )
    base_task: str = Field("", description="A task id whose best model file becomes the start weights.")
    copy_of: str = Field(
        "", description="A task id whose label map and settings the new task begins with; `maps` is not looked at then."
    )


class SaveMap(TaskId):
    """What `/save_map` takes."""

    map_value: JsonObject = Field(
        description="Raw id -> `[en, zh, train id]`, `[train id, en, zh]` or `[old, en, zh, new]`.",
        examples=[{"0": ["other", "其他", "12"]}],
    )


class SaveTrainConfig(TaskId):
    """What POST `/train_config` takes."""

    train_con: JsonObject = Field(description="Edited values; null empties a field.", examples=[{"base_lr": 0.01}])


class SaveDataConfig(TaskId):
    """What POST `/data_config` takes."""

    data_con: JsonObject = Field(description="Edited values; null empties a field.", examples=[{"flip": 0.5}])


class LookAtSettings(TaskId):
    """Which settings to look at; nothing is stored."""

    train_con: JsonObject = Field(
        {}, description="Edited values, on top of the stored ones.", examples=[{"base_lr": 0.01}]
    )
    data_con: JsonObject = Field({}, description="Edited values, on top of the stored ones.", examples=[{"flip": 0.5}])
    gpus: str = Field("", description="Where it would run, as for /starttask.", examples=["0,1"])


class Calculate(TaskId):
    """What `/calculate` takes."""

    batch_val: int = Field(ge=1, le=4096, description="Pictures per step.", examples=[24])


class StartTask(TaskId):
    """What `/starttask` takes; absent values come from train_con or data_con, then from the stored configuration."""

    data_type: str | None = Field(None, description="all, or aug: only the pictures that an increment added.")
    num_classes: int | None = Field(None, description="Must be the label map's number.", examples=[13])
    num_epoch: int | None = Field(None, description="Passes over the training pictures.", examples=[13])
    batch_size: int | None = Field(None, description="Pictures per step, all devices together.", examples=[24])
    gpus: str = Field(
        "",
        description="GPU indices on this host, `node2:0,1` on another one, `node1:0,1;node2:0,1` on several (`node1:cpu;node2:cpu`:"
        " their CPUs), or `any:2`: whichever has two free; empty or cpu = CPU.",
        examples=["0,1,2"],
    )
    model: str | None = Field(None, description="Prefix of the model files.", examples=["kd_suzhou"])
    steps: str | None = Field(None, description="Iterations at which the rate falls.", examples=["10000,20000,30000"])
    base_lr: float | None = Field(None, description="First learning rate.", examples=[0.014])
    start_date: str = Field("", max_length=100, description="Kept as sent.", examples=["2018-07-31 12:22:30"])
    train_con: JsonObject = Field(
        {}, description="Its keys: docs/training.md or `roadloop train settings`; unknown ones are refused."
    )
    data_con: JsonObject = Field(
        {}, description="Its keys: docs/training.md or `roadloop train settings`; unknown ones are refused."
    )
    weights: str | None = Field(None, description="One of `/weights`; empty = from scratch.")
    weights_pairing: Literal["names", "order", "part"] | None = Field(
        None, description="How it is taken: wholly by names (default), wholly in order, or by name whatever fits."
    )

    @property
    def train(self) -> dict[str, Any]:
        """The flat parameters that belong to `train_con` and were sent; they win over everything."""
        return {name: value for name in FLAT if (value := getattr(self, name)) is not None}

    @property
    def data(self) -> dict[str, Any]:
        """The same for `data_con`."""
        return {} if self.data_type is None else {"data_type": self.data_type}


class EndTask(TaskId):
    """What `/endtask` takes."""

    end_date: str = Field("", max_length=100, description="Kept as sent.", examples=["2018-07-31 12:22:30"])


class ContinueTask(TaskId):
    """What `/continue_task` takes."""

    gpus: str | None = Field(
        None, description="GPUs to go on with, as for /starttask, or cpu; empty = those it had.", examples=["0,1"]
    )


class Metrics(TaskId):
    """What the curves take."""

    points: int = Field(500, ge=10, le=5000, description="About how many steps, and how many epochs.")
    since: str = Field("", max_length=60, description="`next` of an earlier answer: only what came after it.")


class BestModel(BaseModel):
    """The best epoch so far."""

    epoch: int
    miou: float | None = Field(description="On the validation split; null where it is empty.")
    file: str = Field(description="Its model file.")


class TrainingRow(JobFields):
    """One training task and how it goes."""

    task_name: str
    network: str
    data: str
    network_path: str
    data_path: str
    category_num: int = Field(description="Number of classes.")
    iter_num: int | None = Field(description="Epochs; null until they are known.")
    learning_rate: float
    steps: str
    batch_size: int
    gpus: str
    model: str = Field(description="Prefix of the model files.")
    weights: str = Field(description="Start weights.")
    data_type: str
    start_date: str = Field(description="As the client sent it.")
    end_date: str = Field(description="As the client sent it.")
    task_desc: str
    net_desc: str
    data_desc: str
    base_task: str
    epoch: int = Field(description="Epochs finished.")
    best: BestModel | None = Field(description="The best epoch so far.")
    images_per_second: float | None = Field(None, description="Training pictures per second, as last measured.")
    loader_wait: float | None = Field(
        None, description="Share of that time in which the network waited for pictures, 0..1."
    )


class TrainingRows(JobRows[TrainingRow]):
    """Training tasks, newest first; with `task_id`, `data` is the one row."""
