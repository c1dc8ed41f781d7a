"""The second lap of the tour: new drives are mined, annotated and learnt from, beside a random control arm.

The selection takes the pictures of both arms; they are cut into packages together, so that whoever annotates does not
know which arm a picture belongs to, and come back as one source set. Only then each arm becomes an increment of the
first lap's dataset, on which the first lap's model is trained further for the same number of steps.
"""

import csv
import io
from typing import Any, Final, Literal

from roadloop.client import Row
from roadloop.demo.script import Found
from roadloop.demo.tour import CITIES, Tour
from roadloop.demo.write import Drives, paint_package, write_tracks
from roadloop.errors import JobError, Text, many

INBOX: Final = "imports/annotations"
ARMS: Final = {
    "mined": Text("挑出的图片", "mined pictures"),
    "control": Text("随机对照组", "random control arm"),
}


class EmptyArmError(JobError):
    """The model sees the classes aimed at in no picture, so there is nothing to draw the control arm from."""


class TwoLaps(Tour):
    """The tour and its second lap.

    Attributes:
        control: What the control arm is drawn from, as `/sele_value` takes it.
    """

    control: Literal["random", "seen"] = "random"

    def run(self) -> Found:
        """Go round the loop twice.

        Raises:
            RoadloopError: A step failed; says what, and where the log is.
        """
        super().run()
        self.mine()
        return self.found

    def mine(self) -> None:
        """The second lap alone; the first lap's model and datasets are there.

        Raises:
            RoadloopError: A step failed.
        """
        self._drive()
        self._select()
        packages = self._divide()
        self._annotate(packages)
        self._fetch(packages)
        self._publish()
        best = {}
        for arm in ARMS:
            self._increment(arm)
            best[self._task(arm)] = [self._continue(arm)]
        self._compare({self.names.task: [self.found.model], **best})

    def _drive(self) -> None:
        script, lap = self.script, self.script.again
        with self.stage.step(Text("合成新轨迹", "draw new drives"), "tracks/", self.names.drives) as line:
            numbers = range(script.tracks, script.tracks + lap.drives)
            drives = [Drives(city, numbers, lap.frames, lap.every, script.size, self.world) for city in CITIES]
            home = self._workspace.home
            ids = write_tracks(self._workspace.tracks, drives, processes=self._processes, progress=line.count)
            (home / self.names.drives).write_text("".join(f"{track}\n" for track in ids), encoding="utf-8")
            count = len(ids) * lap.frames
            line.done(Text(f"{len(ids)} 条未标注，{count} 张", f"{len(ids)} unlabelled, {many(count, 'picture')}"))

    def _select(self) -> None:
        lap, gained = self.script.again, self.found.gained
        folder = f"images/{self.names.version}"
        with self.stage.step(Text("挑图", "mine"), "/sele_value", folder) as line:
            sent = {
                "output_dir": folder,
                "ratio": str(lap.picks),
                "track_file": self.names.drives,
                "weights_dir": f"{self.names.task}/{self.found.model}",
                "classes": lap.classes,
                "control": lap.picks,
                "control_kind": self.control,
                "per_track": lap.per_track,
                "gap_frames": 2,
                "labelled": ",".join(self.sets()),
                "single_gpu": 4,
                "seed": self.script.seed,
            }
            row = self._done(line, "/auto_sele", ("output_dir", folder), "/sele_value", sent)
            gained.selection = row["task_id"]
            table = self.client.read(f"/v1/selections/{gained.selection}/table").decode("utf-8-sig")
            for picture in csv.DictReader(io.StringIO(table)):
                gained.pictures.setdefault(picture["arm"], []).append(picture["file"].removesuffix(".jpg"))
            looked, aimed = row["summary"]["candidates"], self._aims()
            mined, control = (len(gained.pictures.get(arm, [])) for arm in ARMS)
            if not control:
                raise EmptyArmError(
                    Text(
                        f"对照组是空的：模型在任何图片中都没有看见 {aimed.zh}。",
                        f"The control arm is empty: the model sees {aimed.en} in no picture.",
                    )
                )
            line.done(
                Text(
                    f"{looked} 张中挑 {mined} 张，随机 {control} 张；弱类：{aimed.zh}",
                    f"{mined} of {looked}, and {control} at random; for {aimed.en}",
                )
            )

    def _aims(self) -> Text:
        """The classes that were aimed at, by name."""
        report = self.client.get(f"/v1/selections/{self.found.gained.selection}/report")["data"]
        return Text(
            *(sep.join(c[name] for c in report["classes"]) for sep, name in (("、", "name_zh"), (", ", "name_en")))
        )

    def _divide(self) -> list[int]:
        with self.stage.step(Text("划分任务包", "divide"), "/task_divide", f"packages/{self.names.version}") as line:
            sent = {"version": self.names.version, "step": self.script.again.package, "types": "full"}
            row = self._done(line, "/divide_history", ("version", self.names.version), "/task_divide", sent)
            line.done(
                Text(f"{row['packages']} 个任务包，{row['pictures']} 张，两组混在一起",
                     f"{row['packages']} packages, {row['pictures']} pictures, both arms mixed")
            )  # fmt: skip
            return list(range(row["first"], row["last"] + 1))

    def _annotate(self, packages: list[int]) -> None:
        script, home = self.script, self._workspace.home
        with self.stage.step(Text("标注", "annotate"), "inbox", INBOX) as line:
            count = 0
            for done, number in enumerate(packages, 1):
                folder = self._workspace.packages / self.names.version / str(number)
                count += paint_package(folder, home / INBOX / str(number), CITIES, script.size, self.world)
                line.count(done, len(packages))
            line.done(Text(f"世界的精确掩码，{count} 张", f"the world's exact masks, {many(count, 'picture')}"))

    def _fetch(self, packages: list[int]) -> None:
        with self.stage.step(Text("取回标注", "fetch labels"), "/linedown", f"released/{self.names.version}") as line:
            sent = {"taskid_start": packages[0], "taskid_end": packages[-1], "dest": self.names.version}
            row = self._done(line, "/line_status", ("dest", self.names.version), "/linedown", sent)
            count = row["finished"] + row["already"]
            line.done(Text(f"{count} 张标注", f"{many(count, 'label')}"))

    def _publish(self) -> None:
        gained = self.found.gained
        with self.stage.step(Text("发布标注", "publish labels"), "/process_label", self.names.version) as line:
            sent = {"version": self.names.version, "types": "union"}
            row = self._done(line, "/label_history", ("version", self.names.version), "/process_label", sent)
            gained.source, gained.published = row["name"], row["published_pictures"]
            lost = row["rejected_pictures"] + row["missing_pictures"]
            if lost:
                raise JobError(
                    Text(
                        f"{lost} 张标注未能发布，见 {row['report']}",
                        f"{many(lost, 'label was', 'labels were')} not published; see {row['report']}",
                    )
                )
            line.done(
                Text(f"{gained.source}，{gained.published} 张", f"{gained.source}, {many(gained.published, 'picture')}")
            )

    def _increment(self, arm: str) -> None:
        gained, name = self.found.gained, self._data(arm)
        with self.stage.step(Text("生成增量", "build increment"), "/create_data", name) as line:
            row = self._built(
                line,
                name,
                data_type="aug",
                base_data=self.names.data,
                sour_data=gained.source,
                filter={"picture": gained.pictures[arm]},
                train=1,
                val=0,
                test=0,
                data_desc=f"{ARMS[arm].zh} {ARMS[arm].en}",
                l_value=1,
            )
            new = row["counts"]["train"] - self.found.counts["train"]
            line.done(Text(f"{ARMS[arm].zh}：增加 {new} 张", f"{ARMS[arm].en}: {new} more"))

    def _continue(self, arm: str) -> str:
        """Train the first lap's model further; returns the best model file."""
        lap = self.script.again
        with self.stage.step(Text("继续训练", "train further"), "/starttask", self._task(arm)) as line:
            new = {
                "train_name": self._task(arm),
                "network": self.names.network,
                "data": self._data(arm),
                "task_desc": ARMS[arm].zh,
            }
            weights = f"{self.names.task}/{self.found.model}"
            start = {"num_epoch": lap.epochs, "base_lr": lap.base_lr, "weights": weights}
            row = self._trained(line, new, start)
            best = str(row["best"]["file"])
            line.done(Text(f"{ARMS[arm].zh}：{best}", f"{ARMS[arm].en}: {best}"))
            return best

    def _compare(self, models: dict[str, list[str]]) -> None:
        gained = self.found.gained
        with self.stage.step(Text("评估三个模型", "evaluate all"), "/starteva", self.names.test) as line:
            row = self._evaluated(line, models)
            gained.evaluation = row["task_id"]
            gained.reports = dict(zip(("before", *ARMS), _in_order(row, models), strict=True))
            gained.comparison = self.client.get(
                f"/v1/selections/{gained.selection}/compare", mined=self._task("mined"), control=self._task("control")
            )
            pictures = row["total_img"]
            line.done(Text(f"同样的 {pictures} 张未见过的图片", f"the same {many(pictures, 'held-out picture')}"))

    def _data(self, arm: str) -> str:
        return f"{self.names.data}-{arm}"

    def _task(self, arm: str) -> str:
        return f"{self.names.task}-{arm}"


def _in_order(row: Row, models: dict[str, list[str]]) -> list[dict[str, Any]]:
    """The reports of an evaluation in the order of the models asked for."""
    by_task = {report["source"]: report for report in row["report"]}
    return [by_task[task] for task in models]
