"""What a mining job does: list candidates, score them, pick, draw the control arm, fetch, publish. Needs torch."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from roadloop.cluster.spread import There, spread
from roadloop.errors import JobError, ObjectStoreError, RoadloopError, Text, many
from roadloop.imaging.decode import decode_image
from roadloop.jobs.context import Outcome, TaskContext
from roadloop.models.prediction import UInt8
from roadloop.selection.candidates import Tracks
from roadloop.selection.columns import VECTORS, read_pool
from roadloop.selection.core_sets import Bench, capacity_of
from roadloop.selection.fingerprint import fingerprint_of, near_any
from roadloop.selection.gather import Gatherer
from roadloop.selection.left_out import tried
from roadloop.selection.neighbourhood import Neighbourhoods
from roadloop.selection.output import Selected, write_report, write_tables
from roadloop.selection.picking import Float32, Pick, Picks, Pool, combined, every_one, pick, reason_of
from roadloop.selection.recipe import MineRecipe
from roadloop.selection.rules import Rules
from roadloop.selection.run import Run, listed, nothing_to_take, publish_folder
from roadloop.selection.sampling import Ratio, parse_ratio
from roadloop.selection.score_maps import MOST, write_maps
from roadloop.selection.scorebook import NAME, ScoreBook, take_over
from roadloop.selection.scoring import Scorer, draw_maps, load_scorers, open_scoring, score
from roadloop.sources.service import list_sets, open_set, scan
from roadloop.storage import publish, reading
from roadloop.storage.ahead import overlapped
from roadloop.storage.objects import Place
from roadloop.tracks.service import TrackPoint, check_distances

MiningRun = Run[MineRecipe]

SCORING: Final = 0.9  #: share of the progress bar; comparing with labelled pictures ends at PICKING, that at FETCHING
PICKING: Final = 0.93
FETCHING: Final = 0.95
FETCHED: Final = 0.98
_RULES: Final = {
    "near_duplicate": Text("与已选的几乎相同", "nearly the same as one taken"),
    "gap": Text(
        "离已选的太近，可减小间隔（gap_frames、gap_seconds、gap_metres）",
        "too near to one taken; a smaller gap gives more (gap_frames, gap_seconds, gap_metres)",
    ),
    "per_track": Text("超出每条轨迹的上限（per_track）", "above the cap of their track (per_track)"),
}
_CONTROL: Final = {
    "random": Text("随机对照组", "random control arm"),
    "seen": Text(
        "随机对照组，取自模型看见目标类别的图片",
        "control arm, random among the pictures in which the model sees a class aimed at",
    ),
}
_EACH: Final = 8  #: candidates that another node gets at once for each of its cores; more where a batch is larger
CONTROL: Final = 1  #: keeps the control arm's draw apart from all others


def select(context: TaskContext) -> Outcome:
    """Choose the pictures that the model would learn most from, and publish them as one folder.

    Raises:
        JobError: Not one picture could be had.
        DatumError: `gap_metres` between positions of unlike or unknown datums.
        BrokenFileError: The model file is not the one that was chosen.
        ConflictError: The output folder is in use by now.
        OutOfMemoryError: A batch does not fit into a GPU.
    """
    return publish_folder(context, MineRecipe, _fill)


def _fill(run: MiningRun) -> dict[str, Any]:
    path = run.scratch / NAME
    if take_over(path, run.older):
        run.context.log("the scores of an earlier attempt are taken over")
    for folder in run.older:
        publish.remove(folder / VECTORS)  # written anew from the book, and as large
    with ScoreBook(path) as book:
        report = _mine(run, book)
    for name in (NAME, VECTORS):
        (run.scratch / name).unlink()
    return report


def _mine(run: MiningRun, book: ScoreBook) -> dict[str, Any]:
    context, recipe = run.context, run.recipe
    context.progress(0, 1, Text("列出候选图片", "listing candidates"))
    tracks = run.tracks()
    about = _list(run, book, tracks)
    if recipe.gap_metres:
        check_distances(book.candidates(), "gap_metres")
    context.reach("select.listed")
    scorers = _score(run, book)
    context.reach("select.scored")
    pool = read_pool(book, run.scratch / VECTORS, context.check_stop)
    if pool is None:
        raise nothing_to_take(run, tracks)
    usable = ~_labelled_already(run, book, pool)
    if not usable.any():
        raise _all_labelled(recipe, len(usable))
    scores = combined(pool.classes, recipe.aims)
    ratio = parse_ratio(recipe.sele_ratio)
    wanted = ratio.number or max(1, round(ratio.share * len(usable)))
    if recipe.points:
        picks = every_one(scores, usable)
    else:
        rules = _rules(recipe, wanted, pool)
        picks = pick(pool, scores, usable, wanted, rules, _bench(run, book, pool.vectors.dimensions, wanted))
    eligible = usable & pool.shows if recipe.control_kind == "seen" else usable
    control = _control(recipe, eligible)
    context.reach("select.picked")
    selected = _fetch(run, book, pool, scores, (picks.taken, control), tracks)
    if not selected:
        raise nothing_to_take(run, tracks)
    context.reach("select.fetched")
    _draw_maps(run, selected, scorers or load_scorers(context, recipe, (), len(selected), _export(run))[0])
    _warn_fewer(run, selected, wanted, (usable, eligible), picks)
    write_tables(run.scratch, selected, run.max_pixels)
    summary = {
        "pictures": sum(s.arm == "mined" for s in selected),
        "control": sum(s.arm == "control" for s in selected),
        "tracks": len({s.point.track for s in selected}),
        "candidates": len(usable),
        "labelled_already": int(np.count_nonzero(~usable)),
        **about,
    }
    return write_report(run.scratch, {**_report(run, summary, scores, picks), **listed(recipe, tracks)})


def _list(run: MiningRun, book: ScoreBook, tracks: Tracks | Neighbourhoods) -> dict[str, Any]:
    """Write down the pictures that will be looked at; returns what the report says about the list."""
    book.forget_candidates()
    found = 0
    for draw in tracks.draws(Ratio(run.recipe.candidates)):
        found += book.add_candidates(draw.points, draw.frames)
        if found >= run.recipe.candidates:
            break
    return run.note_lines(tracks)


def _score(run: MiningRun, book: ScoreBook) -> list[list[Scorer]]:
    """Score what the book does not have yet; returns what scored it, nothing where the book had all."""
    context, recipe = run.context, run.recipe
    count, done = book.count(), book.count_scored()
    left = count - done
    if not left:
        return []
    scorers, told = load_scorers(context, recipe, _images(run, book), left, _export(run))
    kept = book.kept()
    context.keep(kept)
    note = Text(f"为 {count} 张图片打分", f"scoring {many(count, 'picture')}")
    batch = recipe.single_gpu
    here = partial(score, image=run.image, scorers=scorers, batch=batch)
    with spread(context, here, There(open_scoring, told, batch * -(-_EACH // batch)), left) as work:
        for point, found in work(_until_stopped(run, book)):
            if isinstance(found, RoadloopError):
                run.left_out.picture(point, found.text)
            else:
                book.add(point.track, point.point, found)
                context.keep(kept := kept + 1)
            done += 1
            context.progress(done * SCORING, count, note)
            if done == count - left // 2:
                context.reach("select.half_scored")
    return scorers


def _export(run: MiningRun) -> Path:
    """Where an exported network stands for a moment."""
    return run.scratch / ".export.onnx"


def _draw_maps(run: MiningRun, selected: Sequence[Selected], scorers: Sequence[Sequence[Scorer]]) -> None:
    """Say of the first pictures of the selection where the model is uncertain, in maps beside them."""
    files = list(dict.fromkeys(one.file for one in selected))[:MOST]  # one may stand in both arms
    note = Text(f"为 {len(files)} 张图片绘制不确定度", f"maps of the uncertainty of {many(len(files), 'picture')}")

    def until_stopped() -> Iterator[str]:
        for n, file in enumerate(files):
            run.context.check_stop()
            run.context.progress(FETCHED + (1 - FETCHED) * n / len(files), 1, note)
            yield file

    def image(file: str) -> UInt8:
        return decode_image(reading.read_bytes(run.scratch / file), run.max_pixels)

    write_maps(run.scratch, draw_maps(until_stopped(), image, scorers, run.recipe.single_gpu))


def _images(run: MiningRun, book: ScoreBook) -> Iterator[UInt8]:
    """The first pictures that can be read; scoring says which cannot, and why."""
    for _, image in map(tried(run.image), islice(book.unscored(), 40)):
        if not isinstance(image, RoadloopError):
            yield image


def _until_stopped(run: MiningRun, book: ScoreBook) -> Iterator[TrackPoint]:
    for point in book.unscored():
        run.context.check_stop()
        yield point


def _labelled_already(run: MiningRun, book: ScoreBook, pool: Pool) -> NDArray[np.bool_]:
    """Which candidates are near-duplicates of pictures in labelled source sets: bool [N]."""
    known = dict(book.labelled())
    pictures = [(name, path) for name, path in _labelled_pictures(run) if name not in known]

    def read(picture: tuple[str, Place]) -> tuple[str, NDArray[np.uint64] | None]:
        name, path = picture
        try:
            return name, fingerprint_of(reading.read_bytes(path), run.max_pixels)
        except ObjectStoreError:
            raise
        except (OSError, RoadloopError):  # broken pictures of a source set are reported when a dataset is built
            return name, None

    note = Text(f"比对 {len(pictures)} 张已标注图片", f"comparing with {many(len(pictures), 'labelled picture')}")
    new = []
    for count, (name, found) in enumerate(overlapped(read, pictures, run.parallel), 1):
        run.context.check_stop()
        run.context.progress(SCORING + (PICKING - SCORING) * count / len(pictures), 1, note)
        if found is not None:
            new.append((name, found))
        if len(new) >= 1000 or count == len(pictures):
            book.add_labelled(new)
            known |= dict(new)
            new = []
            run.context.keep(book.kept())
    prints = np.stack(list(known.values())) if known else np.zeros((0, 4), np.uint64)
    return near_any(pool.traits.prints, prints)


def _labelled_pictures(run: MiningRun) -> Iterator[tuple[str, Place]]:
    workspace = run.context.platform.workspace
    names = run.recipe.labelled
    for name in list_sets(workspace) if names is None else names:
        for sample in scan(open_set(workspace, name, "labelled")).samples:
            yield f"{name}/{sample.key}", sample.image


def _rules(recipe: MineRecipe, wanted: int, pool: Pool) -> Rules:
    tracks = len(np.unique(pool.traits.tracks))
    per_track = recipe.per_track or max(1, -(-3 * wanted // tracks))
    return Rules(per_track, recipe.gap_frames, recipe.gap_seconds, recipe.gap_metres)


def _bench(run: MiningRun, book: ScoreBook, dimensions: int, wanted: int) -> Bench:
    """Where the picks are made: what is found out of the parts of a large pool stays in the book."""
    context, note = run.context, Text("挑选图片", "picking pictures")
    kept, far = book.kept() - book.count_core_sets(), 0.0

    def tell(done: float, steps: int) -> None:
        nonlocal far
        context.keep(kept + book.count_core_sets())
        far = max(far, done / steps)  # a pool that runs dry begins anew
        step = min(int(done) + 1, steps)
        said = Text(f"分批挑选图片：第 {step}/{steps} 步", f"picking pictures in parts: step {step} of {steps}")
        context.progress(PICKING + (FETCHING - PICKING) * far, 1, said if steps > 1 else note)

    return Bench(capacity_of(run.recipe.memory_mib, dimensions, wanted), book, tell, context.check_stop)


def _control(recipe: MineRecipe, eligible: NDArray[np.bool_]) -> list[int]:
    """A random arm from all that is eligible of what could have been mined, independent of what was."""
    rng = np.random.default_rng([recipe.seed, CONTROL])
    drawn: list[int] = rng.permutation(np.flatnonzero(eligible))[: recipe.control].tolist()
    return drawn


def _fetch(
    run: MiningRun,
    book: ScoreBook,
    pool: Pool,
    scores: Float32,
    arms: tuple[Sequence[Pick], Sequence[int]],
    tracks: Tracks | Neighbourhoods,
) -> list[Selected]:
    """Fetch the pictures of both arms, mined and control, each once; what is gone by now is left out."""
    mined, control = arms
    gatherer = Gatherer(run.store, run.scratch, run.older, run.left_out, run.parallel)
    places = list(dict.fromkeys([*(p.row for p in mined), *control]))
    points = book.points_at(places)
    wanted = [points[i] for i in places]
    files: dict[TrackPoint, str] = {}
    kept = book.kept()
    for fetched in gatherer.points(wanted):
        run.context.check_stop()
        files[fetched.point] = fetched.file
        run.context.keep(kept + len(files))
        run.context.progress(
            FETCHING + (FETCHED - FETCHING) * len(files) / len(wanted), 1, Text("取回图片", "fetching pictures")
        )
    order = np.sort(-scores)
    selected: list[Selected] = []
    for picked in mined:
        point = points[picked.row]
        place = float(np.searchsorted(order, -scores[picked.row])) / len(scores)
        if point in files:
            reason = reason_of(pool, run.recipe.aims, picked, place)
            if isinstance(tracks, Neighbourhoods):
                near = tracks.why(point.track, int(pool.traits.frames[picked.row]))
                reason = Text(f"{near.zh}；{reason.zh}", f"{near.en}; {reason.en}")
            rank = len(selected) + 1
            selected.append(Selected(point, files[point], "mined", rank, float(scores[picked.row]), reason))
    reason, seed = _CONTROL[run.recipe.control_kind], run.recipe.seed
    reason = Text(f"{reason.zh}（种子 {seed}）", f"{reason.en} (seed {seed})")
    for rank, i in enumerate((i for i in control if points[i] in files), 1):
        point = points[i]
        selected.append(Selected(point, files[point], "control", rank, float(scores[i]), reason))
    return selected


def _all_labelled(recipe: MineRecipe, candidates: int) -> JobError:
    sets = recipe.labelled
    zh, en = ("、".join(sets), ", ".join(sets)) if sets else ("全部源数据", "all source sets")
    return JobError(
        Text(
            f"全部 {candidates} 张候选图片都已标注过（与 {zh} 中的图片相同或几乎相同），没有可选的。请换别的轨迹；"
            "若要再次选取，请用 labelled=none 或指定别的源数据。",
            f"All {many(candidates, 'candidate is', 'candidates are')} labelled already: they are the same as, or nearly, pictures of {en}. Give"
            " other tracks; to take them again, use labelled=none or name other sets.",
        )
    )


def _warn_fewer(
    run: MiningRun,
    selected: Sequence[Selected],
    wanted: int,
    candidates: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    picks: Picks,
) -> None:
    """Say which arm has fewer pictures than asked for, and what became of the other candidates.

    Args:
        run: The mining.
        selected: What was taken.
        wanted: Pictures to mine.
        candidates: bool [N] each: which could be mined, and which of these could be in the control arm.
        picks: What was mined, and why not more.
    """
    usable, eligible = candidates
    known, unseen = int(np.count_nonzero(~usable)), int(np.count_nonzero(usable & ~eligible))
    labelled = [(Text("已标注过", "labelled already"), known)] if known else []
    without = [(Text("模型未见目标类别", "the model sees no class aimed at"), unseen)] if unseen else []
    ruled_out = [(_RULES[rule], count) for rule, count in sorted(picks.ruled_out.items()) if count]
    arms = (
        ("mined", wanted, "挑选", ruled_out + labelled),
        ("control", run.recipe.control, "对照", without + labelled),
    )
    for arm, asked, name, reasons in arms:
        count = sum(s.arm == arm for s in selected)
        zh = "，".join(f"{text.zh} {number}" for text, number in reasons) or "没有更多"
        en = ", ".join(f"{number} {text.en}" for text, number in reasons) or "there are no more"
        if count < asked:
            run.context.warn(
                Text(
                    f"{name}组要求 {asked} 张，{len(usable)} 张候选中只得到 {count} 张（其余：{zh}）。",
                    f"{many(asked, 'picture was', 'pictures were')} asked for the {arm} arm, {count} could be had of {many(len(usable), 'candidate')}"
                    f" (the others: {en}).",
                )
            )


def _report(run: MiningRun, summary: dict[str, Any], scores: Float32, picks: Picks) -> dict[str, Any]:
    recipe = run.recipe
    asked = (
        "sele_ratio", "track_file", "task_file", "isshuffle", "seed", "weights_dir", "method", "control",
        "control_kind", "candidates", "per_track", "gap_frames", "gap_seconds", "gap_metres", "labelled",
    )  # fmt: skip
    return {
        "task_id": run.context.job.id,
        "task_type": "sele",
        "request": {name: getattr(recipe, name) for name in asked},
        "model": {"path": Path(recipe.model_path).name, "sha256": recipe.model_sha256},
        "classes": [asdict(aim) for aim in recipe.aims],
        "classes_from": recipe.aims_source,
        "scores": {f"p{q}": round(float(np.percentile(scores, q)), 6) for q in (0, 25, 50, 75, 90, 99, 100)},
        "ruled_out": dict(sorted(picks.ruled_out.items())),
        "radius": round(picks.radius, 6),
        **({"parts": picks.parts, "memory_mib": recipe.memory_mib} if picks.parts > 1 else {}),
        "left_out": run.warn_left_out(),
        "summary": summary,
    }
