"""R18: labels outside the class table, of another size or kind, or all ignored, from the import to the evaluation.

Each is used or named with its reason, and no figure, file or weight is without a number because of them.
"""

import csv
import io
import json
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from full_disk import Disk
from imported import read_result
from job_cases import CASES, TABLE, build_dataset
from roadloop.evaluation import service as evaluation
from roadloop.evaluation.recipe import StartEvaluation
from roadloop.imaging.encode import encode_color, encode_jpeg, encode_label, encode_palette
from roadloop.jobs import queue
from roadloop.jobs.fsck import inspect
from roadloop.jobs.states import JobState
from roadloop.labels.colors import ColorCoder
from roadloop.labels.table import IGNORE, format_csv
from roadloop.models.params import read_params
from roadloop.settings import Settings
from roadloop.storage.platform import Platform, open_platform
from roadloop.training import create as creating
from roadloop.training import start as starting
from roadloop.training.forms import CreateTrain, StartTask
from workers import Workers

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(600), pytest.mark.xdist_group("jobs")]

UInt8 = NDArray[np.uint8]
HEIGHT, WIDTH = 32, 48
COLORS: Final = ColorCoder(TABLE)
NOBODYS: Final = 77  # an id, and a colour's part, that no class has


def truth(rng: random.Random) -> UInt8:
    """Road with a car somewhere."""
    ids = np.zeros((HEIGHT, WIDTH), np.uint8)
    y, x = rng.randrange(HEIGHT - 6), rng.randrange(WIDTH - 8)
    ids[y : y + 6, x : x + 8] = 3
    return ids


def strange(rng: random.Random, pixels: int) -> UInt8:
    """The same with so many pixels of an id that no class has."""
    ids = truth(rng)
    ids.ravel()[rng.sample(range(ids.size), pixels)] = NOBODYS
    return ids


