"""What the jobs of /task_divide and /process_label run."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from roadloop.errors import BrokenFileError, JobError, Text, many
from roadloop.jobs.context import Move, Outcome, TaskContext
from roadloop.networks.trust import trust_of
from roadloop.packages import choose, places, store
from roadloop.packages import manifest as manifests
from roadloop.packages.compose import Annotate, Brief, fill
from roadloop.packages.listing import Candidate
from roadloop.packages.manifest import PICTURE_PREFIX
from roadloop.packages.plan import Role, make_plan, parse_amount
from roadloop.packages.process import LabelRun
from roadloop.packages.recipe import DivideRecipe, ProcessRecipe
from roadloop.sources.layout import Problem
from roadloop.storage import publish

PLANNED: Final = "planned"  #: in the job's memo: all rows of the plan are there


def divide(context: TaskContext) -> Outcome:
    """Cut a version into packages and publish all of them at once.

    The plan and the package numbers are rows, written once; an attempt that follows a killed one keeps them, and
    takes over the packages that were finished.

    Raises:
        JobError: Not one picture can be used.
        InvalidValueError: The options leave no room.
    """
    recipe = context.recipe(DivideRecipe)
    rows, problems = _planned(context, recipe)
    brief = _brief(context, recipe)
    base = places.folder_of(context.platform.workspace, places.PACKAGES, brief.version)
    base.mkdir(parents=True, exist_ok=True)
    moves: list[Move] = []
    broken: list[int] = []
    done = 0
    for number, group in groupby(rows, key=lambda row: int(row.number)):
        context.check_stop()
        planned = list(group)
        bad, ids = _package(context, brief, number, planned)
        problems += bad
        broken += ids
        done += len(planned)
        context.progress(done, len(rows), Text(f"任务包 {number}", f"Package {number}"))
        if len(ids) < len(planned):
            moves.append((context.scratch(base / str(number)), base / str(number)))
        context.keep(len(moves))
        context.reach("divide.package")
    if not moves:
        raise _nothing(problems)
    _note(context, broken)
    return Outcome(_divided(context, rows, moves, problems, len(broken)), moves)


def process(context: TaskContext) -> Outcome:
    """Publish returned labels as a source set, and keep aside what is rejected.

    Raises:
        JobError: Not one label can be used; what is rejected is kept nevertheless.
        NameTakenError: Somebody made a source set of that name meanwhile.
    """
    return LabelRun(context, context.recipe(ProcessRecipe)).publish()


def _planned(context: TaskContext, recipe: DivideRecipe) -> tuple[list[Any], list[Problem]]:
    """The plan's rows; made once, and read by the attempts after the one that has completed it."""
    if context.memo.get(PLANNED):
        with context.platform.database.reading() as db:
            return store.pictures_of(db, context.job.id), []
    _forget(context)
    pictures, problems = _candidates(context, recipe)
    if not pictures:
        raise _nothing(problems)
    gold = parse_amount(recipe.gold, "gold")(len(pictures)) if recipe.gold_set else 0
    limit = context.platform.settings.max_picture_mpix * 1_000_000
    known = choose.draw_gold(context.platform.workspace, recipe.gold_set, gold, recipe.seed, limit)
    overlap = parse_amount(recipe.overlap, "overlap")(len(pictures))
    plan = make_plan(pictures, recipe.step, overlap, known, recipe.seed)
    _insert(context, recipe, list(choose.disguise(plan, recipe.seed)))
    context.publish([], {PLANNED: True})
    context.reach("divide.planned")
    with context.platform.database.reading() as db:
        return store.pictures_of(db, context.job.id), problems


def _candidates(context: TaskContext, recipe: DivideRecipe) -> tuple[list[Candidate], list[Problem]]:
    with context.platform.database.reading() as db:
        if recipe.rejected:
            return choose.again(store.rejected_pictures(db, recipe.version)), []
        leave_out = set() if recipe.again else store.packed_origins(db, recipe.version, recipe.types)
    return choose.of_version(context.platform.workspace, recipe.version, leave_out)


def _forget(context: TaskContext) -> None:
    """Forget a plan that a killed attempt could not complete, and those of divisions that have been given up."""
    more = True
    while more:
        with context.holding() as db:
            more = store.drop_part(db, context.job.id)


