"""One small job of every kind, ready to run in a workspace of its own, again and again from the same state."""

import hashlib
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
import pytest

import import_folders
from archives import zipped
from mining_data import write_drives, write_network
from package_data import annotate, mask, write_images
from roadloop.annotators import service as annotators
from roadloop.annotators.recipe import Download, Push
from roadloop.datasets import service as datasets
from roadloop.datasets.recipe import CreateData
from roadloop.demo import service as demo
from roadloop.demo.recipe import DrawPictures
from roadloop.engines import service as engines
from roadloop.engines.recipe import Convert
from roadloop.evaluation import service as evaluation
from roadloop.evaluation.recipe import StartEvaluation
from roadloop.imaging.encode import encode_jpeg, encode_label
from roadloop.jobs import processes, queue
from roadloop.jobs.fsck import inspect
from roadloop.jobs.supervisor import Supervisor
from roadloop.labels.table import ClassTable, LabelClass
from roadloop.networks import service as networks
from roadloop.networks.recipe import CreateNet
from roadloop.packages import service as packages
from roadloop.packages.recipe import Divide, ProcessLabel
from roadloop.releases import service as releases
from roadloop.releases.recipe import Release
from roadloop.selection import service as selection
from roadloop.selection.recipe import Mine, Neighbours, Sample
from roadloop.settings import Settings
from roadloop.sources import offimport, rework
from roadloop.sources.finding import service as finding
from roadloop.sources.finding.recipe import ReadLabels
from roadloop.sources.health import service as health
from roadloop.sources.health.recipe import CheckHealth
from roadloop.sources.recipe import ImportRecipe, Rework
from roadloop.sources.writer import NewSample, writing_set
from roadloop.storage import publish
from roadloop.storage.platform import Platform, open_platform
from roadloop.training import create as creating
from roadloop.training import start as starting
from roadloop.training.forms import CreateTrain, StartTask
from roadloop.uploads import service as uploads
from roadloop.uploads.files import Inlet, all_uploads
from workers import Workers

TABLE: Final = ClassTable(
    "town", (LabelClass(0, "road", "道路", (128, 64, 128), 0), LabelClass(3, "car", "车", (0, 0, 142), 1))
)
NETWORK: Final = """from torch import nn


def build(num_classes, width=8):
    return nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, num_classes, 1))
"""
#: Not part of a job's output: the rows, and the logs.
_ASIDE: Final = ("roadloop.db", "logs/", ".supervisor.lock", "models/.index.lock")

Finish = Callable[[str], object]  # runs a job to its end
Submit = Callable[[Platform], str]  # the call that queues the job


@dataclass(frozen=True)
class Case:
    """A kind of job.

    Attributes:
        prepare: Writes what the job needs; may run other jobs.
        submit: Queues it.
    """

    prepare: Callable[[Platform, Finish], None]
    submit: Submit


def _set(platform: Platform, _finish: Finish) -> None:
    rng = np.random.default_rng(0)
    with writing_set(platform.workspace, "镇", TABLE) as writer:
        for n in range(8):
            label = np.zeros((32, 48), np.uint8)
            label[: 4 + n, :6] = 3
            image = encode_jpeg(rng.integers(0, 255, (32, 48, 3), dtype=np.uint8))
            writer.add(NewSample("1", f"t{n // 2}_{n:03d}", image, encode_label(label)))


def build_dataset(platform: Platform, max_bad: float = 0.05, name: str = "d", source: str = "镇") -> str:
    """Ask for a dataset of the set."""
    request = CreateData(data_name=name, sour_data=source, train=0.5, val=0.5, max_bad=max_bad, thread=1)
    return platform.database.write(lambda: datasets.create(platform, request))


def _network(platform: Platform, name: str = "n") -> str:
    return platform.database.write(lambda: networks.create(platform, CreateNet(name=name, template="fast-scnn")))


