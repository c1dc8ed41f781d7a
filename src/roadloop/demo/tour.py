"""`roadloop demo`: round the loop through the HTTP interface of a server of its own.

Every step first looks whether an earlier, interrupted tour of the same home has done it: a finished step is
shown, a running one followed, a failed one tried again. Nothing is ever replaced.
"""

import os
import time
from collections.abc import Callable
from typing import Any, Final

from roadloop.client import Client, Row
from roadloop.demo.classes import LEARNT, LearntClass, map_value
from roadloop.demo.script import Found, Names, Script
from roadloop.demo.stage import Line, Stage
from roadloop.demo.write import Drives, write_source_set
from roadloop.errors import JobError, Text, many
from roadloop.storage.paths import Workspace

CITIES: Final = ("suzhou", "beijing")
RELEASE: Final = {"type": "车道线", "version": "demo-1", "env": "演示", "adcode": "320500"}
RUNNING: Final = ("queued", "running")


class Tour:
    """One tour.

    Args:
        client: Of the demo's server.
        workspace: The home that it serves; only the synthetic source sets are written into it directly.
        stage: Where progress is shown.
        script: What to do.
        processes: How many draw pictures at once; None: one for each core.
    """

    names: Names = Names()
    classes: tuple[LearntClass, ...] = LEARNT

    def __init__(
        self, client: Client, workspace: Workspace, stage: Stage, script: Script, processes: int | None = None
    ) -> None:
        self.client = client
        self.stage = stage
        self.script = script
        self.world = script.seed
        self.found = Found()
        self._workspace = workspace
        self._processes = processes or len(os.sched_getaffinity(0))

    def run(self) -> Found:
        """Go round the loop.

        Raises:
            RoadloopError: A step failed; says what, and where the log is.
        """
        self._sources()
        self._dataset()
        self._network()
        self._train()
        self._evaluate()
        self._release()
        return self.found

    def sets(self) -> list[str]:
        """The labelled source sets."""
        return [set_name(city) for city in CITIES]

    def _sources(self) -> None:
        script = self.script
        present = self.client.get("/data")["data"]
        for city in CITIES:
            with self.stage.step(Text("合成源数据", "draw source set"), "/data", set_name(city)) as line:
                if set_name(city) in present:
                    line.done(Text("已存在", "already there"))
                    continue
                drives = Drives(city, range(script.tracks), script.frames, script.every, script.size, self.world)
                count = write_source_set(
                    self._workspace, set_name(city), [drives], processes=self._processes, progress=line.count
                )
                line.done(
                    Text(
                        f"{script.tracks} 条轨迹，{count} 张",
                        f"{many(script.tracks, 'track')}, {many(count, 'picture')}",
                    )
                )
        missing = set(self.sets()) - set(self.client.get("/data")["data"])
        if missing:
            raise JobError(Text(f"/data 没有列出 {missing}", f"/data does not list {missing}"))

    def _dataset(self) -> None:
        script = self.script
        train, val, test = script.shares
        with self.stage.step(Text("生成数据集", "build dataset"), "/create_data", self.names.data) as line:
            row = self._built(
                line,
                self.names.data,
                data_type="all",
                sour_data=",".join(self.sets()),
                train=train,
                val=val,
                test=test,
                data_desc="合成道路世界：苏州与北京 synthetic road world",
                l_value=1,
            )
            self.found.counts = row["counts"]
            self.found.tracks = self._details(self.names.data)["tracks"]
            pictures = " / ".join(str(row["counts"][split]) for split in ("train", "val", "test"))
            line.done(Text(f"按轨迹划分 {pictures}", f"split by track {pictures}"))

    def _built(self, line: Line, name: str, **sent: Any) -> Row:
        """The row of a dataset, built unless it is there."""
        sent = {"data_name": name, "thread": self._processes, "seed": self.world, **sent}
        return self._done(line, "/data_history", ("data_name", name), "/create_data", sent)

    def _details(self, name: str) -> Row:
        """What a finished dataset says about itself."""
        return dict(self.client.get(f"/v1/datasets/{name}")["data"])

    def _network(self) -> None:
        template, name = self.script.template, self.names.network
        with self.stage.step(Text("创建网络", "create network"), "/create_net", name) as line:
            offered = self.client.get("/src_network")["data"]
            if template not in offered:
                raise JobError(Text(f"没有网络模板 {template}", f"There is no network template {template}"))
            sent = {"network_name": name, "src_net": template, "net_describe": "演示网络"}
            self._done(line, "/network_history", ("net_name", name), "/create_net", sent)
            line.done(Text(f"模板 {template}，已试运行", f"template {template}, built and run once"))

    def _train(self) -> None:
        with self.stage.step(Text("训练", "train"), "/starttask", self.names.task) as line:
            start = {"num_epoch": self.script.epochs, "base_lr": self.script.train_con["base_lr"], "weights": ""}
            new = {
                "train_name": self.names.task,
                "network": self.names.network,
                "data": self.names.data,
                "task_desc": "演示训练任务",
            }
            self._trained(line, new, start)
            files = self.client.get("/model")["data"][self.names.task]
            models = [name for name in files if name.endswith(".params")]
            self.found.model = models[0]
            line.done(Text(f"{models[0]}", f"{models[0]}"))

    def _trained(self, line: Line, new: Row, start: Row) -> Row:
        """The row of a finished training task.

        Args:
            line: Where it is shown.
            new: What is sent to create it.
            start: What is sent to start it, besides what all of the tour's trainings have in common.
        """
        name = new["train_name"]
        rows = [r for r in self.client.post("/train_history", q=name)["data"] if r["task_name"] == name]
        task_id = rows[0]["task_id"] if rows else self.client.post("/create_train", **new)["data"]
        if not rows or rows[0]["state"] == "created":
            self._start(task_id, start)
        elif rows[0]["state"] in ("failed", "cancelled"):
            self.client.post("/continue_task", task_id=task_id)
        return self._follow("/train_history", task_id, line, detail=self._last_line(task_id))

    def _start(self, task_id: str, start: Row) -> None:
        script, client = self.script, self.client
        client.post("/maps", task_id=task_id)
        client.post("/save_map", task_id=task_id, map_value=map_value(self.classes))
        client.get("/train_config", task_id=task_id)
        client.get("/data_config", task_id=task_id)
        client.get("/calculate", task_id=task_id, batch_val=script.batch)
        train_con = {**script.train_con, "seed": script.seed}
        begun = time.strftime("%Y-%m-%d %H:%M:%S")
        self._send_start(
            task_id, num_classes=len(self.classes), model="demo", start_date=begun, train_con=train_con, **start
        )

    def _send_start(self, task_id: str, **sent: Any) -> None:
        script = self.script
        sent |= {"data_type": "all", "batch_size": script.batch, "gpus": script.gpus, "steps": ""}
        self.client.post("/starttask", task_id=task_id, data_con=script.data_con, **sent)

    def _last_line(self, task_id: str) -> Callable[[], str]:
        def newest() -> str:
            lines = self.client.get("/output_log", task_id=task_id)["data"]
            return next((_short(text) for text in reversed(lines) if "epoch=" in text and "loss=" in text), "")

        return newest

    def _evaluate(self) -> None:
        with self.stage.step(Text("评估", "evaluate"), "/starteva", self.names.test) as line:
            row = self._evaluated(line, {self.names.task: [self.found.model]})
            task_id = self.found.evaluation = row["task_id"]
            self.found.report = row["report"][0]
            self.found.shown = int(self.client.post("/show", task_id=task_id, cur_img=1)["total_img"])
            line.done(Text(f"{self.found.shown} 张未见过的图片", f"{many(self.found.shown, 'held-out picture')}"))

    def _evaluated(self, line: Line, models: dict[str, list[str]]) -> Row:
        """The row of a finished evaluation of some models on the held-out tracks."""
        place = self.names.test
        rows = self.client.post("/eva_rate", q=place)["data"]
        there = [r["task_id"] for r in rows if r["model"] == models and r["state"] in (*RUNNING, "succeeded")]
        sent: dict[str, Any] = {"type": "full", "sour_dir": place, "gpus": "", "single_gpu": 4}
        task_id = there[0] if there else self.client.post("/starteva", dicts=models, **sent)["data"]
        return self._follow("/eva_rate", task_id, line)

    def _release(self) -> None:
        with self.stage.step(Text("发布", "release"), "/release", f"{RELEASE['type']} {RELEASE['version']}") as line:
            tab = self.client.get("/release_tab", page=1)
            items = [item for item in tab["items"] if item["version"] == RELEASE["version"]]
            if items:
                self.found.release = items[0]
                line.done(Text("已存在", "already there"))
                return
            line.wait(Text("导出 ONNX，核对，打包", "export to ONNX, check, bundle"))
            model = self.found.model
            pair = [model, model.removesuffix(".params") + ".json"]
            answer = self.client.post(
                "/release",
                dicts={self.names.task: pair},
                page=1,
                **RELEASE,
                desc="演示模型 demo",
                time=time.strftime("%Y-%m-%d %H:%M:%S"),
            )
            self.found.release = answer["data"]
            line.done(Text(answer["data"]["folder"], answer["data"]["folder"]))

    def _done(self, line: Line, history: str, known: tuple[str, str], path: str, sent: Row) -> Row:
        """The row of a finished job.

        Args:
            line: Where it is shown.
            history: Its endpoint.
            known: A column, and what it says of the job of an earlier tour, which need not be made again.
            path: The endpoint that else begins it now.
            sent: What is sent there.
        """
        column, name = known
        rows = self._history(history, q=name)["data"]
        there = [r["task_id"] for r in rows if r[column] == name and r["state"] in (*RUNNING, "succeeded")]
        return self._follow(history, there[0] if there else self.client.post(path, **sent)["data"], line)

    def _follow(self, history: str, task_id: str, line: Line, detail: Callable[[], str] | None = None) -> Row:
        """The row of a job in its history, once it has ended."""
        self.client.wait(
            task_id, lambda row: line.job(row, detail() if detail is not None and row["state"] == "running" else "")
        )
        return dict(self._history(history, task_id=task_id)["data"])

    def _history(self, path: str, **parameters: Any) -> Row:
        ask = self.client.get if path == "/network_history" else self.client.post
        return ask(path, **parameters)


def set_name(city: str) -> str:
    """The source set of a city."""
    return f"demo-{city}"


def _short(text: str) -> str:
    words = [word for word in text.split() if word.startswith(("epoch=", "loss="))]
    return " ".join(words)
