"""What a caller can do with selections. One function, one use case; no torch here."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from roadloop.errors import ConflictError, InvalidValueError, NotFoundError, Text
from roadloop.evaluation.destination import check_destination, require_free
from roadloop.jobs import queue
from roadloop.jobs.nodes import check_gpus
from roadloop.jobs.states import JobState
from roadloop.lists import read_lines, read_names
from roadloop.models.files import load_description
from roadloop.networks.trust import trust_of
from roadloop.selection import store
from roadloop.selection.compare import ArmResult, compare, result_of
from roadloop.selection.lines import LineCounts, ids_of
from roadloop.selection.model import Aim, aims, choose_model
from roadloop.selection.output import RULE
from roadloop.selection.recipe import Draw, Mine, MineRecipe, Mining, Sample, SampleRecipe
from roadloop.selection.sampling import parse_ratio
from roadloop.sources.service import open_set
from roadloop.storage.database import Write
from roadloop.storage.paths import Workspace, check_name
from roadloop.storage.platform import Platform
from roadloop.tracks.service import check_distances, open_folders, track_names

MOST_TASKS: Final = 100_000  #: survey tasks in one request
ALL_TRACKS: Final = "*"
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
    request = _portable(platform.workspace, request)
    recipe = _check(platform, request)
    return _write(request, recipe, queue.Submission("sample", recipe.payload(), _title(request)))


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
    check_gpus(platform, request.gpus)
    request = _portable(platform.workspace, request)
    request = request.model_copy(update={"weights_dir": platform.workspace.store_path(request.weights_dir)})
    drawn = _check(platform, request)
    if request.gap_metres and request.track_file:
        _check_datum(platform, next(ids_of(platform.workspace.find_path(drawn.track_path), LineCounts()), None))
    elif request.gap_metres and drawn.tracks:
        _check_datum(platform, drawn.tracks[0])
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
        labelled=_labelled(platform.workspace, request.labelled),
    )
    title = f"{request.weights_dir} · {_title(request)}"
    job = queue.Submission("select", recipe.payload(), title, gpus=request.gpus)
    return _write(request, recipe, job, request.weights_dir)


def _title(request: Sample) -> str:
    return f"{request.track_file or (request.task_file or _named(request.tracks))[:60]} · {request.sele_ratio}"


def _named(tracks: str) -> str:
    """Named tracks in one line; all that stand in folders by their place."""
    return "tracks/*" if tracks.strip() == ALL_TRACKS else ", ".join(read_lines(tracks))


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


def _portable(workspace: Workspace, request: S) -> S:
    """The request with every place inside the workspace relative to it."""
    places = ("output_dir", "track_file", "task_file")
    return request.model_copy(update={name: workspace.store_path(getattr(request, name)) for name in places})


def _check(platform: Platform, request: Sample) -> SampleRecipe:
    """Check what both kinds of request have in common."""
    parse_ratio(request.sele_ratio)
    if sum(map(bool, (request.track_file, request.task_file, request.tracks))) != 1:
        raise InvalidValueError(
            Text(
                "track_file、task_file 与 tracks 必须且只能给出一个。",
                "Give exactly one of track_file, task_file and tracks.",
            ),
            parameter="track_file",
        )
    workspace = platform.workspace
    track_path = _list_file(workspace, request.track_file, "track_file") if request.track_file else None
    tasks = _survey_tasks(workspace, request.task_file) if request.task_file else []
    target = None
    if request.output_dir:
        target = workspace.resolve(request.output_dir, "output_dir", write=True)
        check_destination(workspace, target, None, overwrite=request.overwrite, rule=RULE)
    return SampleRecipe(
        **request.part(Draw),
        output_path=workspace.store_path(target or ""),
        track_path=workspace.store_path(track_path or ""),
        tasks=tuple(tasks),
        tracks=tuple(_tracks(platform, request.tracks)) if request.tracks else (),
    )


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
            "track_file": request.track_file or _named(request.tracks)[:_SHOWN],
            "task_file": request.task_file,
            "isshuffle": request.isshuffle,
        }
        db.execute(store.selections.insert().values(row))
        return task_id

    return write


def _list_file(workspace: Workspace, text: str, parameter: str) -> Path:
    path = workspace.resolve(text, parameter)
    if not path.is_file():
        raise NotFoundError(
            Text(
                f"{parameter}：没有文件 {text}；应为每行一个 id 的文本文件。",
                f"{parameter}: there is no file {text}; it should be a text file with one id a line.",
            ),
            parameter=parameter,
        )
    if not path.stat().st_size:
        raise InvalidValueError(
            Text(f"{parameter}：{text} 是空文件。", f"{parameter}: {text} is empty."), parameter=parameter
        )
    return path


def _tracks(platform: Platform, text: str) -> list[str]:
    """The tracks that a request names, each once."""
    named = text.strip()
    found = track_names(platform) if named == ALL_TRACKS else read_lines(named)
    tracks = list(dict.fromkeys(check_name(name, "tracks") for name in found))
    if not 1 <= len(tracks) <= MOST_TASKS:
        raise InvalidValueError(
            Text(
                f"tracks：应有 1 到 {MOST_TASKS} 条轨迹，现有 {len(tracks)}。",
                f"tracks: 1 to {MOST_TASKS} tracks are needed, there are {len(tracks)}.",
            ),
            parameter="tracks",
        )
    return tracks


def _check_datum(platform: Platform, first: str | None) -> None:
    """Refuse distances early, where the first track of the list stands in a folder and has none."""
    if first is None:
        return
    with suppress(NotFoundError):  # it stands in no folder: the job will see
        check_distances(open_folders(platform).points(first).points, "gap_metres")


def _survey_tasks(workspace: Workspace, text: str) -> list[str]:
    """The survey task ids of a file, or of a comma list."""
    plain = "/" not in text and "\\" not in text
    if plain and not _stands(workspace, text.strip(), "task_file"):
        tasks = list(dict.fromkeys(check_name(name, "task_file") for name in read_names(text)))
    else:
        path = _list_file(workspace, text, "task_file")
        tasks = _different(ids_of(path, LineCounts()), MOST_TASKS + 1)
    if not 1 <= len(tasks) <= MOST_TASKS:
        there = len(tasks) if len(tasks) <= MOST_TASKS else f"> {MOST_TASKS}"
        raise InvalidValueError(
            Text(
                f"task_file：应有 1 到 {MOST_TASKS} 个采集任务号，现有 {there}。",
                f"task_file: 1 to {MOST_TASKS} survey task ids are needed, there are {there}.",
            ),
            parameter="task_file",
        )
    return tasks


def _stands(workspace: Workspace, text: str, parameter: str) -> bool:
    try:
        return workspace.resolve(text, parameter).exists()
    except InvalidValueError:  # too long for a path, as a list may well be
        return False


def _different(ids: Iterator[str], most: int) -> list[str]:
    """The ids, each once, in their order; no more than `most`, and none is read beyond these."""
    found: dict[str, None] = {}
    for one in ids:
        found[one] = None
        if len(found) == most:
            break
    return list(found)


def _labelled(workspace: Workspace, text: str) -> tuple[str, ...] | None:
    """Names of the labelled source sets; None means all there are when the job runs."""
    if text.strip().lower() == "none":
        return ()
    return tuple(open_set(workspace, name, "labelled").name for name in read_names(text)) or None
