"""`roadloop demo`: the guided tour."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from roadloop.client import Client
from roadloop.console import language, terminal
from roadloop.demo import report
from roadloop.demo.camvid import CamvidTour, check_folder, script_of
from roadloop.demo.child import ServerChild, serving
from roadloop.demo.script import Script
from roadloop.demo.second_lap import INBOX, TwoLaps
from roadloop.demo.stage import Stage
from roadloop.errors import InvalidValueError, Language, Text
from roadloop.settings import Settings, read_settings
from roadloop.storage.paths import Workspace

DATABASE = "roadloop.db"


def demo(
    home: Annotated[Path, typer.Option(help="The workspace to make 工作区目录.")] = Path("roadloop-demo"),
    host: Annotated[str, typer.Option(help="Loopback address of the demo's server.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Its port; 0 picks a free one.")] = 0,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of the world, the split and the training.")] = 0,
    keep_serving: Annotated[
        bool, typer.Option("--keep-serving", help="Afterwards leave the server running until Ctrl-C.")
    ] = False,
    camvid: Annotated[
        Path | None, typer.Option(help="Take this CamVid folder (train/, trainannot/, val/...) round instead.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, max=1000, help="With --camvid: passes over its pictures.")] = 3,
    network: Annotated[str, typer.Option(help="With --camvid: the network template.")] = "fast-scnn",
    gpus: Annotated[str, typer.Option(help="With --camvid: GPUs that train, by number with commas; empty: CPU.")] = "",
) -> None:
    """Go round the whole loop twice in about eight minutes 演示完整闭环.

    Draws a synthetic road world, starts a server of its own and drives its HTTP interface: pictures, dataset,
    network, training, evaluation on held-out tracks, release. Then new drives are mined, cut into packages, annotated
    by the world itself and learnt from, beside a random control arm. Ends with tables of the steps, their times and the
    IoU of every class before and after, and leaves the workspace to look at. The same command again goes on where it
    was interrupted.
    """
    served = {"host": host, "port": port}
    with on_stage() as stage:
        if camvid is None:
            _go_round(settings_of_tour(home, **served), Script(seed=seed), stage, keep_serving=keep_serving)
        else:
            pictures = camvid.resolve()
            check_folder(pictures)  # before anything is started
            script = script_of(epochs, seed, network, gpus)
            settings = settings_of_tour(home, **served, roots=(f"{pictures}:ro",))
            _go_round_camvid(settings, pictures, script, stage, keep_serving=keep_serving)


def settings_of_tour(home: Path, **more: Any) -> Settings:
    """Settings whose annotators work in folders of the workspace, whatever the environment says."""
    folder = home.resolve()
    _check_home(folder)
    return read_settings(home=folder, annotation_inbox=INBOX, annotation_outbox="", label_studio_url="", **more)


@contextmanager
def on_stage() -> Iterator[Stage]:
    """Where a tour is shown; Ctrl-C and SIGTERM end it in order, with exit code 130."""
    spoken = language()
    console = terminal()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        yield Stage(console, spoken)
    except KeyboardInterrupt:
        text = Text(
            "已中断：服务与任务已停止，完成的部分都保留；同一命令会接着做。",
            "Interrupted: server and jobs are stopped, what is finished stays; the same command goes on.",
        )
        console.print(text.pick(spoken))
        raise typer.Exit(130) from None


def _go_round(settings: Settings, script: Script, stage: Stage, *, keep_serving: bool) -> None:
    folder, console, language = settings.home, stage.console, stage.language
    with serving(settings) as server:
        where = Text(f"工作区 {folder}  服务 {server.url}", f"workspace {folder}  server {server.url}")
        console.print(where.pick(language))
        with Client(server.url, language, alive=server.check) as client:
            found = TwoLaps(client, Workspace(folder), stage, script).run()
            paths = (
                report.write_report(folder, stage.steps, found, script),
                report.write_sheet(folder, found, client.read),
            )
        console.print()
        console.print(report.steps_table(stage.steps, language))
        console.print(report.classes_table(found, language))
        color = "green" if report.demo_miou(found) > report.GOAL else "yellow"
        console.print(f"[bold {color}]{report.summary(found, script).pick(language)}[/]\n")
        console.print(report.gains_table(found, language))
        console.print(f"[bold]{report.gains_summary(found, script).pick(language)}[/]\n")
        _point(console, folder, paths, language)
        if keep_serving:
            _keep(server, console, language)


def _go_round_camvid(settings: Settings, pictures: Path, script: Script, stage: Stage, *, keep_serving: bool) -> None:
    folder, console, language = settings.home, stage.console, stage.language
    with serving(settings) as server:
        with Client(server.url, language, alive=server.check) as client:
            found = CamvidTour(client, Workspace(folder), stage, script, pictures).run()
            sheet = report.write_sheet(folder, found, client.read)
        console.print(report.steps_table(stage.steps, language))
        console.print(report.classes_table(found, language, report.CAMVID))
        console.print(report.camvid_summary(found, script.epochs).pick(language))
        look = f"roadloop serve --home {folder}"
        text = Text(f"看结果：{look}\n图片：{sheet}", f"Look at it: {look}\nPictures: {sheet}")
        console.print(text.pick(language))
        if keep_serving:
            _keep(server, console, language)


def _point(console: Console, folder: Path, paths: tuple[Path, Path], language: Language) -> None:
    lines = Text(
        f"看结果：roadloop serve --home {folder}  然后打开 http://127.0.0.1:8600\n"
        f"图片（原图、真值、预测）：{paths[1]}\n报告：{paths[0]}\n"
        f"模型包：{folder / 'models'}   训练：{folder / 'tasks'}   评估：{folder / 'evaluations'}\n"
        f"挑出的图片与理由（contact-sheet-*.png、selection.csv）：{folder / 'images' / TwoLaps.names.version}",
        f"Look at it: roadloop serve --home {folder}  then open http://127.0.0.1:8600\n"
        f"Pictures (picture, truth, prediction): {paths[1]}\nReport: {paths[0]}\n"
        f"Release bundle: {folder / 'models'}   training: {folder / 'tasks'}   evaluation: {folder / 'evaluations'}\n"
        f"Mined pictures with reasons (contact-sheet-*.png, selection.csv): {folder / 'images' / TwoLaps.names.version}",
    )
    console.print(lines.pick(language))


def _keep(server: ServerChild, console: Console, language: Language) -> None:
    text = Text(f"服务仍在运行：{server.url}（Ctrl-C 结束）", f"Still serving: {server.url} (Ctrl-C ends it)")
    console.print(text.pick(language))
    try:
        server.wait()
    except KeyboardInterrupt:
        return


def _check_home(folder: Path) -> None:
    """Refuse a folder that holds something else.

    Raises:
        InvalidValueError: It is a file, or a folder that is neither empty nor a workspace.
    """
    if folder.is_dir() and (not any(folder.iterdir()) or (folder / DATABASE).exists()):
        return
    if folder.exists():
        raise InvalidValueError(
            Text(
                f"{folder} 已存在，但不是 roadloop 工作区；没有改动任何内容。请用 --home 选另一个目录。",
                f"{folder} exists and is no roadloop workspace; nothing was changed. Choose another folder with --home.",
            ),
            home=str(folder),
        )


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
