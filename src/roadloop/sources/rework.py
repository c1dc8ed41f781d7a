"""Pictures of a source set that are to be labelled anew: copied to images/<version>, which /task_divide cuts into packages."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final

import sqlalchemy as sa

from roadloop.errors import NameTakenError, NotFoundError, Text
from roadloop.jobs import queue
from roadloop.jobs.queue import Submission
from roadloop.jobs.states import ENDED
from roadloop.jobs.store import jobs
from roadloop.sources.contents import find_samples
from roadloop.sources.layout import Sample
from roadloop.sources.recipe import Rework
from roadloop.sources.service import open_set
from roadloop.storage import publish, reading
from roadloop.storage.database import Write
from roadloop.storage.paths import Workspace, check_new_name
from roadloop.storage.platform import Platform

KIND: Final = "rework"  #: of job


def create(platform: Platform, request: Rework) -> Write[str]:
    """Writes the job that copies the pictures; answers its task id.

    Raises:
        NotFoundError: The set is not there, or has not all of the pictures.
        NameTakenError: There is such a version, or a job makes it already; then with its task id.
        InvalidNameError: No version can have that name.
    """
    workspace = platform.workspace
    version = check_new_name(request.version, "version")
    source = open_set(workspace, request.name, "name")
    choose(workspace, request)
    if workspace.entry(workspace.images, version, "version").exists():
        raise taken(version)
    recipe = request.model_copy(update={"name": source.name, "version": version})

    def write(db: sa.Connection) -> str:
        at_work = sa.select(jobs.c.id).where(jobs.c.kind == KIND, jobs.c.title == version, jobs.c.state.not_in(ENDED))
        busy = db.scalar(at_work)
        if busy is not None:
            raise NameTakenError(
                Text(f"任务 {busy} 正在生成 images/{version}。", f"Job {busy} is making images/{version}."),
                parameter="version",
                task_id=busy,
            )
        return queue.submit(db, Submission(kind=KIND, payload=recipe.payload(), title=version))

    return write


def choose(workspace: Workspace, recipe: Rework) -> list[Sample]:
    """The pictures that are meant.

    Raises:
        NotFoundError: The set is not there, or has not all of them.
    """
    found = find_samples(workspace, recipe.name, recipe.pictures)
    missing = [key for key in recipe.pictures if key not in found]
    if missing:
        some = ", ".join(missing[:5])[:200]
        raise NotFoundError(
            Text(
                f"源数据 {recipe.name} 中没有这些图片：{some}",
                f"The source set {recipe.name} has no such pictures: {some}",
            ),
            parameter="pictures",
        )
    return [found[key] for key in recipe.pictures]


def copy(samples: list[Sample], folder: Path, watch: Callable[[int, int], None]) -> None:
    """Copy pictures as `<track>/<point>`, as a version has them, so that a track stays one when it is labelled anew."""
    for done, sample in enumerate(samples):
        watch(done, len(samples))
        track = folder / sample.track.replace("/", "-")
        track.mkdir(exist_ok=True)
        ending = PurePosixPath(sample.image.name).suffix.lower()
        target = track / f"{sample.point}{ending}"
        if target.exists():  # two packages have a picture of one name
            target = track / f"{sample.package}-{sample.point}{ending}"
        target.write_bytes(reading.read_bytes(sample.image))
        publish.fsync(target)


def taken(version: str) -> NameTakenError:
    """What is said of a version that is there."""
    return NameTakenError(
        Text(
            f"已有 images/{version}，没有改动它；请换一个版本名",
            f"There is an images/{version} already, and it was left as it is; choose another version",
        ),
        parameter="version",
    )