def _to_train(platform: Platform, finish: Finish) -> None:
    _set(platform, finish)
    finish(build_dataset(platform))
    finish(_network(platform))
    folder = platform.workspace.networks / "n"
    publish.write_text(folder / "network.py", NETWORK)
    publish.write_json(folder / "train.json", {"optimizer": "sgd", "class_weighting": "none"})
    publish.write_json(folder / "data.json", {"mean": [0.4, 0.4, 0.4], "std": [0.25, 0.25, 0.25]})
    publish.seal(folder)


def _train(platform: Platform) -> str:
    more = {"log_every": 1, "checkpoint_every": 1}
    task_id = platform.database.write(
        lambda: creating.draft(platform, CreateTrain(train_name="任务", network="n", data="d")).write
    )
    request = StartTask(
        task_id=task_id, num_epoch=2, batch_size=2, model="m", train_con=more, data_con={"crop": [24, 32]}
    )
    platform.database.write(lambda: starting.start(platform, request))
    return task_id


def _model(platform: Platform, _finish: Finish) -> None:
    write_drives(platform, tracks=2, frames=4)
    training_facts = {"best_so_far": True}
    write_network(platform.workspace.tasks / "suzhou" / "output" / "models", training=training_facts)


def _evaluate(platform: Platform) -> str:
    request = StartEvaluation(dicts={"suzhou": ["kd_ep-0001.params"]}, sour_dir="tracks", dest_dir="out")
    return platform.database.write(lambda: evaluation.start(platform, request))


def _to_release(platform: Platform, finish: Finish) -> None:
    """A model, and a release of it that stands already."""
    _model(platform, finish)
    finish(_release(platform, "1"))


def _release(platform: Platform, version: str = "2") -> str:
    request = Release(
        category="车道线", version=version, env="北京", adcode="110000", time="2026-11-23 10:00:00",
        dicts={"suzhou": ["kd_ep-0001.params", "kd_ep-0001.json"]},
    )  # fmt: skip
    return platform.database.write(lambda: releases.submit(platform, request))


def _convert(platform: Platform) -> str:
    request = Convert(source="suzhou", file="kd_ep-0001.params", precision="int8", calibration="tracks", check="tracks")
    return platform.database.write(lambda: engines.convert(platform, request))


def _sample(platform: Platform, folder: str = "images/v1") -> str:
    request = Sample(output_dir=folder, sele_ratio="3", track_file="tracks.txt")
    return platform.database.write(lambda: selection.start_sampling(platform, request))


def _select(platform: Platform, folder: str = "images/v1") -> str:
    request = Mine(
        output_dir=folder, sele_ratio="3", track_file="tracks.txt", weights_dir="suzhou", classes="blue", control=2
    )
    return platform.database.write(lambda: selection.start_mining(platform, request))


def _around(platform: Platform) -> str:
    request = Neighbours(
        points="d0_001,d1_003,gone_1", reach=1, weights_dir="suzhou", classes="blue", output_dir="images/v1"
    )
    return platform.database.write(lambda: selection.start_neighbours(platform, request))


def _images(platform: Platform, _finish: Finish) -> None:
    write_images(platform, "v1", [f"a_{n}.jpg" for n in range(5)])


def _divide(platform: Platform, version: str = "v1") -> str:
    return platform.database.write(lambda: packages.divide(platform, Divide(version=version, step=2, types="remote")))


def _divided(platform: Platform, finish: Finish) -> None:
    _images(platform, finish)
    finish(_divide(platform))


def _annotated(platform: Platform, finish: Finish) -> None:
    """Three packages came back; the third one holds one picture, and its label is no picture."""
    _divided(platform, finish)
    for number in (1, 2, 3):
        annotate(platform, "v1", number, lambda _stem: mask(5))
    for label in (platform.workspace.home / "released" / "v1" / "3").iterdir():
        label.write_bytes(b"no picture")


