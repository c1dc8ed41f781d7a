"""`roadloop sweep`: search over recipes with successive halving."""

import time
from typing import Annotated

import typer
from rich.live import Live
from rich.markup import escape

from roadloop.console import Home, language, settings_of, terminal
from roadloop.errors import JobError, Text, many
from roadloop.jobs.states import JobState
from roadloop.storage.platform import Platform, open_platform
from roadloop.sweeps import report, service
from roadloop.sweeps.course import Course, Seen
from roadloop.sweeps.plan import MAX_TRIALS, Sweep, draw_trials, make_rungs, parse_choice, parse_fixed

console = terminal()
LOOK_SECONDS = 1.0
PATIENCE_SECONDS = 30.0


def sweep(
    name: Annotated[str, typer.Argument(help="Name of the sweep; trial 1 is the training task NAME-1 搜索名称.")],
    data: Annotated[str, typer.Option(help="Dataset, with a validation split 数据.")],
    network: Annotated[str, typer.Option(help="Network 网络.")],
    choices: Annotated[
        list[str],
        typer.Option(
            "--try",
            help="What to try, once for each key of train_con or data_con: `base_lr=0.001..0.1` draws from a range,"
            " `optimizer=sgd,adamw` takes each 试什么.",
        ),
    ],
    fixed: Annotated[
        list[str] | None, typer.Option("--set", help="`key=value` that every trial has, such as `batch_size=8`.")
    ] = None,
    trials: Annotated[int, typer.Option(min=2, max=MAX_TRIALS, help="How many combinations at most 试验数.")] = 9,
    epochs: Annotated[int, typer.Option(min=2, help="Epochs of the whole recipe 总轮数.")] = 27,
    first: Annotated[int, typer.Option(min=1, help="Epochs of the first rung at least 第一档轮数.")] = 3,
    keep: Annotated[int, typer.Option(min=2, help="One in so many goes on at each rung 每档保留 1/N.")] = 3,
    maps: Annotated[str, typer.Option(help="Label map template, such as hd-13; empty: the default 标签映射.")] = "",
    gpus: Annotated[
        list[str] | None, typer.Option(help="GPUs of a trial; given several times, trials take turns. None: CPU.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of what is drawn.")] = 0,
    home: Home = None,
) -> None:
    """Search over recipes with successive halving 超参数搜索（逐级减半）.

    Every trial is a training task that you can look at like any other. All train to the first rung; the better ones
    go on to the next, where they continue as if they had never stopped. Needs a running server for the same home.
    Ctrl-C leaves the trials that train at work; the same command goes on where it was.

    Example: roadloop sweep lr --data city-1 --network fast --try base_lr=0.002..0.1 --try optimizer=sgd,adamw
    """
    plan = Sweep(
        name=name,
        network=network,
        data=data,
        maps=maps,
        gpus=tuple(gpus or [""]),
        keep=keep,
        rungs=make_rungs(epochs, min(first, epochs), keep),
        fixed=dict(parse_fixed(text) for text in fixed or []),
        trials=draw_trials([parse_choice(text) for text in choices], trials, seed),
    )
    platform = open_platform(settings_of(home))
    platform.database.patient = True  # a sweep goes on for hours
    try:
        if service.begin(platform, plan):
            console.print(Text("继续已有的搜索。", "Going on with the sweep that is there.").pick(language()))
        _follow(platform, plan)
    except KeyboardInterrupt:
        text = Text(
            "已离开；正在训练的试验会继续，同一命令会接着做。要停止它们请用 /endtask 或网页。",
            "Left. Trials that train go on; the same command goes on from there. Stop them on the page or by /endtask.",
        )
        console.print(text.pick(language()))
        raise typer.Exit(130) from None
    finally:
        platform.database.close()


def _follow(platform: Platform, plan: Sweep) -> None:
    folder = service.folder_of(platform, plan)
    seen, course = service.look(platform, plan)
    waited, written = time.monotonic(), -1
    with Live(console=console, refresh_per_second=2) as live:
        while not course.finished:
            live.update(report.table(plan, seen, course, language()))
            service.take_step(platform, plan, course)
            if course.rung != written:
                report.write(folder, plan, seen, course)
                written = course.rung
            if any(one.state is JobState.RUNNING for one in seen.values()):
                waited = time.monotonic()
            elif time.monotonic() - waited > PATIENCE_SECONDS:
                waited = time.monotonic()
                live.console.print(escape(_waiting(seen).pick(language())))
            time.sleep(LOOK_SECONDS)
            seen, course = service.look(platform, plan)
        live.update(report.table(plan, seen, course, language()))
    report.write(folder, plan, seen, course)
    _tell(platform, plan, seen, course)


def _waiting(seen: dict[int, Seen]) -> Text:
    reasons = [one.reason for one in seen.values() if one.reason]
    if reasons:
        return reasons[0]
    return Text(
        "试验仍在排队：这个工作区的 roadloop serve 在运行吗？",
        "The trials still wait: is `roadloop serve` running for this home?",
    )


def _tell(platform: Platform, plan: Sweep, seen: dict[int, Seen], course: Course) -> None:
    folder = service.folder_of(platform, plan)
    if not course.alive:
        raise JobError(
            Text(
                f"没有一个试验得到分数；原因见上表与 {folder / report.TABLE}。",
                f"Not one trial got a score; the table above and {folder / report.TABLE} say why.",
            )
        )
    best = course.alive[0]
    name, score = plan.task(best), seen[best].score(plan.rungs[-1]) or 0.0
    trained = sum(len(one.miou) for one in seen.values())
    text = Text(
        f"最佳：{name}，验证集 mIoU {score:.4f}（共训练 {trained} 轮，全部跑完需 {len(seen) * plan.rungs[-1]} 轮）。\n"
        f"分数来自选它的那个验证集，偏乐观；请在 test 上评估。\n曲线：{folder / report.CURVES}",
        f"The best: {name}, mIoU {score:.4f} on the validation split ({many(trained, 'epoch')} trained in all;"
        f" every trial to the end would be {len(seen) * plan.rungs[-1]}).\n"
        f"That split also chose it, so the score is optimistic: evaluate on test.\nCurves: {folder / report.CURVES}",
    )
    console.print(escape(text.pick(language())))
