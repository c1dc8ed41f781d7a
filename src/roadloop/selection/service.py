"""What a caller can do with selections. One function, one use case; no torch here."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from roadloop.errors import ConflictError, InvalidValueError, NotFoundError, Text
from roadloop.evaluation.destination import require_free
from roadloop.jobs import queue
from roadloop.jobs.nodes import check_gpus
from roadloop.jobs.states import JobState
from roadloop.models.files import load_description
from roadloop.networks.trust import trust_of
from roadloop.selection import store
from roadloop.selection.asked import NOT_LISTED, Listed, check, check_datum, labelled_sets, named, portable, read_points
from roadloop.selection.compare import ArmResult, compare, result_of
from roadloop.selection.lines import LineCounts, ids_of
from roadloop.selection.model import Aim, aims, choose_model
from roadloop.selection.output import RULE
from roadloop.selection.recipe import (
    FetchPoints,
    ListedPoints,
    Mine,
    MineRecipe,
    Mining,
    Neighbours,
    Sample,
    SampleRecipe,
)
from roadloop.selection.sampling import MOST
from roadloop.storage.database import Write
from roadloop.storage.paths import check_new_name
from roadloop.storage.platform import Platform

_SHOWN: Final = 1000  #: characters of a list of tracks that the row keeps

S = TypeVar("S", bound=Sample)


def start_sampling(platform: Platform, request: Sample) -> Write[str]:
    """Check a sampling.

    Returns:
        Writes the selection's row and its job; answers the task id.

    Raises:
        InvalidValueError: `ratio`, or not exactly one of `track_file` and `task_file`.
        NotFoundError: A list file does not exist.
        ConflictError: `output_dir` cannot be used.
        PathOutsideError: A path outside the workspace, or `output_dir` is read-only.
    """
    return _sample(platform, request, NOT_LISTED)


def start_mining(platform: Platform, request: Mine) -> Write[str]:
    """Check a mining.

    Returns:
        Writes the selection's row and its job; answers the task id.

    Raises:
        InvalidValueError: As `start_sampling`; also a class that the model does not have, or a GPU that is not there.
        NotFoundError: A list file, the model or a source set does not exist.
        BrokenFileError: A model file without a valid description.
        UntrustedCodeError: The model lies where pictures come in, or carries code that nobody has approved here.
        DatumError: `gap_metres`, and the first track's positions are of unlike or unknown datums.
        ConflictError: `output_dir` cannot be used.
        PathOutsideError: A path outside the workspace, or `output_dir` is read-only.
    """
    return _mine(platform, request, NOT_LISTED)


def fetch_points(platform: Platform, request: FetchPoints) -> Write[str]:
    """Check a selection of listed track points, whose pictures become the folder `images/<name>`.

    Returns:
        Writes the selection's row and its job; answers the task id. Ids that are not found are named in its report.

    Raises:
        InvalidNameError: `name`, or an id that cannot be one.
        InvalidValueError: No id, or too many.
        ConflictError: The folder cannot be used.
    """
    name = check_new_name(request.name, "name")
    values = {**request.part(ListedPoints), "output_dir": f"{platform.workspace.images.name}/{name}"}
    return _sample(platform, _all_of(Sample, values), read_points(request.points, 0))


def start_neighbours(platform: Platform, request: Neighbours) -> Write[str]:
    """Check a selection of the neighbourhoods of listed track points, all of which are scored and taken.

    Returns:
        Writes the selection's row and its job; answers the task id. Ids that are not found are named in its report.

    Raises:
        InvalidNameError: An id that cannot be one.
        InvalidValueError: No id, or too many pictures; also as `start_mining`.
        NotFoundError, BrokenFileError, UntrustedCodeError, ConflictError, PathOutsideError: As `start_mining`.
    """
    values = {**request.model_dump(exclude={"points", "reach"}), "candidates": MOST}
    return _mine(platform, _all_of(Mine, values), read_points(request.points, request.reach))


def _all_of(kind: type[S], values: Mapping[str, Any]) -> S:
    """A request for all that is listed."""
    known = {name: value for name, value in values.items() if name in kind.model_fields}
    return kind(**{**known, "sele_ratio": "100%", "isshuffle": False})


def _sample(platform: Platform, request: Sample, listed: Listed) -> Write[str]:
    request = portable(platform.workspace, request)
    recipe = check(platform, request, listed)
    return _write(request, recipe, queue.Submission("sample", recipe.payload(), _title(request, listed)))


def _mine(platform: Platform, request: Mine, listed: Listed) -> Write[str]:
    check_gpus(platform, request.gpus)
    request = portable(platform.workspace, request)
    request = request.model_copy(update={"weights_dir": platform.workspace.store_path(request.weights_dir)})
    drawn = check(platform, request, listed)
    if request.gap_metres and request.track_file:
        check_datum(platform, next(ids_of(platform.workspace.find_path(drawn.track_path), LineCounts()), None))
    elif request.gap_metres and drawn.tracks:
        check_datum(platform, drawn.tracks[0])
    params = choose_model(platform, request.weights_dir)
    record = load_description(params)
    trust_of(platform).require(record.network.source, params)
    with platform.database.reading() as db:
        found = aims(db, params, record, request.classes)
    recipe = MineRecipe(
        **drawn.part(SampleRecipe),
        **request.part(Mining),
        model_path=platform.workspace.store_path(params),
        model_sha256=record.params_sha256,
        aims=tuple(found.classes),
        aims_source=found.source,
        labelled=labelled_sets(platform.workspace, request.labelled),
    )
    title = f"{request.weights_dir} · {_title(request, listed)}"
    job = queue.Submission("select", recipe.payload(), title, gpus=request.gpus)
    return _write(request, recipe, job, request.weights_dir)


def _title(request: Sample, listed: Listed) -> str:
    if listed.points:
        return ", ".join(listed.points)[:60] + (f" · ±{listed.reach}" if listed.reach else "")
    return f"{request.track_file or (request.task_file or named(request.tracks))[:60]} · {request.sele_ratio}"


def full_id(platform: Platform, beginning: str) -> str:
    """The task id of the one selection whose id begins so, as `roadloop status` shows it; else what was given."""
    with platform.database.reading() as db:
        found = store.ids_beginning(db, beginning)
    return found[0] if len(found) == 1 else beginning


def finished(platform: Platform, task_id: str) -> tuple[Path, dict[str, Any]]:
    """The folder of a finished selection, and the report in it.

    Raises:
        NotFoundError: No selection has that id, or its folder is gone.
        ConflictError: It has not finished.
    """
    with platform.database.reading() as db:
        row = store.find(db, task_id)
        job = None if row is None else queue.get(db, task_id)
    if row is None or job is None:
        raise NotFoundError(
            Text(
                f"没有 task_id 为 {task_id[:80]!r} 的选图任务；/auto_sele、/auto_sam 与 roadloop status 会列出它们。",
                f"No selection has the task_id {task_id[:80]!r}; /auto_sele, /auto_sam and roadloop status list them.",
            ),
            task_id=task_id[:80],
        )
    if job.state is not JobState.SUCCEEDED:
        raise ConflictError(Text("这个选图任务尚未完成。", "This selection has not finished."), task_id=task_id)
    folder = platform.workspace.find_path(row.output_path)
    report = RULE.read_report(folder)
    if report is None:
        raise NotFoundError(
            Text(f"选图结果 {folder} 已不存在。", f"The selection's folder {folder} is gone."), task_id=task_id
        )
    return folder, report


def outputs(db: sa.Connection, task_ids: Collection[str]) -> dict[str, str]:
    """Where selections put their pictures, as `Workspace.store_path` names it, by task id."""
    rows = store.selections.c
    query = sa.select(rows.task_id, rows.output_path).where(rows.task_id.in_(task_ids))
    return {row[0]: row[1] for row in db.execute(query)}


def contact_sheet(platform: Platform, task_id: str, arm: str) -> Path:
    """The contact sheet of one arm of a finished selection.

    Raises:
        NotFoundError: No selection has that id, its folder is gone, or it has no such arm.
        ConflictError: It has not finished.
    """
    path = finished(platform, task_id)[0] / f"contact-sheet-{arm}.png"
    if not path.is_file():
        raise NotFoundError(
            Text(f"这个选图任务没有 {arm} 组的缩略图。", f"This selection has no contact sheet of the arm {arm}."),
            task_id=task_id,
        )
    return path


def compare_arms(platform: Platform, task_id: str, mined: list[str], control: list[str]) -> dict[str, Any]:
    """Whether mining paid: what training on the mined arm brought against training on the control arm.

    Args:
        platform: The installation.
        task_id: The selection; its classes are compared one by one.
        mined: Training tasks that had the mined pictures, one for each seed.
        control: Training tasks that had the control arm instead.

    Returns:
        See `compare.compare`.

    Raises:
        NotFoundError: The selection or a training task does not exist.
        InvalidValueError: An arm without a training task.
        ConflictError: The models were not scored on the same pictures.
        LabelMapError: The models learned different classes, or others than were aimed at.
    """
    _, report = finished(platform, task_id)
    aimed = [Aim(**values) for values in report.get("classes", [])]
    arms: dict[str, list[ArmResult]] = {}
    for name, tasks in (("mined", mined), ("control", control)):
        if not tasks:
            raise InvalidValueError(
                Text(
                    f"{name} 为空；请给出训练任务名，用逗号分隔（命令行用 --{name}）。",
                    f"{name} is empty; name training tasks, with commas (on the command line with --{name}).",
                ),
                parameter=name,
            )
        with platform.database.reading() as db:
            arms[name] = [result_of(db, task, choose_model(platform, task)) for task in tasks]
    return {"task_id": task_id, **compare(arms["mined"], arms["control"], aimed)}


def _write(request: Sample, recipe: SampleRecipe, job: queue.Submission, weights_dir: str = "") -> Write[str]:
    """What writes a selection's row and its job."""

    def write(db: sa.Connection) -> str:
        if recipe.output_path:
            require_free(db, store.selections.c.output_path, (recipe.output_path, request.output_dir), RULE)
        task_id = queue.submit(db, job)
        row = {
            "task_id": task_id,
            "task_type": "sele" if weights_dir else "sam",
            "output_dir": RULE.place(task_id, request.output_dir),
            "output_path": RULE.place(task_id, recipe.output_path),
            "gpus": job.gpus,
            "sele_ratio": request.sele_ratio,
            "weights_dir": weights_dir,
            "track_file": request.track_file or (", ".join(recipe.points) or named(request.tracks))[:_SHOWN],
            "task_file": request.task_file,
            "isshuffle": request.isshuffle,
        }
        db.execute(store.selections.insert().values(row))
        return task_id

    return write
