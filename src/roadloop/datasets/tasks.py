"""What the job of /create_data runs."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from roadloop.cluster.spread import There, spread
from roadloop.datasets.assemble import assemble
from roadloop.datasets.info import format_report
from roadloop.datasets.pack import ShardReport
from roadloop.datasets.plan import Plan, make_plan
from roadloop.datasets.pool import Packing, open_packing, pack_all, take_over
from roadloop.datasets.recipe import DatasetJob, DatasetRecipe
from roadloop.errors import InvalidValueError, JobError, Text, many
from roadloop.jobs.context import Outcome, TaskContext
from roadloop.sources.layout import Problem

_MOST_LOGGED = 1000


def build(context: TaskContext) -> Outcome:
    """Build a dataset.

    Raises:
        JobError: No usable picture, or too many bad files; the report is kept in the log folder.
    """
    job = context.recipe(DatasetJob)
    recipe = job.recipe
    target = context.platform.workspace.dataset(recipe.name)
    parts_target = target.with_name(f"{recipe.name}.parts")
    parts = context.scratch(parts_target)
    parts.mkdir()
    plan = make_plan(context.platform.workspace, recipe)
    reports = _pack(context, plan, parts, parts_target, job.thread)
    context.reach("build.packed")
    _check(context, recipe, plan, reports)
    context.progress(plan.pictures, plan.pictures, Text("写入清单与统计", "Writing lists and statistics"))
    with context.filling(target) as scratch:
        info = assemble(scratch, parts, recipe, plan, reports)
    context.reach("build.assembled")
    for text in info.warnings:
        context.warn(text)
    result = {"counts": dict(info.counts), "digest": info.digest, "bad": info.bad}
    return Outcome(result, [(scratch, target)])


def _pack(context: TaskContext, plan: Plan, parts: Path, parts_target: Path, processes: int) -> list[ShardReport]:
    reports = take_over(plan, context.older_scratch(parts_target), parts)
    context.clear_older(parts_target.parent)
    context.keep(len(reports))
    context.log(f"pictures={plan.pictures} shards={len(plan.shards)} taken_over={len(reports)}")
    note = Text("检查并打包图片", "Checking and packing pictures")
    taken = read = sum(map(_pictures, reports))

    def tell(done: int) -> None:
        context.progress(max(done, read), plan.pictures, note)
        context.check_stop()

    finished = {r.file for r in reports}
    todo = [shard for shard in plan.shards if shard.file not in finished]
    packing = Packing(plan.tables, parts, processes, context.platform.settings.max_picture_mpix * 1_000_000)
    here = partial(pack_all, packing=packing, watch=lambda done: tell(taken + done))
    with spread(context, here, There(open_packing, packing, 1), plan.pictures - taken) as pack:
        for report in pack(todo):
            reports.append(report)
            context.keep(len(reports))
            context.reach("build.shard")
            context.log(f"shard={report.file} rows={report.rows} bad={len(report.problems)}")
            read += _pictures(report)
            tell(read)
    return reports


def _pictures(report: ShardReport) -> int:
    return report.rows + len(report.problems)


def _check(context: TaskContext, recipe: DatasetRecipe, plan: Plan, reports: Sequence[ShardReport]) -> None:
    """Log what is left out, and refuse to go on when that is too much."""
    problems = sorted([*plan.problems, *(p for r in reports for p in r.problems)])
    for problem in problems[:_MOST_LOGGED]:
        context.log(f"left out: {problem.file}: {problem.reason.en} | {problem.reason.zh}")
    good = sum(r.rows for r in reports)
    if not good:
        kept = _keep_report(context, problems)
        if not problems:
            raise InvalidValueError(
                Text("划分列表里没有任何现有的图片", "The split lists name none of the pictures there are")
            )
        raise JobError(
            Text(
                f"没有一张可用的图片：{len(problems)} 个文件都有问题，逐条原因见 {kept}",
                f"Not one usable picture: {many(len(problems), 'file is', 'files are')} bad; {kept} says why, line by line",
            ),
            report=kept,
        )
    share = len(problems) / (good + len(problems))
    if share > recipe.max_bad:
        kept = _keep_report(context, problems)
        raise JobError(
            Text(
                f"{len(problems)} 个文件有问题（{share:.1%}，上限 {recipe.max_bad:.1%}），未生成 data；"
                f"逐条原因见 {kept}。修正后重试，或提高 max_bad",
                f"{many(len(problems), 'file is', 'files are')} bad ({share:.1%}, limit {recipe.max_bad:.1%}), so no dataset was built;"
                f" {kept} says why, line by line. Mend them and try again, or raise max_bad",
            ),
            report=kept,
        )


def _keep_report(context: TaskContext, problems: Sequence[Problem]) -> str:
    """Publish the report beside the job's log; returns its place in the workspace."""
    workspace = context.platform.workspace
    target = workspace.logs / f"{context.job.id}.report.csv"
    scratch = context.scratch(target)
    scratch.write_text(format_report(problems), encoding="utf-8")
    context.publish([(scratch, target)])
    return workspace.store_path(target)
