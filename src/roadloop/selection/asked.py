"""What a request for a selection names: lists, tracks, track points, places; checked, and resolved for the job."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from roadloop.errors import InvalidValueError, NotFoundError, Text
from roadloop.evaluation.destination import check_destination
from roadloop.lists import read_lines, read_names
from roadloop.selection.lines import LineCounts, ids_of
from roadloop.selection.output import RULE
from roadloop.selection.recipe import Draw, Sample, SampleRecipe
from roadloop.selection.sampling import MOST, parse_ratio
from roadloop.sources.service import open_set
from roadloop.storage.paths import Workspace, check_name
from roadloop.storage.platform import Platform
from roadloop.tracks.service import check_distances, open_folders, track_names

MOST_TASKS: Final = 100_000  #: survey tasks in one request
MOST_POINTS: Final = 10_000  #: listed in one request
ALL_TRACKS: Final = "*"

S = TypeVar("S", bound=Sample)


class Listed(NamedTuple):
    """Track points that are taken, with so many neighbours on either side; none: pictures are chosen otherwise."""

    points: tuple[str, ...]
    reach: int


NOT_LISTED: Final = Listed((), 0)


def read_points(text: str, reach: int) -> Listed:
    """The track points of a request, each once; `<track>/<point>`, or the point alone."""
    points = tuple(
        dict.fromkeys("/".join(check_name(part, "points") for part in one.split("/", 1)) for one in read_lines(text))
    )
    most = min(MOST_POINTS, MOST // (2 * reach + 1))
    if not 1 <= len(points) <= most:
        raise InvalidValueError(
            Text(
                f"points：应有 1 到 {most} 个轨迹点，现有 {len(points)}。",
                f"points: 1 to {most} track points are needed, there are {len(points)}.",
            ),
            parameter="points",
        )
    return Listed(points, reach)


def portable(workspace: Workspace, request: S) -> S:
    """The request with every place inside the workspace relative to it."""
    places = ("output_dir", "track_file", "task_file")
    return request.model_copy(update={name: workspace.store_path(getattr(request, name)) for name in places})


def check(platform: Platform, request: Sample, listed: Listed) -> SampleRecipe:
    """Check what both kinds of request have in common."""
    parse_ratio(request.sele_ratio)
    if not listed.points and sum(map(bool, (request.track_file, request.task_file, request.tracks))) != 1:
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
        points=listed.points,
        reach=listed.reach,
    )


def named(tracks: str) -> str:
    """Named tracks in one line; all that stand in folders by their place."""
    return "tracks/*" if tracks.strip() == ALL_TRACKS else ", ".join(read_lines(tracks))


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


def check_datum(platform: Platform, first: str | None) -> None:
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


def labelled_sets(workspace: Workspace, text: str) -> tuple[str, ...] | None:
    """Names of the labelled source sets; None means all there are when the job runs."""
    if text.strip().lower() == "none":
        return ()
    return tuple(open_set(workspace, name, "labelled").name for name in read_names(text)) or None
