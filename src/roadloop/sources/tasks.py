"""What the jobs of source sets run: imports and examinations."""

from pathlib import Path
from typing import Final

from roadloop.cluster.spread import There, spread
from roadloop.errors import Text, many
from roadloop.jobs.context import Outcome, TaskContext
from roadloop.labels.table import ClassTable
from roadloop.models.service import find_weights
from roadloop.networks.trust import Trust, trust_of
from roadloop.sources.bringing import Each, bring, foresee, judge, write_report
from roadloop.sources.finding.build import build
from roadloop.sources.finding.index import index_path
from roadloop.sources.finding.recipe import ReadLabels
from roadloop.sources.health.examine import examine, list_samples
from roadloop.sources.health.look import Elsewhere, Examiner, open_examiner
from roadloop.sources.health.noise import Judge
from roadloop.sources.health.recipe import HealthRecipe
from roadloop.sources.health.service import folder_of
from roadloop.sources.health.write import write_health
from roadloop.sources.layout import SPLITS
from roadloop.sources.offimport import REPORT, preview_path, report_path
from roadloop.sources.preview import Samples
from roadloop.sources.recipe import ImportJob, Rework
from roadloop.sources.rework import choose, copy, taken
from roadloop.sources.service import open_set
from roadloop.sources.survey import Survey

_EACH: Final = 16  #: pictures that another node gets at once for each of its cores


def offimport(context: TaskContext) -> Outcome:
    """Import a folder.

    Raises:
        JobError: Not one picture could be imported, or the folder contradicts itself; the report is kept.
        ConflictError: The data's own table is not the one that was asked for.
        LabelMapError: The class table has none of the data's classes, or twin colours, or cannot be read.
        DiskFullError: No space is left; nothing was changed.
    """
    recipe = context.recipe(ImportJob).recipe
    workspace = context.platform.workspace
    target = workspace.sources / recipe.dest
    context.clear_older(workspace.sources, workspace.logs, target, target / SPLITS)
    brought = bring(context, workspace, recipe, _max_pixels(context))
    moves = [*brought.moves, write_report(context, brought.report, report_path(workspace, context.job.id))]
    error = judge(context, brought.report)
    if error is not None:
        context.publish(moves)
        raise error
    return Outcome(brought.facts(), moves)


def preview(context: TaskContext) -> Outcome:
    """Say what an import would do, and do nothing: the same steps, without a place to write to.

    Raises:
        JobError, ConflictError, LabelMapError: As `offimport`.
        DiskFullError: No space is left for the preview.
    """
    recipe = context.recipe(ImportJob).recipe
    workspace = context.platform.workspace
    target = preview_path(workspace, context.job.id)
    samples: list[Samples] = []

    def see(done: Survey) -> Each:
        samples.append(Samples(done.meaning.table, done.tree))
        return samples[0].see

    brought = foresee(context, workspace, recipe, _max_pixels(context), see)
    with context.filling(target) as scratch:
        pairs = samples[0].write(scratch)
        brought.report.write(scratch / REPORT)
    context.reach("preview.written")
    result = {**brought.facts(), "table_rows": brought.survey.meaning.table.to_rows(), "pairs": pairs}
    return Outcome(result, [(scratch, target)])


def _max_pixels(context: TaskContext) -> int:
    return context.platform.settings.max_picture_mpix * 1_000_000


def rework(context: TaskContext) -> Outcome:
    """Copy pictures of a source set that are to be labelled anew to images/<version>, which appears as a whole.

    Raises:
        NotFoundError: The set, or one of the pictures, is gone.
        NameTakenError: There is such a version by now.
        DiskFullError: No space is left; there is no such version.
    """
    recipe = context.recipe(Rework)
    target = context.platform.workspace.images / recipe.version
    result = {"version": recipe.version, "pictures": len(recipe.pictures)}
    if "copied" in context.memo:
        return Outcome(result)
    if target.exists():
        raise taken(recipe.version)
    samples = choose(context.platform.workspace, recipe)

    def watch(done: int, total: int) -> None:
        context.progress(done, total, Text("复制图片", "Copying pictures"))
        context.check_stop()

    with context.filling(target, sealed=False) as scratch:
        copy(samples, scratch, watch)
    context.reach("rework.copied")
    context.publish([(scratch, target)], {"copied": True})  # it belongs to people from now on, and has no seals
    return Outcome(result)


def index(context: TaskContext) -> Outcome:
    """Read the labels of a source set, so that its pictures can be found by class.

    Raises:
        NotFoundError: It is gone.
        LabelMapError: Its class table cannot be used.
        DiskFullError: No space is left; the last index stays.
    """
    workspace = context.platform.workspace
    source = open_set(workspace, context.recipe(ReadLabels).name, "name")
    target = index_path(workspace, source.name)
    target.parent.mkdir(exist_ok=True)
    context.clear_older(target.parent)

    def watch(done: int, total: int) -> None:
        context.progress(done, total, Text("读取标注", "Reading labels"))
        context.check_stop()

    scratch = context.scratch(target)
    built = build(source, scratch, target, _max_pixels(context), watch)
    context.reach("index.written")
    if built.unreadable:
        context.warn(
            Text(
                f"{built.unreadable} 个标注不能使用，对应的图片找不到；“体检”会逐个说明原因。",
                f"{many(built.unreadable, 'label')} cannot be used, so these pictures are not found; the set's health says"
                " why, one by one.",
            )
        )
    return Outcome(built._asdict(), [(scratch, target)])


def health(context: TaskContext) -> Outcome:
    """Examine a source set.

    Raises:
        NotFoundError: It, or the model file, is gone.
        LabelMapError: Its class table cannot be used.
    """
    recipe = context.recipe(HealthRecipe)
    workspace = context.platform.workspace
    target = folder_of(workspace, context.job.id)
    listed = list_samples(workspace, recipe)
    params = find_weights(context.platform, recipe.model) if recipe.model else None
    trust = trust_of(context.platform)
    judge, names = _judge(context, params, listed.table, trust) if params else (None, {})
    note = Text("检查图片与标注", "Examining pictures and labels")

    def watch(done: int, total: int) -> None:
        context.progress(done, total, note)
        context.check_stop()

    here = Examiner(recipe, listed.table, _max_pixels(context), judge, stored=listed.stored)
    there = There(open_examiner, Elsewhere(recipe, listed.table, params, trust, listed.stored), _EACH)
    with spread(context, here, there, len(listed.samples) + len(listed.strangers)) as look:
        found = examine(recipe, listed, look, watch)
    with context.filling(target) as scratch:
        value = write_health(scratch, found, names)
    context.reach("health.written")
    context.log(f"totals={value['totals']}")
    return Outcome({"totals": value["totals"]}, [(scratch, target)])


def _judge(
    context: TaskContext, params: Path, table: ClassTable, trust: Trust
) -> tuple[Judge, dict[int, tuple[str, str]]]:
    """A model file as the judge of labels; torch is loaded here, because an import does not need it."""
    import torch  # noqa: PLC0415

    from roadloop.sources.health.judge import load_judge  # noqa: PLC0415

    threads = context.platform.settings.torch_threads
    if threads:
        torch.set_num_threads(threads)
    device = torch.device("cuda", 0) if context.gpus else torch.device("cpu")
    return load_judge(params, table, device, trust)
