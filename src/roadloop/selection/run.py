"""What both kinds of selection job share: opening the list of tracks, the folder, the end."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from roadloop.errors import JobError, RoadloopError, Text, many
from roadloop.evaluation.destination import clear
from roadloop.imaging.decode import UInt8, decode_image
from roadloop.jobs.context import Outcome, TaskContext
from roadloop.selection.candidates import Tracks
from roadloop.selection.left_out import LeftOut, tried
from roadloop.selection.neighbourhood import Neighbourhoods
from roadloop.selection.output import RULE
from roadloop.selection.recipe import SampleRecipe
from roadloop.storage.ahead import overlapped
from roadloop.tracks.service import TrackPoint, TrackStore, open_store

RESOLVED: Final = ".tracks"  #: the tracks of the survey tasks, one a line; removed at the end

R = TypeVar("R", bound=SampleRecipe)


class Run(Generic[R]):
    """One attempt of a selection job.

    Attributes:
        context: The job's.
        recipe: What it is to do.
        store: The tracks.
        scratch: The folder that is being filled.
        older: What killed attempts left, newest first.
        left_out: Learns what cannot be used.
    """

    def __init__(self, context: TaskContext, recipe: R, store: TrackStore, scratch: Path, left_out: LeftOut) -> None:
        self.context: Final = context
        self.recipe: Final = recipe
        self.store: Final = store
        self.scratch: Final = scratch
        self.left_out: Final = left_out
        self.older: Final = tuple(reversed(context.older_scratch(_target(context, recipe))))
        self.max_pixels: Final = context.platform.settings.max_picture_mpix * 1_000_000

    @property
    def parallel(self) -> int:
        """Tracks or pictures fetched at once."""
        return self.context.platform.settings.track_service_parallel

    def image(self, point: TrackPoint) -> UInt8:
        """A picture of the store; see `read_image`."""
        return read_image(self.store, self.max_pixels, point)

    def tracks(self) -> Tracks | Neighbourhoods:
        """What the request takes pictures from: tracks as a file of ids, or listed points.

        Raises:
            JobError: Not one survey task is known.
        """
        recipe, workspace = self.recipe, self.context.platform.workspace
        if recipe.points:
            return Neighbourhoods(self.store, recipe, self.left_out, self.context)
        path = workspace.find_path(recipe.track_path) if recipe.track_path else self._resolved()
        return Tracks(path, self.store, recipe, self.left_out, self.context)

    def _resolved(self) -> Path:
        """Write down the tracks that were named, or ask for those of every survey task."""
        path = self.scratch / RESOLVED
        if self.recipe.tracks:
            path.write_text("".join(f"{track}\n" for track in self.recipe.tracks), encoding="utf-8")
            return path
        count = 0
        with path.open("w", encoding="utf-8") as stream:
            for task, found in overlapped(tried(self.store.tracks_of_task), self.recipe.tasks, self.parallel):
                self.context.check_stop()
                if isinstance(found, RoadloopError):
                    self.left_out.file(f"task {task}", "", found.text)
                    continue
                count += len(found)
                stream.writelines(f"{track}\n" for track in found)
        if not count:
            none = Text("采集任务没有轨迹。", "The survey tasks have no tracks.")
            raise JobError(self.left_out.summary() or none)
        return path

    def note_lines(self, tracks: Tracks | Neighbourhoods) -> dict[str, Any]:
        """Note bad lines of the list; returns what the report says about the list."""
        if isinstance(tracks, Neighbourhoods):
            return tracks.about()
        for number, reason in tracks.counts.examples:
            self.left_out.line(number, reason)
        if tracks.counts.bad:
            number, reason = tracks.counts.examples[0]
            self.context.warn(
                Text(
                    f"轨迹列表有 {tracks.counts.bad} 行无效，例如第 {number} 行：{reason.zh}",
                    f"{many(tracks.counts.bad, 'line')} of the list are no track ids, such as line {number}: {reason.en}",
                )
            )
        return {"lines": tracks.counts.lines, "blank_lines": tracks.counts.blank, "bad_lines": tracks.counts.bad,
                "tracks_opened": tracks.opened}  # fmt: skip

    def warn_left_out(self) -> dict[str, int]:
        """Warn when something could not be used; returns how much of what."""
        counts = dict(self.left_out.counts)
        if counts.keys() - {"points"}:  # of which there is a warning of their own
            self.context.warn(
                Text(
                    f"有未能使用的轨迹（{counts.get('tracks', 0)}）或图片（{counts.get('pictures', 0)}），详见 left_out.csv。",
                    f"Some tracks ({counts.get('tracks', 0)}) or pictures ({counts.get('pictures', 0)}) could not be"
                    " used; see left_out.csv.",
                )
            )
        return counts


def read_image(store: TrackStore, max_pixels: int, point: TrackPoint) -> UInt8:
    """A picture of a store, uint8 [H, W, 3].

    Raises:
        NotFoundError: The store does not have it.
        BrokenFileError: It cannot be decoded.
        JobError: The store has not answered for many requests in a row.
    """
    return decode_image(store.picture(point), max_pixels)


def publish_folder(context: TaskContext, kind: type[R], fill: Callable[[Run[R]], dict[str, Any]]) -> Outcome:
    """Let `fill` write the output folder and hand it over, whole or not at all.

    Args:
        context: The job's.
        kind: What it carries.
        fill: Fills the run's scratch folder and returns the report that it wrote there.

    Raises:
        ConflictError: The output folder is in use by now.
        DiskFullError: No space is left.
    """
    recipe = context.recipe(kind)
    target = _target(context, recipe)
    published = RULE.read_report(target)
    if published is not None and published["task_id"] == context.job.id:
        return Outcome(
            published["summary"], kept=[target]
        )  # the last attempt was killed between publishing and saying so
    with closing(open_store(context.platform)) as store, context.filling(target, take_over=True) as scratch:
        with closing(LeftOut(scratch)) as left_out:
            report = fill(Run(context, recipe, store, scratch, left_out))
        (scratch / RESOLVED).unlink(missing_ok=True)
        context.check_stop()
    if recipe.overwrite:
        clear(context, target, RULE)
    return Outcome(report["summary"], [(scratch, target)])


def _target(context: TaskContext, recipe: SampleRecipe) -> Path:
    return context.platform.workspace.find_path(RULE.place(context.job.id, recipe.output_path))


def listed(recipe: SampleRecipe, tracks: Tracks | Neighbourhoods) -> dict[str, Any]:
    """What the report of a selection of listed points says besides: which, and which of them were not found."""
    if not isinstance(tracks, Neighbourhoods):
        return {}
    return {"points": recipe.points, "reach": recipe.reach, "points_missing": tracks.missing}


def nothing_to_take(run: Run[R], tracks: Tracks | Neighbourhoods) -> JobError:
    """Why not one picture could be had of tracks that were opened, as far as they could."""
    share, points = run.recipe.sele_ratio, tracks.points
    if points and not run.left_out.counts["pictures"]:
        return JobError(
            Text(
                f"{share} 的 {points} 张图片不足一张，所以一张也没有选；请增大 ratio，或直接给出张数。",
                f"{share} of {many(points, 'picture')} is less than one, so none was taken; make ratio larger, or give a number"
                " of pictures.",
            )
        )
    why = run.left_out.summary() or Text("轨迹列表为空", "the list of tracks is empty")
    return JobError(Text(f"没有得到一张图片：{why.zh}", f"Not one picture could be had: {why.en}"))