def _process(platform: Platform) -> str:
    return platform.database.write(
        lambda: packages.publish_labels(platform, ProcessLabel(version="v1", types="remote"), "20261123")
    )


def _to_import(platform: Platform, _finish: Finish) -> None:
    import_folders.plain(platform.workspace.imports / "in")


def _to_grow(platform: Platform, finish: Finish) -> None:
    """The set is there, and its folder has one more picture."""
    _to_import(platform, finish)
    finish(_import(platform))
    folder = platform.workspace.imports / "in" / "2"
    import_folders.put(folder / "t_3.jpg", import_folders.jpeg(3))
    import_folders.put(folder / "t_3.png", encode_label(import_folders.ids(3, 0)))


def _recipe(platform: Platform, dest: str = "苏州") -> ImportRecipe:
    return offimport.prepare(platform.workspace, ImportRecipe(src="imports/in", dest=dest, author="张三"))


def _import(platform: Platform) -> str:
    recipe = _recipe(platform)
    return platform.database.write(lambda: offimport.create(platform, recipe))


def _sent(platform: Platform, _finish: Finish) -> None:
    """A zip of a folder has come whole."""
    data = zipped({"s/1/t_1.jpg": import_folders.jpeg(1), "s/1/t_1.png": encode_label(import_folders.ids(3, 0))})
    upload = uploads.begin(platform, {"name": "上传"}, len(data))
    with Inlet(platform.workspace, upload, 0, 0) as inlet:
        inlet.write(data)


def _unpack(platform: Platform) -> str:
    (upload,) = all_uploads(platform.workspace)
    return platform.database.write(lambda: uploads.unpack(platform, upload.id))


def _rework(platform: Platform) -> str:
    request = Rework(name="镇", version="返工", pictures=("1/t0_000", "1/t3_007"))
    return platform.database.write(lambda: rework.create(platform, request))


def _draw(platform: Platform) -> str:
    return platform.database.write(lambda: demo.create(platform, DrawPictures(name="演示", tracks=1, frames=1)))


def _preview(platform: Platform) -> str:
    recipe = _recipe(
        platform, "预览"
    )  # not the set of `_import`, beside which it may run: it says what is there already
    return platform.database.write(lambda: offimport.create_preview(recipe))


def _examine(platform: Platform) -> str:
    request = CheckHealth(name="镇", against="none", distance=6, confidence=0.9, min_pixels=4)
    return platform.database.write(lambda: health.create(platform, request))


def _read_labels(platform: Platform) -> str:
    return platform.database.write(lambda: finding.order(platform, ReadLabels(name="镇")))


def _push(platform: Platform) -> str:
    return platform.database.write(lambda: annotators.push(platform, Push(version="v1", number=1)))


def _in_inbox(platform: Platform, finish: Finish) -> None:
    _annotated(platform, finish)
    released, inbox = platform.workspace.home / "released" / "v1", platform.workspace.imports / "annotations"
    shutil.move(released, inbox)


def _pull(platform: Platform) -> str:
    return platform.database.write(lambda: annotators.download(platform, Download(start=1, end=2, dest="back")))


#: By kind of job, and after a dash what is special about this one.
CASES: Final = {
    "create_data": Case(_set, build_dataset),
    "create_net": Case(lambda _platform, _finish: None, _network),
    "train": Case(_to_train, _train),
    "evaluate": Case(_model, _evaluate),
    "release": Case(_to_release, _release),
    "convert": Case(_model, _convert),
    "sample": Case(_model, _sample),
    "select": Case(_model, _select),
    "select-around": Case(_model, _around),
    "task_divide": Case(_images, _divide),
    "process_label": Case(_annotated, _process),
    "offimport": Case(_to_import, _import),
    "offimport-grows": Case(_to_grow, _import),
    "import_preview": Case(_to_import, _preview),
    "unpack": Case(_sent, _unpack),
    "demo_pictures": Case(lambda _platform, _finish: None, _draw),
    "rework": Case(_set, _rework),
    "health": Case(_set, _examine),
    "index": Case(_set, _read_labels),
    "push_package": Case(_divided, _push),
    "linedown": Case(_in_inbox, _pull),
}

