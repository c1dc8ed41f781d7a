"""Pictures to be labelled, and people who label them, for tests of packages and annotators."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import Text
from roadloop.imaging.encode import encode_color, encode_jpeg
from roadloop.jobs import queue
from roadloop.jobs.context import apply_moves, chosen_moves
from roadloop.jobs.states import JobState
from roadloop.labels.colors import ColorCoder
from roadloop.labels.table import ClassTable, LabelClass, shipped
from roadloop.packages import manifest, places
from roadloop.packages.cut import framed, lower_half
from roadloop.storage.platform import Platform

UInt8 = NDArray[np.uint8]
RunJob = Callable[[Platform, str], queue.Job]
TABLE = ClassTable(
    "tiny",
    (
        LabelClass(1, "road", "道路", (128, 64, 128), 0),
        LabelClass(2, "line", "车道线", (255, 255, 255), 1),
        LabelClass(3, "line", "虚线", (250, 170, 30), 2),
    ),
)


def picture(seed: int, width: int = 12, height: int = 9) -> UInt8:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def mask(seed: int, width: int = 12, height: int = 9, table: ClassTable | None = None) -> UInt8:
    """Random raw ids of a table; the shipped one by default."""
    ids = np.array((table or shipped()).raw_ids, np.uint8)
    return np.random.default_rng(seed).choice(ids, (height, width))


def write_images(platform: Platform, version: str, names: list[str], width: int = 12, height: int = 9) -> Path:
    """Pictures of random pixels, each of its own."""
    folder = platform.workspace.home / places.IMAGES / version
    for n, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = picture(n, width, height)
        path.write_bytes(encode_color(pixels) if name.endswith(".png") else encode_jpeg(pixels))
    return folder


def annotate(
    platform: Platform, version: str, number: int, truth: Callable[[str], UInt8], *, only: set[str] | None = None
) -> None:
    """Play the annotator: paint what `truth` says of each original's stem, in the package's frame."""
    folder = platform.workspace.home / places.PACKAGES / version / str(number)
    record = manifest.read(folder)
    back = platform.workspace.home / places.RELEASED / version / str(number)
    back.mkdir(parents=True, exist_ok=True)
    coder = ColorCoder(record.table)
    for one in record.pictures:
        if only is None or one.stem in only:
            ids = truth(one.stem)
            part = lower_half(ids) if record.type == "remote" else ids
            (back / one.label).write_bytes(encode_color(framed(coder.to_rgb(part), record.border, 255)))


def kill_then_run(platform: Platform, run_job: RunJob, task_id: str, point: str) -> queue.Job:
    """Run a job in a process that kills itself at `point`; then do what the supervisor does."""
    with platform.database.transaction() as db:
        job = queue.claim(db, task_id, (), "test")
    done = subprocess.run(
        [sys.executable, "-m", "roadloop.jobs.run", task_id, str(job.token), ""],
        env=platform.settings.model_copy(update={"fail_point": point}).child_environment(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == -9, done.stderr.decode()
    with platform.database.reading() as db:
        job = queue.get(db, task_id)
    apply_moves(chosen_moves(platform.workspace, job))
    with platform.database.transaction() as db:
        if job.finishing:
            queue.finish(db, job, JobState.SUCCEEDED)
            return queue.get(db, task_id)
        queue.requeue(db, job, Text("x", "x"), counts=True)
    return run_job(platform, task_id)
