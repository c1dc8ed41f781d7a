"""What can be done with annotators: push a package, pull what is finished. No torch here."""

from collections.abc import Collection

import sqlalchemy as sa

from roadloop.annotators import store
from roadloop.annotators.folder import FolderAnnotator
from roadloop.annotators.protocol import Annotator
from roadloop.annotators.recipe import MAX_ID, Download, Push
from roadloop.annotators.server import LabelStudioAnnotator
from roadloop.errors import InvalidValueError, NotFoundError, Text
from roadloop.jobs import queue
from roadloop.labels.label_studio import Shape
from roadloop.packages import places
from roadloop.packages import service as packages
from roadloop.storage.database import Write
from roadloop.storage.paths import check_name
from roadloop.storage.platform import Platform


def open_annotator(platform: Platform, shape: Shape = "brush", unpainted: int | None = None) -> Annotator:
    """The annotator that the settings name: Label Studio where its URL is set, else folders.

    Raises:
        PathOutsideError: A configured folder lies outside the workspace and its roots.
    """
    if platform.settings.label_studio_url:
        return LabelStudioAnnotator(platform, shape, unpainted)
    return FolderAnnotator(platform)


def push(platform: Platform, request: Push) -> Write[str]:
    """Check a package that is to be handed to the annotator.

    Returns:
        Writes the push's row and its job; answers the task id.

    Raises:
        InvalidNameError: `person` can be nobody's name.
        NotFoundError: There is no such package.
        BrokenFileError: Its manifest cannot be read.
    """
    version, number = check_name(request.version, "version"), request.number
    person = check_name(request.person, "person") if request.person else ""
    recipe = request.model_copy(update={"version": version, "person": person})
    packages.require(platform, version, number)
    annotator = open_annotator(platform).kind

    def write(db: sa.Connection) -> str:
        task_id = queue.submit(db, queue.Submission("push_package", recipe.payload(), f"{version}/{number}"))
        db.execute(store.pushes.insert().values(task_id=task_id, version=version, number=number, annotator=annotator))
        return task_id

    return write


def download(platform: Platform, request: Download) -> Write[str]:
    """Check a range of annotation tasks of which the finished ones are to be fetched.

    Returns:
        Writes the download's row and its job; answers the task id.

    Raises:
        InvalidValueError: The range is upside down.
        NotFoundError: The annotator has nothing in it.
    """
    dest, start, end = check_name(request.dest, "dest"), request.start, request.end
    recipe = request.model_copy(update={"dest": dest})
    places.folder_of(platform.workspace, places.RELEASED, dest, "dest")
    if start > end:
        raise InvalidValueError(
            Text(
                f"taskid_start {start} 大于 taskid_end {end}；请交换两者。",
                f"taskid_start {start} is above taskid_end {end}; swap them.",
            ),
            parameter="taskid_start",
        )
    annotator = open_annotator(platform)
    if not annotator.tasks(start, end):
        raise _nothing(annotator, start, end)
    values = {"taskid_start": start, "taskid_end": end, "dest": dest, "annotator": annotator.kind}

    def write(db: sa.Connection) -> str:
        task_id = queue.submit(db, queue.Submission("linedown", recipe.payload(), f"{start}..{end} → {dest}"))
        db.execute(store.downloads.insert().values(task_id=task_id, **values))
        return task_id

    return write


def destinations(db: sa.Connection, task_ids: Collection[str]) -> dict[str, str]:
    """The version that labels were fetched for, by the task id of each download."""
    rows = store.downloads.c
    return {row[0]: row[1] for row in db.execute(sa.select(rows.task_id, rows.dest).where(rows.task_id.in_(task_ids)))}


def _nothing(annotator: Annotator, start: int, end: int) -> NotFoundError:
    there = annotator.tasks(0, MAX_ID)
    known = f"{there[0]}..{there[-1]}" if there else "-"
    if isinstance(annotator, FolderAnnotator):
        text = Text(
            f"收件目录 {annotator.inbox} 中没有编号 {start}..{end} 的任务包；现有：{known}。"
            "标注员应把结果放在 <收件目录>/<编号>/ext-label-*.png。",
            f"The inbox {annotator.inbox} has no package numbered {start}..{end}; it has: {known}. Annotators put"
            " results into <inbox>/<number>/ext-label-*.png.",
        )
    else:
        text = Text(
            f"没有推送过编号 {start}..{end} 的标注任务；已推送：{known}。先用 POST /v1/packages/<版本>/<编号>/push 推送任务包。",
            f"No annotation task from {start} to {end} was pushed from here; pushed: {known}."
            " POST /v1/packages/<version>/<n>/push pushes a package.",
        )
    return NotFoundError(text, parameter="taskid_start")