#: The cases that `make test` runs: one that publishes a table, one step by step, and one that keeps what it has done.
EVERY_TIME: Final = ("offimport", "train", "task_divide")


def cases(without: Collection[str] = ()) -> list[Any]:
    """The cases as parameters of a test, those that only `make reliability` runs marked so."""
    return [
        pytest.param(case, marks=() if case in EVERY_TIME else pytest.mark.slow)
        for case in CASES
        if case not in without
    ]


_FINISH: Final = ("finish.before", "finish.chosen", "finish.moved")
_PUBLISH: Final = ("publish.before", "publish.chosen", "publish.moved")
#: Kind of job -> the points named points of its code, in the order in which it reaches them.
POINTS: Final[Mapping[str, tuple[str, ...]]] = {
    "create_data": ("build.shard", "build.packed", "build.assembled", *_FINISH),
    "create_net": ("create_net.tried", *_FINISH),
    "train": (*_PUBLISH, "train.configured", "train.saved", "train.validated", "train.epoch", *_FINISH),
    "evaluate": (*_PUBLISH, "evaluate.half_predicted", "evaluate.predicted", "evaluate.written", *_FINISH),
    "release": ("release.copied", "release.exported", *_PUBLISH, *_FINISH),
    "convert": ("convert.converted", *_FINISH),
    "sample": ("sample.fetched", *_FINISH),
    "select": (
        "select.listed", "select.half_scored", "select.scored", "select.picked", "select.fetched", *_FINISH
    ),
    "task_divide": ("divide.part", *_PUBLISH, "divide.planned", "divide.package", *_FINISH),
    "process_label": ("process.package", *_FINISH),
    "offimport": ("offimport.listed", "offimport.written", *_FINISH),
    "import_preview": ("preview.written", *_FINISH),
    "unpack": ("unpack.written", *_PUBLISH, "unpack.cleared", *_FINISH),
    "demo_pictures": ("demo.drawn", *_FINISH),
    "rework": ("rework.copied", *_PUBLISH, *_FINISH),
    "health": ("health.written", *_FINISH),
    "index": ("index.written", *_FINISH),
    "push_package": ("push.picture", *_FINISH),
    "linedown": (*_PUBLISH, "pull.batch", *_FINISH),
}  # fmt: skip


def prepare_all(platform: Platform, finish: Finish) -> None:
    """Write what `submit_all` needs into one workspace."""
    (platform.workspace.home / "outbox").mkdir()
    _to_train(platform, finish)
    _to_release(platform, finish)
    _annotated(platform, finish)
    home = platform.workspace.home
    shutil.copytree(home / "released" / "v1", platform.workspace.imports / "annotations")
    write_images(platform, "v2", [f"b_{n}.jpg" for n in range(5)])
    _to_import(platform, finish)
    _sent(platform, finish)


def submit_all(platform: Platform) -> dict[str, str]:
    """Queue a job of every kind in one workspace; task id -> kind."""
    submits: dict[str, Submit] = {
        "create_data": partial(build_dataset, name="d2"), "create_net": partial(_network, name="n2"), "train": _train,
        "evaluate": _evaluate, "release": _release, "convert": _convert, "sample": partial(_sample, folder="images/v3"),
        "select": partial(_select, folder="images/v4"), "task_divide": partial(_divide, version="v2"),
        "process_label": _process, "offimport": _import, "import_preview": _preview, "unpack": _unpack, "demo_pictures": _draw, "rework": _rework, "health": _examine, "index": _read_labels,
        "push_package": _push, "linedown": _pull,
    }  # fmt: skip
    assert set(submits) == set(POINTS)
    return {submit(platform): kind for kind, submit in submits.items()}


