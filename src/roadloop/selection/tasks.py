"""What a sampling job does: draw, fetch, write, publish the folder whole. No torch here; mining is in `mining`."""

from fractions import Fraction
from typing import Any, Final

from roadloop.errors import Text, many
from roadloop.jobs.context import Outcome, TaskContext
from roadloop.selection.gather import Gatherer
from roadloop.selection.output import Selected, write_report, write_tables
from roadloop.selection.recipe import SampleRecipe
from roadloop.selection.run import Run, listed, nothing_to_take, publish_folder
from roadloop.selection.sampling import parse_ratio

_LISTED: Final = Text("列出的轨迹点", "a listed track point")
_ASKED: Final = ("sele_ratio", "track_file", "task_file", "isshuffle", "seed")


def sample(context: TaskContext) -> Outcome:
    """Take pictures at random or evenly spaced, and publish them with their tables as one folder.

    Raises:
        JobError: Not one picture could be had.
        ConflictError: The output folder is in use by now.
    """
    return publish_folder(context, SampleRecipe, _fill)


def _fill(run: Run[SampleRecipe]) -> dict[str, Any]:
    context, recipe = run.context, run.recipe
    ratio = parse_ratio(recipe.sele_ratio)
    tracks = run.tracks()
    gatherer = Gatherer(run.store, run.scratch, run.older, run.left_out, run.parallel)

    def done(count: int) -> None:
        context.check_stop()
        context.keep(count)
        context.progress(count, ratio.number or count * 2)

    fetched = gatherer.draws(tracks.draws(ratio), ratio.number, done)
    context.reach("sample.fetched")
    about = run.note_lines(tracks)
    if not fetched:
        raise nothing_to_take(run, tracks)
    fetched.sort(key=lambda f: (f.point.track, f.point.point))
    if len(fetched) < ratio.number:
        context.warn(
            Text(
                f"要求 {ratio.number} 张，只得到 {len(fetched)} 张：没有更多可用的图片。",
                f"{many(ratio.number, 'picture was', 'pictures were')} asked for, {len(fetched)} could be had: there are no more.",
            )
        )
    selected = [
        Selected(
            f.point, f.file, "random", rank, None, _LISTED if recipe.points else _reason(recipe, ratio.share, f.size)
        )
        for rank, f in enumerate(fetched, 1)
    ]
    write_tables(run.scratch, selected, run.max_pixels)
    summary = {"pictures": len(selected), "tracks": len({f.point.track for f in fetched}), **about}
    return write_report(
        run.scratch,
        {
            "task_id": context.job.id,
            "task_type": "sam",
            "request": {name: getattr(recipe, name) for name in _ASKED},
            **listed(recipe, tracks),
            "left_out": run.warn_left_out(),
            "summary": summary,
        },
    )


def _reason(recipe: SampleRecipe, share: Fraction, size: int) -> Text:
    """Why a picture was taken of a track of `size`."""
    zh, en = (f"，比例 {float(share):g}", f", share {float(share):g}") if share else ("", "")
    if recipe.isshuffle:
        return Text(
            f"随机抽取：轨迹共 {size} 张（种子 {recipe.seed}{zh}）",
            f"drawn at random from the {many(size, 'picture')} of its track (seed {recipe.seed}{en})",
        )
    return Text(
        f"均匀抽取：沿轨迹的 {size} 张等距选取{zh}", f"evenly spaced along the {many(size, 'picture')} of its track{en}"
    )
