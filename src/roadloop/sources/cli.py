"""`roadloop import` and `roadloop health`: bring pictures into a source set, and examine one."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, track

from roadloop.console import Home, language, settings_of
from roadloop.errors import ConflictError, Text
from roadloop.settings import Settings
from roadloop.sources.export_set import export_set
from roadloop.sources.exporters.layouts import EXPORTERS
from roadloop.sources.health.examine import Options, examine
from roadloop.sources.health.noise import Judge
from roadloop.sources.health.service import choose_against
from roadloop.sources.health.write import write_health
from roadloop.sources.importers import camvid as camvid_layout
from roadloop.sources.service import open_set
from roadloop.sources.writer import writing_set
from roadloop.storage.paths import Workspace

app = typer.Typer(help="Bring labelled pictures into a source set.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Bring labelled pictures of other layouts into a source set."""


@app.command()
def camvid(
    folder: Annotated[Path, typer.Argument(help="Folder with train/, trainannot/, val/, valannot/ ...")],
    name: Annotated[str, typer.Option(help="Name of the new source set.")] = "camvid",
    home: Annotated[
        Path | None, typer.Option(help="The workspace folder (default: ./roadloop-home, or ROADLOOP_HOME).")
    ] = None,
) -> None:
    """Import CamVid (SegNet tutorial layout): pictures, labels, class table and the official split lists.

    Afterwards build a dataset of it with /create_data; l_value=0 uses the official split.
    """
    found = camvid_layout.find(folder)
    settings = Settings() if home is None else Settings(home=home)
    with writing_set(Workspace(settings.home), name, camvid_layout.TABLE) as writer:
        for sample in track(camvid_layout.read(found), total=len(found), description=f"import {name}"):
            writer.add(sample)
    typer.echo(f"{len(found)} pictures -> source set {name}")


def export(
    name: Annotated[str, typer.Argument(help="Name of the source set 源数据名称.")],
    layout: Annotated[str, typer.Option(help=f"One of: {', '.join(EXPORTERS)}.")],
    out: Annotated[Path, typer.Option(help="Folder to be made; it must not be there 新目录.")],
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy the pictures; without it they are hard links where that is possible.")
    ] = False,
    home: Home = None,
) -> None:
    """Write a source set in another layout: pictures byte for byte, labels, class table, split lists 导出源数据.

    Importing the folder again gives the same pixels, classes and splits. The folder appears whole or not at all.
    Hard links share their bytes with the source set: do not change those pictures in place, or say --copy.
    """
    settings = settings_of(home)
    source = open_set(Workspace(settings.home, settings.roots), name, "name")
    with Progress() as bar:
        task = bar.add_task(f"export {source.name}")
        done = export_set(
            source,
            layout,
            out,
            link=not copy,
            max_pixels=settings.max_picture_mpix * 1_000_000,
            progress=lambda number, total: bar.update(task, completed=number, total=total),
        )
    for problem in done.problems:
        typer.echo(f"{problem.file}: {problem.reason.pick(language())}", err=True)
    for note in done.notes:
        typer.echo(note.pick(language()))
    left = f", {len(done.problems)} files left out" if done.problems else ""
    typer.echo(f"{done.pictures} pictures{left} -> {out}")


def health(
    name: Annotated[str, typer.Argument(help="Name of the source set.")],
    model: Annotated[Path | None, typer.Option(help="A .params file that looks for label noise.")] = None,
    against: Annotated[str, typer.Option(help="Sets searched for the same pictures: a comma list, or none.")] = "",
    out: Annotated[Path | None, typer.Option(help="Folder for the results (default: ./health-NAME).")] = None,
    home: Annotated[
        Path | None, typer.Option(help="The workspace folder (default: ./roadloop-home, or ROADLOOP_HOME).")
    ] = None,
) -> None:
    """Examine a source set: duplicates, class coverage, leaks across sets, and, with --model, label noise.

    Writes health.json, lists as csv and a plot; nothing in the workspace is changed.
    """
    settings = Settings() if home is None else Settings(home=home)
    workspace = Workspace(settings.home, settings.roots)
    source = open_set(workspace, name, "name")
    folder = out or Path(f"health-{source.name}")
    if folder.exists():
        raise ConflictError(
            Text(f"{folder} 已存在，请换一个 --out", f"{folder} is there already; choose another --out")
        )
    judge, names = _judge(model)
    options = Options(
        against=choose_against(workspace, source.name, against), max_pixels=settings.max_picture_mpix * 1_000_000
    )
    with Progress() as bar:
        task = bar.add_task(f"health {name}")
        found = examine(
            workspace, source.name, options, judge, lambda done, of: bar.update(task, completed=done, total=of)
        )
    value = write_health(folder, found, names)
    for what, number in value["totals"].items():
        typer.echo(f"{what:>18}: {'-' if number is None else number}")
    typer.echo(f"-> {folder}")


def _judge(model: Path | None) -> tuple[Judge | None, dict[int, tuple[str, str]]]:
    """A model file as the judge of labels, on the CPU; torch is loaded only when there is one."""
    if model is None:
        return None, {}
    import torch  # noqa: PLC0415

    from roadloop.sources.health.judge import load_judge  # noqa: PLC0415

    return load_judge(model, torch.device("cpu"))