def saved(ids: UInt8, mode: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(ids).convert(mode).save(out, "PNG")
    return out.getvalue()


def cut(rng: random.Random) -> bytes:
    data = encode_label(truth(rng))
    return data[: rng.randint(1, len(data) - 1)]


def flipped(rng: random.Random) -> bytes:
    data = bytearray(encode_label(truth(rng)))
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


Make = Callable[[random.Random], bytes]
FEW, MANY = HEIGHT * WIDTH // 100, HEIGHT * WIDTH // 50  # 1 % may be of no class
ALL_IGNORED: Final = encode_label(np.full((HEIGHT, WIDTH), IGNORE, np.uint8))
#: `<beginning of the file's name>|<kind>` -> the bytes of one; these can be used,
GOOD: Final[dict[str, Make]] = {
    "|ids": lambda rng: encode_label(truth(rng)),
    "|ids, filtered": lambda rng: cv2.imencode(".png", truth(rng))[1].tobytes(),
    "|palette": lambda rng: encode_palette(truth(rng), np.zeros((256, 3), np.uint8)),
    "|few strange ids": lambda rng: encode_label(strange(rng, FEW)),
    "|all ignored": lambda _rng: ALL_IGNORED,
    "label-|colours": lambda rng: encode_color(COLORS.to_rgb(truth(rng))),
    "|all ignored but one": lambda _rng: encode_label(
        np.pad(np.zeros((1, 1), np.uint8), ((0, 31), (0, 47)), constant_values=IGNORE)
    ),
}
#: and these cannot.
BROKEN: Final[dict[str, Make]] = {
    "|strange ids": lambda rng: encode_label(strange(rng, MANY)),
    "|all strange": lambda _rng: encode_label(np.full((HEIGHT, WIDTH), NOBODYS, np.uint8)),
    "|strange palette": lambda rng: encode_palette(strange(rng, MANY), np.zeros((256, 3), np.uint8)),
    "|turned": lambda rng: encode_label(truth(rng).T),
    "|small": lambda rng: encode_label(truth(rng)[:-1]),
    "|one pixel": lambda _rng: encode_label(np.zeros((1, 1), np.uint8)),
    "|colours of nothing": lambda rng: encode_color(np.random.default_rng(rng.randrange(99)).integers(0, 99, (HEIGHT, WIDTH, 3), dtype=np.uint8)),
    "|ids in three channels": lambda rng: encode_color(np.repeat(truth(rng)[..., None], 3, axis=2)),
    "|alpha": lambda rng: saved(truth(rng), "RGBA"),
    "|grey alpha": lambda rng: saved(truth(rng), "LA"),
    "|black or white": lambda rng: saved(truth(rng), "1"),
    "|16 bits": lambda rng: cv2.imencode(".png", truth(rng).astype(np.uint16))[1].tobytes(),
    "|jpeg": lambda rng: encode_jpeg(np.repeat(truth(rng)[..., None], 3, axis=2)),
    "|empty": lambda _rng: b"",
    "|text": lambda _rng: b"0 0 0\n",
    "|cut": cut,
    "|flipped": flipped,
    "label-|strange colours": lambda _rng: encode_color(np.full((HEIGHT, WIDTH, 3), NOBODYS, np.uint8)),
    "label-|small colours": lambda rng: encode_color(COLORS.to_rgb(truth(rng))[:, :-1]),
    "label-|colours in a jpeg": lambda rng: encode_jpeg(COLORS.to_rgb(truth(rng))),
    "label-|ids as colours": lambda rng: encode_label(truth(rng)),
}  # fmt: skip


class Labels:
    """A folder of pictures with such labels.

    Attributes:
        good: Stems of the pictures whose labels can be used.
        bad: Stems of the others.
    """

    def __init__(self, folder: Path, number: int, rng: random.Random) -> None:
        folder.mkdir(parents=True)
        (folder.parent / "classes.csv").write_text(format_csv(TABLE), encoding="utf-8")
        kinds = GOOD | BROKEN
        stems: dict[str, str] = {}
        for n, kind in zip(range(number), list(kinds) * number, strict=False):
            start, _, what = kind.partition("|")
            stem = f"t{n}_{n:03d}-{what.replace(' ', '-')}"
            stems[stem] = kind
            pixels = np.random.default_rng(n).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            (folder / f"{stem}.jpg").write_bytes(encode_jpeg(pixels))
            (folder / f"{start}{stem}.png").write_bytes(kinds[kind](rng))
        self.good: Final = {stem for stem, kind in stems.items() if kind in GOOD}
        self.bad: Final = stems.keys() - self.good


def refuse(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} in a file")


def read_json(text: str) -> Any:
    """A JSON document in which every number is one."""
    return json.loads(text, parse_constant=refuse)


def named(rows: list[dict[str, str]], column: str) -> set[str]:
    """The stems that a table names, each once and with a reason."""
    stems = [Path(row[column]).stem.removeprefix("label-") for row in rows]
    assert len(set(stems)) == len(stems)
    assert all(row["reason_en"] and row["reason_zh"] for row in rows)
    return set(stems)


def test_r18__labels(disk: Disk, workers: Workers, rng: random.Random, request: pytest.FixtureRequest) -> None:
    home = Path(disk.home) / "labels"
    platform = open_platform(
        Settings(home=home, port=0, poll_seconds=3600, min_free_mib=0, torch_threads=1, predictor="torch"), upgrade=True
    )
    finish = partial(_finish, workers, platform)
    number = 200 if request.config.getoption("--full") else len(GOOD) + len(BROKEN)

    brought = Labels(platform.workspace.imports / "in" / "1", number, rng)
    done = read_result(platform, finish(CASES["offimport"].submit(platform)), "苏州")
    pictures = {Path(file).stem: fate for file, fate in done.outcomes.items() if file.endswith(".jpg")}
    assert {stem for stem, fate in pictures.items() if fate == "added"} == brought.good
    assert all(done.reasons[file] for file in done.outcomes)

    CASES["train"].prepare(platform, finish)
    put = Labels(platform.workspace.sources / "生" / "1", number, rng)
    built = finish(build_dataset(platform, 0.9, "odd", "生"))
    assert built.result is not None
    assert (sum(built.result["counts"].values()), built.result["bad"]) == (len(put.good), len(put.bad))
    assert named(_table(home / "datasets" / "odd" / "report.csv"), "file") == put.bad

    task_id = platform.database.write(
        lambda: creating.draft(platform, CreateTrain(train_name="怪", network="n", data="odd")).write
    )
    more = {"log_every": 1, "ohem_threshold": 0.7, "dice_weight": 1.0}
    start = StartTask(
        task_id=task_id, num_epoch=1, batch_size=1, model="m", train_con=more, data_con={"crop": [24, 32]}
    )
    platform.database.write(lambda: starting.start(platform, start))
    finish(task_id)
    task = home / "tasks" / "怪"
    lines = [read_json(line) for line in (task / "log" / "metrics.jsonl").read_text().splitlines()]
    assert all(np.isfinite(line["loss"]) for line in lines if "loss" in line)
    (weights,) = (task / "output" / "models").glob("*.params")
    assert all(np.isfinite(array).all() for array in read_params(weights.read_bytes()).values())

    _evaluate(platform, finish, weights.name, "sources/生", "out")
    report = read_json((home / "out" / "report.json").read_text())
    assert (report["total_img"], report["bad_lines"]) == (number, len(put.bad))
    assert named(_table(home / "out" / "bad_pictures.csv"), "name") == put.bad
    ignored = home / "ignored"
    ignored.mkdir()
    for stem in ("a", "b"):
        (ignored / f"{stem}.jpg").write_bytes(encode_jpeg(np.zeros((HEIGHT, WIDTH, 3), np.uint8)))
        (ignored / f"{stem}.png").write_bytes(ALL_IGNORED)
    _evaluate(platform, finish, weights.name, "ignored", "out2")
    (model,) = read_json((home / "out2" / "report.json").read_text())["models"]
    assert model["miou"] is None

    assert inspect(platform, hashes=True).problems == []
    platform.database.close()


def _finish(workers: Workers, platform: Platform, task_id: str) -> queue.Job:
    assert workers.run(platform, task_id) == 0
    with platform.database.reading() as db:
        job = queue.get(db, task_id)
    assert job.state is JobState.SUCCEEDED, (job.kind, job.reason, job.error)
    read_json(json.dumps(job.result))
    return job


def _evaluate(platform: Platform, finish: Callable[[str], queue.Job], model: str, folder: str, out: str) -> None:
    request = StartEvaluation(dicts={"怪": [model]}, sour_dir=folder, dest_dir=out)
    finish(platform.database.write(lambda: evaluation.start(platform, request)))


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))
