"""`roadloop import` and `roadloop health`: bring pictures into a source set, and examine one."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, track

from roadloop.errors import ConflictError, Text
from roadloop.labels.table import ClassTable
from roadloop.settings import Settings
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
    judge, names = _judge(model, source.table)
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


def _judge(model: Path | None, table: ClassTable) -> tuple[Judge | None, dict[int, tuple[str, str]]]:
    """A model file as the judge of labels, on the CPU; torch is loaded only when there is one."""
    if model is None:
        return None, {}
    import torch  # noqa: PLC0415

    from roadloop.sources.health.judge import load_judge  # noqa: PLC0415

    return load_judge(model, table, torch.device("cpu"))