def tree_of(home: Path) -> dict[str, str]:
    """Every file of a workspace with its sha256, other than rows, logs and event files."""
    home = home.resolve()
    found = {p.relative_to(home).as_posix(): p for p in sorted(home.rglob("*")) if p.is_file()}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in found.items()
        if not name.startswith(_ASIDE) and not (name.endswith(".log") or ".tfevents." in name)
    }


def wait_for_helpers(platform: Platform) -> None:
    """A job's helper processes end a moment after it."""
    with platform.database.reading() as db:
        ids = db.execute(queue.jobs.select().with_only_columns(queue.jobs.c.id)).scalars().all()
    psutil.wait_procs([process for task_id in ids for process in processes.find(f"{task_id}:")], timeout=10)


class Stage:
    """A workspace in which one job is queued, which can be put back as it was.

    Args:
        case: Of the job, a key of `CASES`.
        folder: Holds the workspace and its copy.
        workers: Run the jobs.
    """

    def __init__(self, case: str, folder: Path, workers: Workers) -> None:
        self.kind: Final = case.partition("-")[0]
        self.case: Final = CASES[case]
        self.workers: Final = workers
        # Nobody sweeps here: long leases, and a supervisor that only recovers.
        self.settings: Final = Settings(
            home=folder / "home", port=0, lease_seconds=60, poll_seconds=3600, min_free_mib=0, torch_threads=1,
            loader_workers=0, annotation_outbox="outbox",
        )  # fmt: skip
        self._copy: Final = folder / "copy"
        platform = open_platform(self.settings, upgrade=True)
        (platform.workspace.home / "outbox").mkdir()
        self.case.prepare(platform, lambda task_id: self._finish(platform, task_id))
        self.task_id: Final = self.case.submit(platform)
        platform.database.close()
        self.before: Final = self.tree()
        shutil.copytree(self.settings.home, self._copy)
        with self.opened() as fresh:
            known = workers.left()  # of jobs that other tests have killed
            self._finish(fresh, self.task_id)
            self.result: Final = self.job(fresh).result
            assert workers.left() == known, "the job has left temporary files"
        self.after: Final = self.tree()
        assert self.after != self.before

    @contextmanager
    def opened(self) -> Iterator[Platform]:
        """The workspace as it was before the job ran; afterwards it must be sound."""
        shutil.rmtree(self.settings.home)
        shutil.copytree(self._copy, self.settings.home)
        platform = open_platform(self.settings)
        try:
            yield platform
            wait_for_helpers(platform)
            report = inspect(platform, hashes=True)
            assert (report.problems, report.notes) == ([], [])
        finally:
            platform.database.close()

    def job(self, platform: Platform) -> queue.Job:
        """The job's row."""
        with platform.database.reading() as db:
            return queue.get(db, self.task_id)

    def run(self, platform: Platform, **changes: Any) -> int:
        """Run the queued job in a process of its own; its exit status."""
        return self.workers.run(platform, self.task_id, **changes)

    def recover(self, platform: Platform) -> queue.Job:
        """Do what a server does when it starts; returns the job's row."""
        supervisor = Supervisor(platform)
        supervisor.start()
        supervisor.close()
        return self.job(platform)

    def again(self, platform: Platform) -> str:
        """The same call once more."""
        return self.case.submit(platform)

    def log(self, platform: Platform) -> str:
        """What the job has logged."""
        return (platform.workspace.home / self.job(platform).log).read_text()

    def tree(self) -> dict[str, str]:
        """As `tree_of`."""
        return tree_of(self.settings.home)

    def _finish(self, platform: Platform, task_id: str) -> None:
        assert self.workers.run(platform, task_id) == 0
        with platform.database.reading() as db:
            job = queue.get(db, task_id)
        assert job.state is queue.JobState.SUCCEEDED, (job.kind, job.reason, job.error)