def _insert(context: TaskContext, recipe: DivideRecipe, plan: Sequence[Sequence[tuple[Candidate, Role]]]) -> None:
    """Number the packages, one after the highest that any folder or row has, and store the plan, in parts.

    Its numbers are taken in one transaction; nobody counts on its pictures before the memo says that all are there.
    """
    on_disk = max((n for _, n, _ in places.all_packages(context.platform.workspace)), default=0)
    earlier: dict[str, Any] = {}
    if recipe.rejected:
        with context.platform.database.reading() as db:
            earlier = {row.origin: row for row in store.rejected_pictures(db, recipe.version)}
    about = {"task_id": context.job.id, "version": recipe.version, "types": recipe.types}
    with context.holding() as db:
        first = max(on_disk, store.highest_number(db)) + 1
        db.execute(store.packages.insert(), [{"number": first + n, **about} for n in range(len(plan))])
    pictures = (
        _picture(first + n, candidate, role, earlier.get(candidate.origin))
        for n, entries in enumerate(plan)
        for candidate, role in entries
    )
    for part in store.parts(pictures):
        with context.holding() as db:
            db.execute(store.package_pictures.insert(), part)
        context.reach("divide.part")


def _picture(number: int, candidate: Candidate, role: str, before: Any) -> dict[str, Any]:
    """The row of a picture; of one that is sent out again, with what was wrong `before`."""
    return {
        **candidate._asdict(),
        "number": number,
        "name": f"{PICTURE_PREFIX}{candidate.name}",
        "role": role,
        "outcome": "",
        "reason": before.reason if before is not None else None,
        "label": before.label if before is not None else "",
    }


def _brief(context: TaskContext, recipe: DivideRecipe) -> Brief:
    annotate: Annotate | None = None
    if recipe.pre_model is not None:
        from roadloop.packages.preannotate import open_annotator  # noqa: PLC0415 - torch only where a model draws

        path = context.platform.workspace.find_path(recipe.pre_model.path)
        annotate = open_annotator(path, recipe.pre_model.sha256, context.gpus, trust_of(context.platform))
    limit = context.platform.settings.max_picture_mpix * 1_000_000
    return Brief(recipe.version, recipe.types, f"{places.IMAGES}/{recipe.version}", recipe.table, annotate, limit)


def _package(context: TaskContext, brief: Brief, number: int, rows: Sequence[Any]) -> tuple[list[Problem], list[int]]:
    """Fill one package, or take it over from a killed attempt that had finished it without losing a picture."""
    workspace = context.platform.workspace
    target = places.folder_of(workspace, places.PACKAGES, brief.version) / str(number)
    for older in reversed(context.older_scratch(target)):
        if _whole(older, rows):
            older.rename(context.scratch(target))
            return [], []
    with context.filling(target, take_over=True) as scratch:
        return fill(workspace, scratch, number, brief, rows)


def _whole(folder: Path, rows: Sequence[Any]) -> bool:
    """Whether a killed attempt had finished a package, with every picture that was planned."""
    try:
        manifest = manifests.read(folder)
    except BrokenFileError:
        return False
    return {p.name for p in manifest.pictures} == {row.name for row in rows} and not publish.verify(folder)


def _note(context: TaskContext, broken: Iterable[int]) -> None:
    for part in store.parts(broken):
        with context.holding() as db:
            store.set_outcomes(db, part, "broken")


def _divided(
    context: TaskContext, rows: Sequence[Any], moves: Sequence[Move], problems: Sequence[Problem], broken: int
) -> dict[str, Any]:
    for problem in problems:
        context.log(f"left out: {problem.file}: {problem.reason.en} | {problem.reason.zh}")
    if problems:
        context.warn(
            Text(
                f"{len(problems)} 个文件不能使用，未放入任务包；原因见日志。例如 {problems[0].file}：{problems[0].reason.zh}",
                f"{many(len(problems), 'file cannot', 'files cannot')} be used and are in no package; the log says why."
                f" Such as {problems[0].file}: {problems[0].reason.en}",
            )
        )
    numbers = [int(target.name) for _, target in moves]
    return {
        "packages": len(numbers),
        "first": numbers[0],
        "last": numbers[-1],
        "pictures": len(rows) - broken,
        "bad": len(problems),
        "overlap": sum(row.role == "overlap" for row in rows),
        "gold": sum(row.role == "gold" for row in rows),
    }


def _nothing(problems: Sequence[Problem]) -> JobError:
    first = f"{problems[0].file}：{problems[0].reason.zh}" if problems else "没有新图片"
    first_en = f"{problems[0].file}: {problems[0].reason.en}" if problems else "there are no new pictures"
    return JobError(
        Text(
            f"没有一张图片可以放入任务包；例如 {first}",
            f"Not one picture can be put into a package; such as {first_en}",
        )
    )
