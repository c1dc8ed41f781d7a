"""CamVid round the loop with one command: import, official split, training from scratch, evaluation on val."""

from pathlib import Path
from typing import Any, Final

from roadloop.client import Client, Row
from roadloop.demo.script import Found, Script
from roadloop.demo.stage import Stage
from roadloop.demo.tour import RUNNING, Tour
from roadloop.errors import InvalidValueError, Text, many
from roadloop.sources.importers.camvid import find
from roadloop.sources.importers.tree import list_tree
from roadloop.storage.paths import Workspace

SET: Final = "camvid"
SPLIT: Final = f"dataset:{SET}/val"


def script_of(epochs: int, seed: int, template: str = "fast-scnn", gpus: str = "") -> Script:
    """What the tour does: AdamW with the poly schedule; for Fast-SCNN made for two CPU cores, else by the template.

    Args:
        epochs: Passes over the training pictures.
        seed: Of first weights, order and samples.
        template: The network template; Fast-SCNN learns from crops of 320x240 in batches of 8, with class weights.
        gpus: Numbers of GPUs with commas; empty: two CPU processes.
    """
    if template != "fast-scnn":
        train_con = {
            "optimizer": "adamw",
            "base_lr": 0.002,
            "warmup_steps": 100,
            "weight_decay": 0.01,
            "class_weighting": "inverse_log",
            "ohem_threshold": 0.0,
            "deterministic": False,  # of GPUs: many times as fast
            "seed": seed,
        }
        data_con = {"scale": [0.6, 1.8]}
        return Script(
            seed, epochs=epochs, batch=12, template=template, gpus=gpus, train_con=train_con, data_con=data_con
        )
    train_con = {
        "optimizer": "adamw",
        "base_lr": 0.003,
        "schedule": "poly",
        "warmup_steps": 10,
        "class_weighting": "inverse_log",
        "cpu_processes": 2,
        "network_settings": {"auxiliary": False},
        "log_every": 5,
        "seed": seed,
    }
    data_con = {"crop": [240, 320], "scale": [0.6, 1.2]}
    return Script(seed, epochs=epochs, batch=8, gpus=gpus, train_con=train_con, data_con=data_con)


def check_folder(folder: Path) -> None:
    """Look whether a folder is CamVid with its official split; no picture is read.

    Raises:
        InvalidValueError: It is not.
    """
    found = find(list_tree(folder, lambda _path: True, lambda: None))
    if found is None or not any(item.split == "train" for item in found.items):
        raise InvalidValueError(
            Text(
                f"{folder} 不是 CamVid 目录：应有 train/ 与 trainannot/，val/ 与 valannot/",
                f"{folder} is not a CamVid folder: it should hold train/ and trainannot/, val/ and valannot/",
            ),
            folder=str(folder),
        )


class CamvidTour(Tour):
    """CamVid, from its folder to an evaluation on val.

    Args:
        client: Of the demo's server, which has the folder as a root.
        workspace: The home that it serves.
        stage: Where progress is shown.
        script: From `script_of`; each has a training task of its own.
        folder: The CamVid folder: train/, trainannot/, val/, valannot/.
    """

    def __init__(self, client: Client, workspace: Workspace, stage: Stage, script: Script, folder: Path) -> None:
        super().__init__(client, workspace, stage, script)
        self._folder = folder
        self._network_name = f"{SET}-{script.template}"
        self._task = f"{self._network_name}-{script.epochs}ep-seed{script.seed}"

    def run(self) -> Found:
        """Go.

        Raises:
            RoadloopError: A step failed; says what, and where the log is.
        """
        self._sources()
        self._dataset()
        self._network()
        self._train()
        self._evaluate()
        return self.found

    def _sources(self) -> None:
        with self.stage.step(Text("导入", "import"), "/offimport", SET) as line:
            if SET in self.client.get("/data")["data"]:
                line.done(Text("已存在", "already there"))
                return
            rows = self.client.post("/off_status", q=SET)["data"]
            begun = [row["task_id"] for row in rows if row["dest"] == SET and row["state"] in RUNNING]
            sent = {"src": str(self._folder), "dest": SET, "layout": "camvid", "roadelement": "camvid"}
            task_id = begun[0] if begun else str(self.client.post("/offimport", **sent)["data"])
            pictures = self._follow("/off_status", task_id, line)["pictures"]
            line.done(Text(f"{pictures} 张", f"{many(pictures, 'picture')}"))

    def _dataset(self) -> None:
        with self.stage.step(Text("生成数据集", "build dataset"), "/create_data", SET) as line:
            sent = {
                "data_name": SET,
                "sour_data": SET,
                "l_value": 0,
                "data_desc": "CamVid，官方划分 official split",
                "thread": self._processes,
            }
            row = self._done(line, "/data_history", ("data_name", SET), "/create_data", sent)
            details = self._details(SET)
            self.found.counts, self.found.tracks = row["counts"], details["tracks"]
            leaks = ", ".join(str(leak["track"]) for leak in details["leaks"]) or "-"
            pictures = " / ".join(str(self.found.counts[split]) for split in ("train", "val", "test"))
            line.done(
                Text(f"官方划分 {pictures}；跨划分的轨迹 {leaks}", f"official split {pictures}; leaking tracks {leaks}")
            )

    def _network(self) -> None:
        name = self._network_name
        with self.stage.step(Text("创建网络", "create network"), "/create_net", name) as line:
            sent = {"network_name": name, "src_net": self.script.template, "net_describe": "CamVid"}
            self._done(line, "/network_history", ("net_name", name), "/create_net", sent)
            line.done(Text(f"模板 {self.script.template}", f"template {self.script.template}"))

    def _train(self) -> None:
        with self.stage.step(Text("训练", "train"), "/starttask", self._task) as line:
            new = {"train_name": self._task, "network": self._network_name, "data": SET, "task_desc": "CamVid"}
            start = {"num_epoch": self.script.epochs, "base_lr": self.script.train_con["base_lr"], "weights": ""}
            best = self._trained(line, new, start)["best"]
            self.found.model = str(best["file"])
            epochs = self.script.epochs
            line.done(
                Text(f"{epochs} 轮，最佳第 {best['epoch']} 轮", f"{many(epochs, 'epoch')}, the best {best['epoch']}")
            )

    def _start(self, task_id: str, start: Row) -> None:
        self._send_start(task_id, num_classes=11, model=SET, train_con=self.script.train_con, **start)

    def _evaluate(self) -> None:
        with self.stage.step(Text("评估", "evaluate"), "/starteva", SPLIT) as line:
            sent: dict[str, Any] = {
                "dicts": {self._task: [self.found.model]},
                "type": "full",
                "sour_dir": SPLIT,
                "gpus": self.script.gpus,
                "single_gpu": 4,
            }
            task_id = str(self.client.post("/starteva", **sent)["data"])
            self.found.report = self._follow("/eva_rate", task_id, line)["report"][0]
            self.found.evaluation = task_id
            self.found.shown = int(self.client.post("/show", task_id=task_id, cur_img=1)["total_img"])
            line.done(Text(f"{self.found.shown} 张", f"{many(self.found.shown, 'picture')}"))
